"""What the networks learn, and the figures that say how well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_absolute_error, precision_score, recall_score

from wyckforge.data.property_scale import PropertyScale
from wyckforge.models.orbitvae.autoencoder import condition_of
from wyckforge.train.orbitvae.data import OrbitData
from wyckforge.train.orbitvae.objectives import AutoencoderObjective, PredictorObjective, property_figures
from wyckforge.train.orbitvae.world import World

CPU = World(torch.device("cpu"))
PARTS_OF_THE_LOSS = {
    "group": ("ask_group", "group_bias", "encode_group", "read_remainder"),
    "orbits": ("ask_element", "ask_position", "encode_site", "blocks", "embedding.own_element", "read_condition"),
    "kl": ("encode_site", "encode_group", "embedding.position"),
    "properties": ("properties", "encode_site"),
}


@pytest.fixture(scope="module")
def data(orbit_config, tmp_path_factory) -> OrbitData:
    return OrbitData.prepare(orbit_config(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def objectives(orbit_config, data, tmp_path_factory):
    config = orbit_config(tmp_path_factory.mktemp("run"), predictor={"dropout": 0.0})
    return (
        AutoencoderObjective(config.autoencoder, data, config.max_sites, CPU),
        PredictorObjective(config.predictor, data, CPU),
    )


@pytest.mark.parametrize("term", PARTS_OF_THE_LOSS)
def test_every_term_of_the_loss_moves_what_it_is_about(objectives, data, term):
    objective = objectives[0]
    torch.manual_seed(0)
    network = objective.build()
    objective.losses(network, data.train, torch.Generator().manual_seed(0), CPU)[term].backward()
    for part in PARTS_OF_THE_LOSS[term]:
        norms = [
            p.grad.norm() for name, p in network.named_parameters() if name.startswith(part) and p.grad is not None
        ]
        assert norms, part
        assert torch.stack(norms).max() > 0, part


def test_the_loss_is_the_weighted_sum_of_its_terms(objectives, data):
    objective = objectives[0]
    terms = objective.losses(objective.build(), data.train, torch.Generator().manual_seed(0), CPU)
    weights = {"group": 1, "orbits": 1, "kl": 0.2, "properties": 0.3}
    assert terms["loss"].item() == pytest.approx(sum(w * terms[name].item() for name, w in weights.items()), rel=1e-5)


def test_the_loss_of_the_predictor_moves_every_head(objectives, data):
    network = objectives[1].build()
    objectives[1].losses(network, data.train, torch.Generator(), CPU)["loss"].backward()
    assert set(network.predictor.heads) == set(data.outputs)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
    for head in network.predictor.heads.values():
        assert head[-1].weight.grad.norm() > 0


def test_structures_are_a_lesson_of_their_own(orbit_config, data, tmp_path):
    shown = replace(data, train=data.train._replace(geometry=torch.randn(data.train.size, 5)))
    settings = orbit_config(tmp_path, predictor={"dropout": 0.0, "geometry_weight": 0.7}).predictor
    objective = PredictorObjective(settings, shown, CPU)
    network = objective.build()
    terms = objective.losses(network, shown.train, torch.Generator(), CPU)
    assert terms["loss"].item() == pytest.approx(terms["properties"].item() + 0.7 * terms["geometry"].item())
    terms["geometry"].backward()
    assert network.predictor.site[0].weight.grad.norm() > 0
    assert all(parameter.grad is None for parameter in network.predictor.heads.parameters())


def test_the_mean_loss_does_not_depend_on_the_batch(objectives, data, monkeypatch):
    monkeypatch.setattr("wyckforge.train.orbitvae.objectives.described_anew", lambda orbits, _: orbits)
    objective, whole = objectives[1], data.train
    network = objective.build()
    for rows in (torch.arange(12), torch.arange(12).repeat(3)):
        loss = objective.losses(network, whole.rows(rows), torch.Generator(), CPU)["loss"].item()
        assert loss == pytest.approx(
            objective.losses(network, whole.rows(torch.arange(12)), torch.Generator(), CPU)["loss"].item(), rel=1e-5
        )


def test_predictors_see_other_descriptions(objectives, data):
    network, batch = objectives[1].build(), data.train

    def loss(generator: torch.Generator) -> float:
        return objectives[1].losses(network, batch, generator, CPU)["loss"].item()

    assert loss(torch.Generator().manual_seed(0)) != loss(torch.Generator().manual_seed(1))
    assert loss(torch.Generator().manual_seed(0)) == loss(torch.Generator().manual_seed(0))


def test_without_a_latent_it_does_not_matter_which_gene_the_noise_came_from(objectives, data):
    objective = objectives[0]
    network, orbits = objective.build().eval(), data.val.orbits
    n = data.val.size
    nothing = condition_of(data.val.labels[:, :2], torch.zeros(n, 2, dtype=torch.bool))
    figures = objective.validate(network)
    with torch.no_grad():
        total = network.score(orbits, torch.zeros(n, objective.settings.latent), torch.ones(n), nothing).total
    assert figures["nll"] == pytest.approx(-total.mean().item(), rel=1e-4)
    assert 0 <= figures["exact"] <= min(figures["elements"], figures["letters"], figures["group"])


def test_noise_levels_follow_the_mixture(objectives):
    level, told, noise, blur = objectives[0]._chances(20_000, torch.Generator().manual_seed(0))
    assert (level == 1).double().mean().item() == pytest.approx(0.35, abs=0.02)
    assert (level < 0.15).double().mean().item() == pytest.approx(0.35 + 0.3 * 0.15, abs=0.02)
    assert told.double().mean().item() == pytest.approx(0.6, abs=0.02)
    assert not torch.equal(noise, blur)


def test_figures_of_a_gap_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    scale = PropertyScale("band_gap", 0.0, 1.7, zero_inflated=True, non_negative=True)
    gaps = np.where(rng.random(300) < 0.5, 0.0, rng.uniform(0.1, 6, 300))
    said = gaps + rng.normal(0, 0.5, 300)
    odds = np.where(gaps == 0, 1.0, -1.0) + rng.normal(0, 1, 300)
    labels = scale.transform(gaps)
    labels[:20] = np.nan
    figures = property_figures(scale, scale.transform(said), odds, labels)
    gaps, said, odds = gaps[20:], np.maximum(said, 0)[20:], odds[20:]
    assert figures["mae"] == pytest.approx(mean_absolute_error(gaps, np.where(odds > 0, 0, said)))
    assert figures["nonzero_mae"] == pytest.approx(mean_absolute_error(gaps[gaps > 0], said[gaps > 0]))
    assert figures["zero_precision"] == pytest.approx(precision_score(gaps == 0, odds > 0))
    assert figures["zero_recall"] == pytest.approx(recall_score(gaps == 0, odds > 0))


def test_figures_are_in_physical_units():
    scale = PropertyScale("thermal_conductivity", 1.0, 2.0, logarithmic=True, non_negative=True)
    figures = property_figures(scale, scale.transform(np.array([8.0])), np.zeros(1), scale.transform(np.array([5.0])))
    assert figures == {"mae": pytest.approx(3.0)}
    gap = PropertyScale("band_gap", 0.0, 1.0, zero_inflated=True)
    assert set(property_figures(gap, np.ones(2), -np.ones(2), np.ones(2))) == {"mae", "nonzero_mae"}
