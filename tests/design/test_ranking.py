"""The scores against SciPy, and the orders against their definition."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import laplace

from wyckforge.design.ranking import best_of_formulas, rank_candidates, target_probability
from wyckforge.records import Candidate, Evidence, Interval, Origin, Target
from wyckforge.symmetry.gene import WyckoffGene

FORMULAS = tuple(
    WyckoffGene.parse(text) for text in ("225|Na:a|Cl:b", "221|Na:a|Cl:b", "225|K:a|Cl:b", "225|O:a|K:c", "216|O:a|K:e")
)
finite = st.floats(-5, 5)


@given(finite, finite, finite, st.floats(0.01, 2))
def test_probability_is_that_of_a_laplace_distribution(value, one, other, error):
    low, high = sorted((one, other))
    expected = laplace.cdf(high, value, error) - laplace.cdf(low, value, error)
    asked = Target(properties={"band_gap": Interval(low, high)})
    assert target_probability({"band_gap": value}, asked, {"band_gap": error}) == pytest.approx(expected, abs=1e-12)


@given(finite, finite, st.floats(0.01, 2))
def test_open_intervals_and_products(value, bound, error):
    one = Target(properties={"a": Interval(low=bound)})
    two = Target(properties={"a": Interval(low=bound), "b": Interval(high=bound)})
    p = target_probability({"a": value}, one, {"a": error})
    assert p == pytest.approx(laplace.sf(bound, value, error), abs=1e-12)
    q = target_probability({"a": value, "b": value}, two, {"a": error, "b": error})
    assert q == pytest.approx(p * (1 - p), abs=1e-12)
    assert target_probability({}, Target(), {}) == 1


def test_an_exact_model_is_sure():
    asked = Target(properties={"a": Interval(0, 1)})
    assert target_probability({"a": 0.5}, asked, {"a": 0.0}) == 1
    assert target_probability({"a": 1.5}, asked, {"a": 0.0}) == 0


@st.composite
def scored(draw: st.DrawFn) -> list[Candidate]:
    values = draw(st.lists(st.tuples(st.sampled_from(FORMULAS), st.sampled_from((0.2, 0.5, 0.9))), max_size=25))
    return [
        Candidate(f"g{i:06d}", gene, Origin("seed"), {}, evidence=(Evidence("target", "pass", p),))
        for i, (gene, p) in enumerate(values)
    ]


@given(scored(), st.integers(1, 3))
def test_per_formula_the_best_are_kept_not_the_first(drawn, per_formula):
    kept = best_of_formulas(drawn, per_formula)
    counts = Counter(candidate.gene.formula for candidate in drawn)
    assert Counter(c.gene.formula for c in kept) == {f: min(n, per_formula) for f, n in counts.items()}
    for formula in counts:
        values = sorted((c.find("target").value for c in drawn if c.gene.formula == formula), reverse=True)
        assert [c.find("target").value for c in kept if c.gene.formula == formula] == values[:per_formula]
    scores = [c.find("target").value for c in kept]
    assert scores == sorted(scores, reverse=True)


@given(scored(), st.randoms())
def test_order_does_not_depend_on_the_order_of_arrival(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    assert [c.id for c in best_of_formulas(shuffled, 2)] == [c.id for c in best_of_formulas(drawn, 2)]


def candidate(name: str, *evidence: Evidence, p: float = 0.5) -> Candidate:
    return Candidate(name, FORMULAS[0], Origin("seed"), {}, evidence=(Evidence("target", "pass", p), *evidence))


def hull(value: float | None, verdict: str = "pass") -> Evidence:
    return Evidence("hull", verdict, value)


def test_ranking_by_evidence():
    ranked = [
        candidate("stable", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.0), p=0.1),
        candidate("near", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.05), p=0.9),
        candidate("unconverged", Evidence("build", "pass"), Evidence("relax", "unknown"), hull(0.0)),
        candidate("no reference", Evidence("build", "pass"), Evidence("relax", "pass"), hull(None, "unknown")),
        candidate("unstable", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.3, "fail")),
        candidate("likely gene", p=0.9),
        candidate("gene", p=0.5),
        candidate("not built", Evidence("build", "fail")),
    ]
    assert rank_candidates(reversed(ranked), last_stage="hull") == ranked


def test_nothing_is_dropped_for_being_unknown():
    unknown = [candidate(str(i), hull(None, "unknown")) for i in range(3)]
    assert len(rank_candidates(unknown, last_stage="hull")) == 3
