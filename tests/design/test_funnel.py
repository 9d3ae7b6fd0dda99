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
from wyckforge.train.classifier import bundled_classifier

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


UNCLASSIFIED = {"synthesizability": False, "metallic": False}


def funnel(asked: Target = PAPER, known: frozenset[WyckoffGene] = frozenset(), **settings):
    """A funnel without the two classifiers, unless the settings say otherwise."""
    return build_funnel(
        FunnelConfig(**UNCLASSIFIED | settings),
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


RULES = ["unique", "novel", "charge_neutrality", "anions", "radioactive", "f_block", "synthesizability", "metallic"]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_switched_off(rule):
    assert rule in dict(funnel(**{rule: True}).rules)
    assert rule not in dict(funnel(**{rule: False}).rules)


def test_all_filters_of_the_paper_are_there_by_default_and_the_slow_ones_come_last():
    rules = [name for name, _ in funnel(synthesizability=True, metallic="auto").rules]
    assert rules == [*RULES[:2], "target", *RULES[2:6], "sites", *RULES[6:]]
    defaults = FunnelConfig()
    assert (defaults.synthesizability, defaults.metallic) == (True, "auto")
    assert (defaults.synthesizability_above, defaults.metallic_below, defaults.max_sites) == (0.4, 0.5, 50)


@pytest.mark.parametrize(
    ("gap", "refused"),
    [("0.5:2.0", True), ("0.1:", True), (":2.0", False), ("0:1", False), ("0", False), (None, False)],
)
def test_metals_are_refused_where_a_gap_is_asked_for(gap, refused):
    asked = Target(properties={"band_gap": Interval.parse(gap)} if gap else {})
    assert ("metallic" in dict(funnel(asked, metallic="auto").rules)) is refused
    assert "metallic" in dict(funnel(asked, metallic=True).rules)


SALT, ALLOY = WyckoffGene.parse("225|Na:a|Cl:b").canonical(), WyckoffGene.parse("221|Au:a|Cu:c").canonical()


def test_scores_are_those_of_the_bundled_classifiers():
    rules = dict(funnel(synthesizability=True, metallic=True).rules)
    for name, kept in (("synthesizability", "synthesizability"), ("metallic", "metal")):
        for gene in (SALT, ALLOY):
            found = rules[name](Candidate("a", gene, Origin("seed")))
            assert found.value == pytest.approx(bundled_classifier(kept).scores([gene])[0])
            assert found.tool == bundled_classifier(kept).tool
    metal = rules["metallic"](Candidate("a", ALLOY, Origin("seed")))
    assert (metal.verdict, metal.reason) == ("fail", "score not below 0.5")
    assert rules["metallic"](Candidate("a", SALT, Origin("seed"))).verdict == "pass"
    made = rules["synthesizability"](Candidate("a", WyckoffGene.parse("221|O:c|Ti:b|Ba:a").canonical(), Origin("seed")))
    assert made.verdict == "pass"


def test_thresholds_are_settings():
    score = float(bundled_classifier("synthesizability").scores([SALT])[0])
    salt = Candidate("a", SALT, Origin("seed"))
    for above, verdict in ((score + 1e-4, "fail"), (score, "fail"), (score - 1e-4, "pass")):
        rule = dict(funnel(synthesizability=True, synthesizability_above=above).rules)["synthesizability"]
        assert rule(salt).verdict == verdict
    score = float(bundled_classifier("metal").scores([ALLOY])[0])
    for below, verdict in ((score - 1e-4, "fail"), (score, "fail"), (score + 1e-4, "pass")):
        rule = dict(funnel(metallic=True, metallic_below=min(below, 1)).rules)["metallic"]
        assert rule(Candidate("a", ALLOY, Origin("seed"))).verdict == verdict


def test_what_no_classifier_knows_stays_unknown_and_goes_on():
    berkelium = Candidate("a", WyckoffGene.parse("225|Bk:a|O:b"), Origin("seed"))
    settings = {"charge_neutrality": False, "radioactive": False, "f_block": False}
    screen = funnel(Target(), synthesizability=True, metallic=True, **settings)
    (found,) = screen.screen([berkelium])
    for name in ("synthesizability", "metallic"):
        assert found.find(name).verdict == "unknown"
        assert "Bk is beyond plutonium" in found.find(name).reason


def test_counts_tell_what_the_classifiers_stopped():
    genes = [gene.canonical() for gene in ORDINARY] + [ALLOY]
    settings = {"target": "off", "charge_neutrality": False, "anions": False, "radioactive": False, "f_block": False}
    screen = funnel(synthesizability=True, metallic=True, **settings)
    survivors = {
        c.gene for c in screen.screen([Candidate(f"g{i}", gene, Origin("seed")) for i, gene in enumerate(genes)])
    }
    made, metal = (bundled_classifier(name).scores(genes) for name in ("synthesizability", "metal"))
    assert survivors == {gene for gene, a, b in zip(genes, made, metal, strict=True) if a > 0.4 and b < 0.5}
    first, second = screen.counts[-2:]
    assert first.reasons["score not above 0.4"] == (made <= 0.4).sum()
    assert second.entered == first.passed == (made > 0.4).sum()
    assert second.reasons["score not below 0.5"] == ((made > 0.4) & (metal >= 0.5)).sum()


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
