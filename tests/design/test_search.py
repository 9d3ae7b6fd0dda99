"""The gradient against finite differences and brute force; the search against what it promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.design.ascent import Ascent, log_inside
from wyckforge.design.claims import Forecast
from wyckforge.design.config import SearchConfig
from wyckforge.design.search import Search, search
from wyckforge.models.distribution import Distribution
from wyckforge.records import Interval, Target

MODEL = tiny_orbit_checkpoint()
ASKED = Target(properties={"band_gap": Interval(0.5, 2.0), "formation_energy": Interval(high=-0.5)})
bound = st.one_of(st.floats(-4, 4), st.just(math.inf))


@given(st.floats(-4, 4), st.floats(-3, 1), bound, st.one_of(st.floats(-4, 4), st.just(-math.inf)))
def test_the_logarithm_is_that_of_the_distribution(location, log_scale, one, other):
    low, high = sorted((one, other))
    if high - low < 1e-3:
        high = low + 1
    at = torch.tensor([location], dtype=torch.float64, requires_grad=True)
    log_scales = torch.tensor([log_scale], dtype=torch.float64, requires_grad=True)
    found = log_inside(at, log_scales, low, high)
    around = Distribution(np.array([location]), np.exp([log_scale]), np.zeros(1))
    expected = around.below(high) - around.below(low, inclusive=False)
    if expected[0] > 1e-9:
        assert math.exp(found.item()) == pytest.approx(expected[0], rel=1e-5, abs=1e-9)
    for gradient in torch.autograd.grad(found.sum(), (at, log_scales)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("gap", [Interval(0.5, 2.0), Interval(high=1.0), Interval(low=1.0)])
def test_zero_inflated_properties_are_taken_as_the_model_says(gap):
    """A gap: with some chance exactly zero, and what lies below zero counts as zero."""
    ascent = Ascent(MODEL, Target(properties={"band_gap": gap}), {}, 1, 1.0, 0.0)
    z = torch.from_numpy(MODEL.encode(CRYSTALS))
    heads = MODEL.autoencoder.predict(z)[:, MODEL.conditions.index("band_gap")].double().numpy()
    scale = MODEL.scales["band_gap"]
    around = Distribution(
        scale.inverse(heads[:, 0]),
        np.exp(heads[:, 1].clip(-6, 3)) * scale.deviation,
        1 / (1 + np.exp(-heads[:, 2])),
        non_negative=True,
    )
    expected = around.probability(gap.low, gap.high)
    np.testing.assert_allclose(ascent.log_probability(z).exp().numpy(), expected, rtol=1e-4)


@given(st.integers(0, 50), st.floats(0.1, 3), st.integers(1, 6))
@settings(max_examples=20)
def test_the_ascent_climbs_and_stays_near(seed, radius, steps):
    ascent = Ascent(MODEL, ASKED, {"band_gap": 2.0}, steps, radius, 0.0)
    start = torch.from_numpy(np.random.default_rng(seed).standard_normal((5, 16)).astype(np.float32))
    end = ascent(start, torch.zeros(0, 16))
    assert ((end - start).norm(dim=1) <= radius * 1.001).all()
    assert torch.isfinite(end).all()
    small = Ascent(MODEL, ASKED, {"band_gap": 2.0}, 1, 1e-2, 0.0)
    before, after = ascent.log_probability(start), ascent.log_probability(small(start, torch.zeros(0, 16)))
    assert (after >= before - 1e-5).all()


def test_novelty_pushes_away_from_what_is_known():
    start = torch.from_numpy(MODEL.encode(CRYSTALS[:4]))
    avoid = start + 0.05
    ends = [Ascent(MODEL, ASKED, {}, 6, 1.0, weight)(start, avoid) for weight in (0.0, 50.0)]
    near, far = ((end - avoid).norm(dim=1).mean() for end in ends)
    assert far > near


@pytest.mark.parametrize("n", [1, 7, 40])
def test_the_search_decodes_as_often_as_told_and_holds_the_constraints(n):
    asked = Target(ASKED.properties, space_groups=frozenset(range(143, 231)), n_atoms=Interval(high=40))
    config = SearchConfig(generations=3, steps=2)
    found = search(MODEL, asked, n, np.random.default_rng(1), config=config, avoid=CRYSTALS[:3])
    assert len(found) == n
    assert all(asked.rejects(gene) is None for gene in found)
    assert found == search(MODEL, asked, n, np.random.default_rng(1), config=config, avoid=CRYSTALS[:3])
    assert n == 1 or found != search(MODEL, asked, n, np.random.default_rng(2), config=config)


def test_parents_are_new_and_the_likely_ones_breed_most():
    run = Search(
        MODEL, Forecast(MODEL, ASKED), SearchConfig(generations=4, steps=1, greed=6), MODEL.encode(()), MODEL.grammar()
    )
    generations = list(run.run(500, np.random.default_rng(3)))
    assert [len(one) for one in generations] == [100] * 5
    assert all(child.parent is None for child in generations[0])
    assert not any(MODEL.is_known_gene(parent) for parent in run.parents)
    assert len(run.avoid) == len(run.parents)
    bred = [child for generation in generations[1:] for child in generation]
    assert all(child.parent in run.parents for child in bred)
    preference = run.forecast.preference
    assert np.mean([preference(child.parent) for child in bred]) > np.mean([preference(gene) for gene in run.parents])


@pytest.mark.parametrize("steps", [0, 3])
def test_children_are_decoded_from_where_the_ascent_ends_with_a_guidance_of_their_own(monkeypatch, steps):
    calls = []
    decode = type(MODEL).decode

    def spied(self, z, **told):
        calls.append((np.array(z), told["guidance"], told["level"]))
        return decode(self, z, **told)

    monkeypatch.setattr(type(MODEL), "decode", spied)
    config = SearchConfig(generations=1, steps=steps, guidance=1.5, noise_level=0.8)
    run = Search(MODEL, Forecast(MODEL, ASKED), config, MODEL.encode(CRYSTALS), MODEL.grammar(), guidance=0.5)
    _, bred = run.run(60, np.random.default_rng(0))
    (_, first, _), (z, guidance, level) = calls
    assert (first, guidance, level) == (0.5, 1.5, 0.8)
    apart = np.linalg.norm(z - MODEL.encode([child.parent for child in bred]), axis=1)
    assert (apart == 0).all() if steps == 0 else (apart > 0).all()


def test_what_is_known_is_avoided_and_so_is_what_was_found():
    run = Search(MODEL, Forecast(MODEL, ASKED), SearchConfig(generations=1), MODEL.encode(CRYSTALS), MODEL.grammar())
    list(run.run(40, np.random.default_rng(0)))
    assert np.array_equal(run.avoid[: len(CRYSTALS)], MODEL.encode(CRYSTALS))
    assert np.array_equal(run.avoid[len(CRYSTALS) :], MODEL.encode(list(run.parents)))
