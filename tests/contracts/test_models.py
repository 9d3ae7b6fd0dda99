"""What every model of Wyckoff genes keeps to; a new model is added to ``MODELS``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.data.embedded import load_embedded
from wyckforge.errors import InvalidGeneError
from wyckforge.models.representation import Rejection
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.model import load_checkpoint

MODELS = {
    "MPVAE": lambda: load_checkpoint("mpvae"),
    "OrbitVAE": lambda: tiny_orbit_checkpoint(load_embedded().genes[::30]),
}
PARTS = {"element_accuracy", "wyckoff_accuracy", "space_group_accuracy", "exact_gene_accuracy", "valid_gene_rate"}

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
    found = [gene for gene in load_embedded().genes if model.problem(gene) is None]
    return tuple(found[:: len(found) // 60])


def test_predictions_are_one_number_per_gene_and_target(model, genes):
    predicted = model.predict(genes)
    assert tuple(predicted) == model.targets
    for values in predicted.values():
        assert values.shape == (len(genes),)
        assert values.dtype == np.float64
        assert np.isfinite(values).all()


def test_predictions_tell_crystals_apart(model, genes):
    assert len(set(model.predict(genes)["formation_energy"].tolist())) > 0.9 * len(genes)
    assert len(set(model.predict(genes)["band_gap"].tolist())) > 3  # all metals have the same


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


def test_what_comes_back_is_told_of_every_gene(model, genes):
    found = model.reconstruction(genes)
    assert set(found) == PARTS
    for values in found.values():
        assert values.shape == (len(genes),)
        assert values.dtype == bool
    parts = [found[name] for name in PARTS - {"exact_gene_accuracy"}]
    assert (found["exact_gene_accuracy"] <= np.logical_and.reduce(parts)).all()
    decoded = model.decode(model.encode(genes))
    exact = [isinstance(g, WyckoffGene) and g.canonical() == h.canonical() for g, h in zip(decoded, genes, strict=True)]
    # a model may do more than take the likeliest gene, never less
    assert (found["exact_gene_accuracy"] >= np.array(exact)).all()
    assert all(values.shape == (0,) for values in model.reconstruction([]).values())


def test_a_gene_that_the_model_cannot_hold_is_refused(model):
    foreign = WyckoffGene.parse("221|O:c|Og:b|Ti:a")
    assert "Og" in model.problem(foreign)
    for use in (model.predict, model.encode, model.reconstruction):
        with pytest.raises(InvalidGeneError, match="Og"):
            use([foreign])


def test_the_crystals_of_the_model_are_known_in_any_description(model):
    known = next(gene for gene in load_embedded().genes[::30] if model.is_known_gene(gene))
    assert all(model.is_known_gene(image) and model.is_known_formula(image) for image in known.orbit())
    assert not model.is_known_gene(WyckoffGene.parse("1|Au:aaaaa|Sc:aaa"))


def test_errors_and_account_are_ready_for_a_record(model):
    assert set(model.errors) == set(model.targets)
    assert all(np.isfinite(error) for error in model.errors.values())
    json.dumps([model.name, dict(model.provenance), model.card], allow_nan=False)
