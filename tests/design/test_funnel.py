"""The rules of the funnel against brute force, and the counts against arithmetic."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_neutrality import ELEMENTS, neutral_by_hand

from wyckforge.design.config import FunnelConfig
from wyckforge.design.funnel import ANIONS, build_funnel
from wyckforge.design.sampling import ConstraintBroken
from wyckforge.errors import TargetError
from wyckforge.models.representation import Rejection
from wyckforge.neutrality import OxidationStates
from wyckforge.records import Candidate, Interval, Origin, Target
from wyckforge.symmetry.elements import F_BLOCK, RADIOACTIVE, atomic_number
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import mirror_group, space_group

ERRORS = {"band_gap": 0.4, "formation_energy": 0.1}
PAPER = Target(properties={"band_gap": Interval(0.5, 2.0), "formation_energy": Interval(high=-0.5)})

ORDINARY = tuple(
    WyckoffGene.parse(text)
    for text in ("225|Na:a|Cl:b", "221|Na:a|Cl:b", "216|Na:a|Cl:c", "225|K:c|O:a", "205|Fe:a|S:c", "225|U:a|O:c",
                 "216|S:a|Fe:c", "225|Cs:a|Br:b", "129|Na:b|Cl:c|O:a", "62|Fe:c|Na:c|O:ccd")
)  # fmt: skip


@st.composite
def genes(draw: st.DrawFn, max_sites: int = 5) -> WyckoffGene:
    """Any gene of up to ``max_sites`` orbits."""
    number = draw(st.integers(1, 230))
    group = space_group(number)
    letters = draw(st.lists(st.sampled_from(group.letters), min_size=1, max_size=max_sites))
    free = [letter for letter in letters if group.degrees_of_freedom(letter) > 0]
    fixed = {letter for letter in letters if group.degrees_of_freedom(letter) == 0}
    return WyckoffGene(number, tuple((draw(st.sampled_from(ELEMENTS)), letter) for letter in (*free, *sorted(fixed))))


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    """A candidate with a canonical gene and predictions of gap and formation energy."""
    predictions = {"band_gap": draw(st.floats(0, 3)), "formation_energy": draw(st.floats(-4, 0))}
    number = draw(st.integers(0, 10**6))
    gene = draw(st.one_of(genes(), st.sampled_from(ORDINARY)))
    return Candidate(f"g{number:06d}", gene.canonical(), Origin("seed"), predictions)


def funnel(asked: Target = PAPER, known: frozenset[WyckoffGene] = frozenset(), **settings):
    return build_funnel(
        FunnelConfig(**settings),
        asked,
        errors=ERRORS,
        is_known_gene=lambda gene: gene in known,
        is_known_formula=lambda gene: gene.formula in {other.formula for other in known},
    )


@pytest.mark.parametrize("element", ["Rf", "Og"])
@pytest.mark.parametrize("states", get_args(OxidationStates))
@pytest.mark.parametrize("alloys", [True, False])
def test_an_element_unknown_to_smact_fails_with_a_reason(element, states, alloys):
    rule = dict(funnel(Target(), oxidation_states=states, alloys=alloys).rules)["charge_neutrality"]
    found = rule(Candidate("a", WyckoffGene.parse(f"225|{element}:a|O:b"), Origin("seed")))
    assert (found.verdict, found.reason) == ("fail", f"no data for {element}")


@pytest.mark.parametrize(
    ("gap", "alloys", "verdict"),
    [("0.5:2.0", "auto", "fail"), (":0", "auto", "pass"), ("0.5:2.0", True, "pass"), (":0", False, "fail")],
)
def test_alloys_are_no_semiconductors_unless_told_so(gap, alloys, verdict):
    brass = Candidate("a", WyckoffGene.parse("221|Cu:a|Zn:b"), Origin("seed"))
    rules = dict(funnel(Target(properties={"band_gap": Interval.parse(gap)}), alloys=alloys).rules)
    assert rules["charge_neutrality"](brass).verdict == verdict


@settings(max_examples=60, deadline=None)
@given(st.lists(candidates(), max_size=30), st.data())
def test_survivors_are_those_that_brute_force_finds(drawn, data):
    known = frozenset(data.draw(st.sets(st.sampled_from([c.gene for c in drawn]))) if drawn else ())
    screen = funnel(known=known, max_sites=data.draw(st.integers(1, 60)))
    limit = next(rule for name, rule in screen.rules if name == "sites")
    survivors = list(screen.screen(drawn))

    expected, seen = [], set()
    for candidate in drawn:
        gene, values = candidate.gene, candidate.predictions
        images = {gene, WyckoffGene(mirror_group(gene.space_group), gene.sites).canonical()}
        fresh = not images & seen
        seen.add(gene)
        elements = set(gene.elements)
        if (
            fresh
            and not images & known
            and 0.5 <= values["band_gap"] <= 2.0
            and values["formation_energy"] <= -0.5
            and neutral_by_hand(gene.reduced_composition, alloys=False)
            and len(elements & ANIONS) < 2
            and not elements & (RADIOACTIVE | F_BLOCK)
            and limit(candidate).verdict == "pass"
        ):
            expected.append(candidate.id)
    assert [candidate.id for candidate in survivors] == expected
    for survivor in survivors:
        assert [found.stage for found in survivor.evidence] == [name for name, _ in screen.rules]
        assert survivor.rejected_by is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(
            candidates(),
            st.builds(Rejection, st.just("no element")),
            st.builds(ConstraintBroken, st.just("Na missing")),
        ),
        max_size=30,
    )
)
def test_counts_add_up(draws):
    screen = funnel()
    survivors = list(screen.screen(draws))
    counts = screen.counts
    assert counts[0].entered == len(draws)
    assert counts[-1].passed == len(survivors)
    for before, after in itertools.pairwise(counts):
        assert after.entered == before.passed
    for count in counts:
        assert count.entered - count.passed == sum(count.reasons.values())
    assert counts[0].passed == sum(type(draw) is not Rejection for draw in draws)
    assert counts[1].passed == sum(isinstance(draw, Candidate) for draw in draws)


@given(genes(), st.integers(1, 60))
def test_sites(gene, limit):
    found = dict(funnel(max_sites=limit).rules)["sites"](Candidate("a", gene, Origin("seed")))
    assert (found.verdict == "pass") == (sum(gene.composition.values()) <= limit)


def test_descriptions_of_one_crystal_are_one_gene():
    orbit = WyckoffGene.parse("221|O:c|Ti:b|Ba:a").orbit()
    assert len(orbit) > 1
    screen = funnel(Target(), known=frozenset())
    drawn = [Candidate(f"g{i}", gene.canonical(), Origin("seed")) for i, gene in enumerate(orbit)]
    assert len(list(screen.screen(drawn))) == 1
    assert next(count for count in screen.counts if count.step == "unique").reasons == {"drawn before": len(orbit) - 1}


def test_a_mirror_image_is_neither_new_nor_another_crystal():
    right = WyckoffGene.parse("152|Si:a|O:c").canonical()
    left = right.mirror_image()
    assert right.space_group != left.space_group
    for known, drawn in ((right, left), (left, right)):
        screen = funnel(Target(), known=frozenset({known}))
        assert list(screen.screen([Candidate("a", drawn, Origin("seed"))])) == []
        found = next(count for count in screen.counts if count.step == "novel")
        assert found.reasons == {"known crystal": 1}
    both = [Candidate(f"g{i}", gene, Origin("seed")) for i, gene in enumerate((left, right))]
    assert [candidate.id for candidate in funnel(Target()).screen(both)] == ["g0"]


def test_novelty_tells_new_formulas_from_new_arrangements():
    known = WyckoffGene.parse("225|Na:a|Cl:b")
    rule = dict(funnel(known=frozenset({known})).rules)["novel"]
    assert rule(Candidate("a", known, Origin("seed"))).verdict == "fail"
    other = rule(Candidate("a", WyckoffGene.parse("221|Na:a|Cl:b"), Origin("seed")))
    assert (other.verdict, other.reason) == ("pass", "new gene, known formula")
    fresh = rule(Candidate("a", WyckoffGene.parse("225|K:a|Cl:b"), Origin("seed")))
    assert fresh.reason == "new gene, new formula"


@pytest.mark.parametrize("rule", ["unique", "novel", "charge_neutrality", "anions", "radioactive", "f_block"])
def test_every_rule_can_be_switched_off(rule):
    assert rule in dict(funnel().rules)
    assert rule not in dict(funnel(**{rule: False}).rules)


def test_the_target_rule_can_be_switched_off():
    assert "target" in dict(funnel().rules)
    assert "target" not in dict(funnel(target="off").rules)


def test_widened_target_lets_the_error_through():
    predictions = {"band_gap": 2.3, "formation_energy": -1.0}
    candidate = Candidate("a", WyckoffGene.parse("225|Na:a|Cl:b"), Origin("seed"), predictions)
    strict = dict(funnel().rules)["target"](candidate)
    assert (strict.verdict, strict.reason) == ("fail", "band_gap predicted outside")
    assert dict(funnel(target="widened").rules)["target"](candidate).verdict == "pass"


def test_elements_asked_for_by_name_are_exempt():
    uranium = Candidate("a", WyckoffGene.parse("225|U:a|O:c"), Origin("seed"))
    assert dict(funnel(Target()).rules)["radioactive"](uranium).verdict == "fail"
    asked = dict(funnel(Target(must_contain=frozenset({atomic_number("U")}))).rules)
    assert asked["radioactive"](uranium).verdict == "pass"
    assert asked["f_block"](uranium).verdict == "pass"


def test_atoms_beyond_the_funnel_are_a_contradiction():
    with pytest.raises(TargetError, match="at most 50 sites"):
        funnel(Target(n_atoms=Interval(low=60)))
