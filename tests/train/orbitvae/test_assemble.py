"""What a finished run states about itself is measured on the right crystals."""

from __future__ import annotations

import numpy as np
import pytest

from wyckforge.models.orbitvae.autoencoder import OrbitVAE
from wyckforge.models.orbitvae.predictor import Predictor
from wyckforge.train.calibration import Calibration
from wyckforge.train.orbitvae.assemble import assemble
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.data import OrbitData
from wyckforge.train.orbitvae.objectives import AutoencoderObjective, PredictorObjective
from wyckforge.train.orbitvae.world import World

FRACTIONS = (0.2, 0.65, 0.15)


@pytest.fixture(scope="module")
def made(orbit_config, tmp_path_factory) -> tuple[OrbitCheckpoint, OrbitData]:
    """A checkpoint of networks that have learned nothing, and its data; most of them to validate with."""
    import torch

    config = orbit_config(tmp_path_factory.mktemp("assemble"), split={"fractions": FRACTIONS})
    data, world = OrbitData.prepare(config), World(torch.device("cpu"))
    torch.manual_seed(1)
    autoencoder: OrbitVAE = AutoencoderObjective(config.autoencoder, data, config.longest_learned, world).build()
    predictors: list[Predictor] = [
        PredictorObjective(config.predictor, data, world).build().predictor.eval() for _ in range(2)
    ]
    return assemble(config, data, autoencoder, predictors, []), data


def test_errors_and_calibration_are_those_of_the_validation_part(made):
    checkpoint, data = made
    val = data.table.select(data.split.val)
    assert len(val) > 20
    votes, predicted = checkpoint.votes(val.genes), checkpoint.predict(val.genes)
    for name, scale in data.scales.items():
        labels = val.label(name)
        assert checkpoint.calibrations[name] == Calibration.fit(votes[name], scale, labels) != Calibration()
        assert checkpoint.errors[name] == pytest.approx(np.nanmean(np.abs(predicted[name] - labels)))


def test_known_are_the_crystals_of_training_and_validation_only(made):
    checkpoint, data = made
    for part, known in (("train", True), ("val", True), ("test", False)):
        genes = data.table.select(getattr(data.split, part)).genes
        assert {checkpoint.is_known_gene(gene) for gene in genes} == {known}


def test_the_pool_holds_labels_of_training_crystals_in_physical_units(made):
    checkpoint, data = made
    row = list(data.targets).index("formation_energy")
    learned = {gene.formula for gene in data.learned_genes}
    table = data.table.label("formation_energy")[[f in learned for f in data.table.formulas]]
    extra = np.linspace(-2, -1, 100)  # labels of the extra table lie in this span
    pool = checkpoint.labels[:, row]
    pool = pool[~np.isnan(pool)]
    assert np.isin(table.round(4), pool.round(4)).all()
    assert pool.min() >= min(table.min(), extra.min()) - 1e-4
    assert pool.max() <= max(table.max(), extra.max()) + 1e-4
