from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.orbitvae.conftest import on_meta, shuffled

from wyckforge.models.orbitvae.autoencoder import condition_of, with_noise
from wyckforge.models.orbitvae.vocabulary import Orbits
from wyckforge.symmetry.tables import DEGREES_OF_FREEDOM


def scores(small, orbits=None, level=0.3, seed=0):
    """Scores of genes with a noise and properties that depend on their number."""
    orbits = small.orbits if orbits is None else orbits
    generator = torch.Generator().manual_seed(seed)
    n = len(orbits.group)
    levels = torch.full((n,), level)
    z = with_noise(small.autoencoder.encode(orbits), levels, torch.randn(n, 16, generator=generator))
    properties = torch.randn(n, 2, generator=generator)
    return small.autoencoder.score(orbits, z, levels, condition_of(properties, torch.full((n, 2), True)))


def test_the_latent_has_no_order(small):
    z = small.autoencoder.encode(small.orbits)
    for seed in range(3):
        torch.testing.assert_close(small.autoencoder.encode(shuffled(small.orbits, seed)), z, atol=1e-5, rtol=0)


def test_the_latent_is_the_same_for_all_descriptions(small):
    members = [member for gene in small.genes for member in gene.orbit()]
    owner = torch.tensor([i for i, gene in enumerate(small.genes) for _ in gene.orbit()])
    assert len(members) > len(small.genes)
    z = small.autoencoder.encode(small.vocabulary.encode(members))
    torch.testing.assert_close(z, small.autoencoder.encode(small.orbits)[owner], atol=1e-5, rtol=0)


def test_the_latent_is_a_sum_over_orbits(small):
    whole = small.orbits.rows(torch.tensor([0, 5, 6]))
    k = whole.element.shape[1]
    empty = Orbits(whole.group, torch.full_like(whole.element, -1), torch.full_like(whole.letter, -1))
    nothing = small.autoencoder.encode(empty)
    parts = []
    for place in range(k):
        one = Orbits(whole.group, empty.element.clone(), empty.letter.clone())
        one.element[:, 0], one.letter[:, 0] = whole.element[:, place], whole.letter[:, place]
        parts.append(small.autoencoder.encode(one) - nothing)
    torch.testing.assert_close(
        nothing + torch.stack(parts).sum(0), small.autoencoder.encode(whole), atol=1e-5, rtol=1e-5
    )


def test_results_do_not_depend_on_the_batch(small):
    whole = small.autoencoder.encode(small.orbits)
    level = torch.full((1,), 0.2)
    nothing = torch.zeros(1, 8)
    together = small.autoencoder.score(small.orbits, whole, level.expand(len(whole)), nothing.expand(len(whole), 8))
    for row in range(len(small.genes)):
        alone = small.orbits.rows(torch.tensor([row]))
        z = small.autoencoder.encode(alone)
        torch.testing.assert_close(z[0], whole[row], atol=1e-5, rtol=0)
        found = small.autoencoder.score(alone, z, level, nothing)
        torch.testing.assert_close(found.total[0], together.total[row], atol=1e-4, rtol=0)
        assert found.right[0].equal(together.right[row])


def test_places_behind_the_stop_cost_nothing(small):
    found = scores(small)
    behind = torch.arange(found.orbits.shape[1]) > small.orbits.present.sum(1, keepdim=True)
    assert (found.orbits[behind] == 0).all()
    assert (found.orbits[~behind] < 0).all()
    assert (found.group < 0).all()
    torch.testing.assert_close(found.total, found.group + found.orbits.sum(1))


def test_at_level_one_nothing_is_left_of_the_latent(small):
    n = len(small.genes)
    one, other = (
        small.autoencoder.score(small.orbits, torch.randn(n, 16), torch.ones(n), torch.zeros(n, 8)).total
        for _ in range(2)
    )
    torch.testing.assert_close(one, other)
    half = torch.full((n,), 0.5)
    one, other = (
        small.autoencoder.score(small.orbits, torch.randn(n, 16), half, torch.zeros(n, 8)).total for _ in range(2)
    )
    assert not torch.allclose(one, other)


def test_properties_that_are_asked_for_matter(small):
    n = len(small.genes)
    z, level = torch.zeros(n, 16), torch.ones(n)
    asked = [
        small.autoencoder.score(
            small.orbits, z, level, condition_of(torch.full((n, 2), value), torch.full((n, 2), told))
        ).total
        for value, told in ((1.0, True), (2.0, True), (1.0, False), (2.0, False))
    ]
    assert not torch.allclose(asked[0], asked[1])
    assert torch.equal(asked[2], asked[3])


@pytest.mark.parametrize("group", [2, 152, 225])
def test_probabilities_of_all_ways_to_go_on_sum_to_one(small, group):
    """Given the group, of all first orbits, and of stopping there or going on with any second one."""
    freedom = DEGREES_OF_FREEDOM[group - 1]
    sites = list(itertools.product(range(len(small.vocabulary.elements)), np.flatnonzero(freedom >= 0).tolist()))
    pairs = [
        (first, second)
        for first, second in itertools.combinations_with_replacement(sites, 2)
        if freedom[first[1]] > 0 or first[1] != second[1]
    ]

    def chance(places: list, until: int) -> float:
        genes = torch.tensor(places)
        orbits = Orbits(torch.full((len(genes),), group - 1), genes[..., 0], genes[..., 1])
        z, level = torch.full((len(genes), 16), 0.7), torch.full((len(genes),), 0.6)
        found = small.autoencoder.score(orbits, z, level, torch.zeros(len(genes), 8))
        return found.orbits[:, :until].sum(1).double().exp().sum().item()

    ones = [(site,) for site in sites]
    assert chance(ones, 1) == pytest.approx(1, abs=1e-4)
    assert chance(ones, 2) + chance(pairs, 2) == pytest.approx(1, abs=1e-4)


@given(level=st.floats(0, 1), seed=st.integers(0, 50))
def test_noise_keeps_the_variance(level, seed):
    generator = torch.Generator().manual_seed(seed)
    z, noise = torch.randn(2, 4, 4096, generator=generator)
    mixed = with_noise(z, torch.full((4,), level), noise)
    assert mixed.var().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(with_noise(z, torch.zeros(4), noise), z)


def test_conditions_tell_what_is_given_and_known_only():
    properties = torch.tensor([[1.0, 0.0], [-2.0, float("nan")]])
    given = torch.tensor([[True, True], [False, True]])
    assert condition_of(properties, given).tolist() == [
        [1, 1, 1, 0, 0.25, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_likeliest_choices_are_right_where_their_probability_is_more_than_half(small):
    found = scores(small, level=0.0)
    group = found.group.exp() > 0.5
    assert (found.right[:, 2] | ~group).all()
    reached = torch.arange(found.orbits.shape[1]) <= small.orbits.present.sum(1, keepdim=True)
    sure = ((found.orbits.exp() > 0.5) | ~reached).all(1)
    assert (found.right[:, :2].all(1) | ~sure).all()


def test_nothing_mixes_devices(small):
    network, orbits = on_meta(copy.deepcopy(small.autoencoder), small.orbits)
    n = len(small.genes)
    level, condition = torch.zeros(n, device="meta"), torch.zeros(n, 8, device="meta")
    assert network.score(orbits, network.encode(orbits), level, condition).total.device.type == "meta"
    assert network.predict(network.encode(orbits)).shape == (n, 2, 3)
