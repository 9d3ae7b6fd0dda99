"""The scores against SciPy, and the orders against their definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import laplace

from wyckforge.data.embedded import load_embedded
from wyckforge.design.claims import laplace as laplace_of
from wyckforge.design.prototypes import prototype
from wyckforge.design.ranking import (
    best_of_formulas,
    compare_with_hull,
    compare_with_prototypes,
    gene_order,
    rank_candidates,
    score,
)
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.gene import WyckoffGene

FORMULAS = tuple(
    WyckoffGene.parse(text) for text in ("225|Na:a|Cl:b", "221|Na:a|Cl:b", "225|K:a|Cl:b", "225|O:a|K:c", "216|O:a|K:e")
)


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


@given(st.sampled_from(load_embedded().genes[::40]), st.randoms())
def test_prototypes_forget_the_elements_and_the_setting_only(gene, random):
    others = random.sample(range(1, 90), len(gene.elements))
    renamed = dict(zip(gene.elements, others, strict=True))
    for member in (*gene.orbit(), gene.mirror_image()):
        assert prototype(member) == prototype(gene)
    exchanged = WyckoffGene(gene.space_group, tuple((renamed[z], letter) for z, letter in gene.sites))
    assert prototype(exchanged) == prototype(gene)
    group, words = prototype(gene)
    assert group in (gene.space_group, gene.mirror_image().space_group)
    multiplicities = sorted(sum(gene.table.multiplicity(letter) for letter in word) for word in words)
    assert multiplicities == sorted(gene.composition.values())


def test_prototypes_of_textbooks():
    rock_salt, zinc_blende = WyckoffGene.parse("225|Na:a|Cl:b"), WyckoffGene.parse("216|Zn:a|S:c")
    assert prototype(rock_salt) == prototype(WyckoffGene.parse("225|O:a|Mg:b"))
    assert prototype(rock_salt) != prototype(zinc_blende)
    right, left = WyckoffGene.parse("152|Si:a|O:c"), WyckoffGene.parse("154|Ge:a|O:c")
    assert prototype(right) == prototype(left)
    perovskite = WyckoffGene.parse("221|Ca:a|Ti:b|O:c")
    assert prototype(perovskite) == prototype(WyckoffGene.parse("221|F:d|K:b|Mg:a"))


def test_a_new_prototype_is_worth_less():
    known = {prototype(FORMULAS[0]): 3}
    one, other = (
        compare_with_prototypes(Candidate("g", gene, Origin("seed")), known, new_weight=0.3) for gene in FORMULAS[:2]
    )
    assert (score(one), score(other)) == (1.0, 0.3)
    assert one.find("prototype").reason == "prototype of 3 known crystals"


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), max_size=5), st.floats(0.01, 1))
def test_near_the_hull_means_neither_above_nor_below(energies, error):
    values = np.array([predicted for predicted, _ in energies])
    hulls = iter([hull for _, hull in energies])
    plain = [Candidate("g", FORMULAS[0], Origin("seed"), {"formation_energy": value}) for value in values]
    found = compare_with_hull(plain, lambda _: next(hulls), laplace_of(values, error), tolerance=0.1)
    assert len(found) == len(energies)
    for candidate, (predicted, hull) in zip(found, energies, strict=True):
        expected = laplace.cdf(hull + 0.1, predicted, error) - laplace.cdf(hull - 0.1, predicted, error)
        assert candidate.find("near_hull").value == pytest.approx(expected, abs=1e-9, rel=1e-4)


def test_without_a_reference_nearness_is_unknown_and_ranks_last():
    plain = Candidate("g", FORMULAS[0], Origin("seed"), {"formation_energy": -1.0})
    energies = iter((None, -1.0))
    around = laplace_of(np.array([-1.0, -1.0]), 0.1)
    unknown, near = compare_with_hull([plain, plain], lambda _: next(energies), around, tolerance=0.1)
    assert unknown.find("near_hull").verdict == "unknown"
    assert sorted([plain, unknown, near], key=gene_order) == [near, unknown, plain]


def test_weights_take_the_place_of_the_claim_in_the_score():
    plain = Candidate("g", FORMULAS[0], Origin("prior")).with_evidence(Evidence("target", "pass", 0.5))
    assert score(plain) == 0.5
    assert score(plain.with_evidence(Evidence("preference", "pass", 0.2))) == 0.2


def candidate(name: str, *evidence: Evidence, p: float = 0.5) -> Candidate:
    return Candidate(name, FORMULAS[0], Origin("seed"), {}, evidence=(Evidence("target", "pass", p), *evidence))


def hull(value: float | None, verdict: str = "pass") -> Evidence:
    return Evidence("hull", verdict, value)


def test_ranking_by_evidence():
    ranked = [
        candidate("stable", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.0), p=0.1),
        candidate("near", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.05), p=0.9),
        candidate("unconverged", Evidence("build", "pass"), Evidence("relax", "unknown"), hull(0.0)),
        candidate("unstable", Evidence("build", "pass"), Evidence("relax", "pass"), hull(0.3, "fail")),
        candidate("exploded", Evidence("build", "pass"), Evidence("relax", "unknown"), hull(8.9, "unknown")),
        candidate("no reference", Evidence("build", "pass"), Evidence("relax", "pass"), hull(None, "unknown")),
        candidate("likely gene", p=0.9),
        candidate("gene", p=0.5),
        candidate("not built", Evidence("build", "fail")),
    ]
    assert rank_candidates(reversed(ranked), last_stage="hull") == ranked


def test_of_the_likely_the_stable_come_first():
    def judged(name: str, meets: float, *stable: float) -> Candidate:
        found = (Evidence("stable", "pass", value) for value in stable)
        return candidate(name, Evidence("judged", "pass", meets), hull(0.05), *found)

    ranked = [judged("both", 0.8, 0.9), judged("likely", 0.9, 0.6), judged("sure", 0.5, 0.95), judged("not known", 0.7)]
    assert rank_candidates(reversed(ranked), last_stage="hull") == ranked


def test_where_nobody_judges_the_stable_come_first():
    ranked = [candidate(str(value), hull(0.05), Evidence("stable", "pass", value)) for value in (0.95, 0.55)]
    assert rank_candidates(reversed(ranked), last_stage="hull") == ranked


def test_nothing_is_dropped_for_being_unknown():
    unknown = [candidate(str(i), hull(None, "unknown")) for i in range(3)]
    assert len(rank_candidates(unknown, last_stage="hull")) == 3


def test_what_a_second_potential_says_of_stability_takes_the_place_of_what_the_first_said():
    refuted = Evidence("stable", "fail", 0.45)
    ranked = [
        candidate("sure", refuted, hull(0.05), Evidence("stable", "pass", 0.95)),
        candidate("likely", hull(0.05), Evidence("stable", "pass", 0.55)),
        candidate("refuted", Evidence("stable", "pass", 0.95), hull(0.05), refuted),
    ]
    assert rank_candidates(reversed(ranked), last_stage="hull") == ranked
