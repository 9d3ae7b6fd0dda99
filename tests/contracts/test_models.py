"""What every model of Wyckoff genes keeps to; a new model is added to ``MODELS``."""

from __future__ import annotations

import numpy as np
import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.models.representation import Rejection
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint

MODELS = {"MPVAE": lambda: Checkpoint.load(bundled_checkpoint())}

ORBIT_TOLERANCE = 1e-6
"""eV or eV/atom; 4e-8 was measured: the members of an orbit are evaluated in an order that the description sets."""

BATCH_TOLERANCE = 1e-5
"""eV, eV/atom or latent units; 3e-6 was measured: matrix products of another size round differently."""


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    return MODELS[request.param]()


@pytest.fixture(scope="module")
def genes(model) -> tuple[WyckoffGene, ...]:
    """Real crystals of many space groups."""
    found = [gene for gene in load_embedded().genes if model.represents(gene)]
    return tuple(found[:: len(found) // 60])


def test_predictions_are_one_number_per_gene_and_target(model, genes):
    predicted = model.predict(genes)
    assert tuple(predicted) == model.targets
    for values in predicted.values():
        assert values.shape == (len(genes),)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_predictions_tell_crystals_apart(model, genes):
    assert all(len(set(values.tolist())) > 0.9 * len(genes) for values in model.predict(genes).values())


def test_encoding_and_decoding_keep_the_number_of_genes(model, genes):
    z = model.encode(genes)
    assert z.ndim == 2
    assert len(z) == len(genes)
    decoded = model.decode(z)
    assert len(decoded) == len(genes)
    assert all(isinstance(found, WyckoffGene | Rejection) for found in decoded)


def test_nothing_that_is_given_is_changed(model, genes):
    given, texts = list(genes), [str(gene) for gene in genes]
    model.predict(given)
    z = model.encode(given)
    kept = z.copy()
    model.decode(z)
    assert [str(gene) for gene in given] == texts
    assert np.array_equal(z, kept)


def test_the_same_input_gives_bitwise_the_same_output(model, genes):
    one, other = model.predict(genes), model.predict(genes)
    assert all(np.array_equal(one[name], other[name]) for name in model.targets)
    z = model.encode(genes)
    assert np.array_equal(z, model.encode(genes))
    assert model.decode(z) == model.decode(z)


def test_a_batch_gives_what_its_members_give(model, genes):
    together, z = model.predict(genes), model.encode(genes)
    decoded = model.decode(z)
    for i, gene in enumerate(genes):
        alone = model.predict([gene])
        for name in model.targets:
            assert alone[name][0] == pytest.approx(together[name][i], abs=BATCH_TOLERANCE)
        assert model.encode([gene])[0] == pytest.approx(z[i], abs=BATCH_TOLERANCE)
        assert model.decode(z[i : i + 1]) == [decoded[i]]


def test_the_order_of_the_genes_does_not_matter(model, genes):
    forwards, backwards = model.predict(genes), model.predict(genes[::-1])
    for name in model.targets:
        assert forwards[name] == pytest.approx(backwards[name][::-1], abs=BATCH_TOLERANCE)


def test_all_descriptions_of_a_crystal_get_one_prediction(model, genes):
    orbits = [gene.orbit() for gene in genes]
    assert max(map(len, orbits)) >= 8
    for orbit in orbits:
        assert all(np.ptp(values) < ORBIT_TOLERANCE for values in model.predict(orbit).values())
