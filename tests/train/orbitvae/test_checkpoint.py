"""What a trained OrbitVAE says about genes, against what it does."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.models.orbitvae.autoencoder import condition_of
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.model import load_checkpoint

MODEL = tiny_orbit_checkpoint()
SALT = tiny_orbit_checkpoint([WyckoffGene.parse("225|Na:a|Cl:b")])


def scores(model, genes: list[WyckoffGene]):
    """Log-probabilities of single descriptions, told nothing, without a latent."""
    n = len(genes)
    told = condition_of(torch.zeros(n, 2), torch.zeros(n, 2, dtype=torch.bool))
    latent = torch.zeros(n, model.autoencoder.config.latent)
    return model.autoencoder.score(model.vocabulary.as_given(genes), latent, torch.ones(n), told)


def test_the_likelihood_is_summed_over_all_descriptions():
    found = MODEL.log_likelihood(CRYSTALS)
    assert max(len(gene.orbit()) for gene in CRYSTALS) > 1
    for gene, value in zip(CRYSTALS, found, strict=True):
        descriptions = scores(MODEL, list(gene.orbit())).total.double().numpy()
        assert value == pytest.approx(logsumexp(descriptions), abs=1e-4)
        assert MODEL.log_likelihood(gene.orbit()) == pytest.approx(np.full(len(gene.orbit()), value), abs=1e-4)
    assert MODEL.log_likelihood(CRYSTALS, batch=3) == pytest.approx(found, abs=1e-4)
    assert MODEL.log_likelihood([]).shape == (0,)


@pytest.mark.parametrize("group", [2, 225])
def test_the_likelihood_is_how_often_the_prior_makes_a_crystal(group):
    """In one group, so that genes repeat; of two elements, so that the look-ahead of the sampler cuts nothing off."""
    n = 4000
    grammar = SALT.grammar(Target(space_groups=frozenset([group])))
    drawn = SALT.decode(np.zeros((n, 16)), rng=np.random.default_rng(0), level=1.0, grammar=grammar)
    common = Counter(drawn).most_common(12)
    genes = [gene for gene, _ in common]
    of_group = scores(SALT, genes).group.detach().double().numpy()
    expected = n * np.exp(SALT.log_likelihood(genes) - of_group)
    counts = np.array([count for _, count in common])
    assert counts.min() >= 20
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected) + 3).all()
    assert counts.sum() == pytest.approx(expected.sum(), rel=0.1)


def test_what_is_asked_for_in_physical_units_reaches_the_decoder():
    latent = np.zeros((60, 16), np.float32)

    def made(wanted: np.ndarray | None) -> list[WyckoffGene]:
        return MODEL.decode(latent, rng=np.random.default_rng(1), level=1.0, wanted=wanted)

    free, one, other = (made(np.full((60, 2), value)) for value in (np.nan, -1.0, 3.0))
    assert free == made(None)
    assert one != other != free


def test_noise_without_a_generator_is_refused():
    with pytest.raises(ValueError, match=r"noise level 0\.5 given without a random generator"):
        MODEL.decode(np.zeros((1, 16)), level=0.5)


def test_longer_genes_than_were_learned_are_held_but_not_drawn():
    """Of up to 60 orbits in the bundled checkpoint, which learned from up to 24."""
    model = load_checkpoint("orbitvae")
    long = [WyckoffGene.parse(f"14|O:{'e' * 30}|Ca:{'e' * 12}")]
    long += [WyckoffGene.parse(f"1|S:{'a' * 40}|Zr:{'a' * 20}"), WyckoffGene.parse(f"19|O:{'a' * 21}|Si:{'a' * 10}")]
    assert [len(gene.sites) for gene in long] == [42, 60, 31]
    assert np.isfinite(model.log_likelihood(long)).all()
    assert model.nearest(model.encode(long)) == [gene.canonical() for gene in long]
    drawn = model.decode(model.encode(long), rng=np.random.default_rng(0), level=0.1)
    assert max(len(gene.sites) for gene in drawn) <= 24
    assert "61 orbits, at most 60" in model.problem(WyckoffGene.parse(f"1|S:{'a' * 61}"))
