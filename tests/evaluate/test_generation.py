from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import genes
from tests.test_neutrality import ELEMENTS, neutral_by_hand

from wyckforge.evaluate.generation import generation_metrics, group_distance, mark
from wyckforge.evaluate.metrics import Rate
from wyckforge.models.representation import Rejection
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.known import KnownCrystals

parse = WyckoffGene.parse
FEW = genes(numbers=st.sampled_from([1, 2, 152, 154, 225]), elements=st.sampled_from(ELEMENTS[:4]), max_orbits=2)
draws = st.lists(st.one_of(FEW, st.builds(Rejection, st.sampled_from(["no site", "no element"]))), max_size=12)


@settings(max_examples=60)
@given(draws, st.lists(FEW, max_size=6))
def test_marks_are_those_of_sets(made, inside):
    reference = KnownCrystals.from_genes(inside)
    marks = mark(made, reference)
    classes = {gene.without_hand() for gene in inside}
    before: set[WyckoffGene] = set()
    for i, draw in enumerate(made):
        found = (
            marks.valid[i],
            marks.neutral[i],
            marks.unique[i],
            marks.novel_gene[i],
            marks.novel_formula[i],
            marks.novel_template[i],
        )
        if isinstance(draw, Rejection):
            assert not any(found)
            continue
        kind = draw.without_hand()
        assert found == (
            True,
            neutral_by_hand(draw.reduced_composition),
            kind not in before,
            kind not in classes,
            draw.formula not in {gene.formula for gene in inside},
            draw.template() not in {gene.template() for gene in inside},
        )
        before.add(kind)


@settings(max_examples=60)
@given(draws, st.lists(FEW, max_size=6))
def test_rates_are_over_all_attempted(made, inside):
    reference = KnownCrystals.from_genes(inside)
    found = generation_metrics(mark(made, reference), reference)
    valid = [draw for draw in made if isinstance(draw, WyckoffGene)]
    new = {gene.without_hand() for gene in valid} - {gene.without_hand() for gene in inside}
    assert found.valid_gene == Rate(len(valid), len(made))
    assert found.unique == Rate(len({gene.without_hand() for gene in valid}), len(made))
    assert found.novel_unique == Rate(len(new), len(made))
    assert found.p1 == Rate(sum(gene.space_group == 1 for gene in new), len(new))
    assert found.space_groups.n + found.space_groups.outside.hits == found.space_groups.outside.n == len(new)
    assert sum(found.rejections.values()) == len(made) - len(valid)
    for rate in (found.compositional_validity, found.novel_gene, found.novel_formula, found.novel_template):
        assert rate.n == len(made)


def test_what_a_small_sample_tells():
    reference = KnownCrystals.from_genes(map(parse, ("225|Na:a|Cl:b", "152|Si:a|O:c")))
    made = [
        parse("225|Na:b|Cl:a"),  # known, in another description
        parse("225|Mg:a|O:b"),  # new, known template
        parse("225|Mg:b|O:a"),  # the same again
        parse("154|Si:a|O:c"),  # the other hand of a known crystal
        parse("221|Na:a|Cl:b"),  # new gene and template, known formula
        parse("1|Na:a|Cl:aa"),  # not neutral
        Rejection("no site"),
        Rejection("no site"),
    ]
    found = generation_metrics(mark(made, reference), reference)
    hits = {name: value.hits for name in found.__dataclass_fields__ if isinstance(value := getattr(found, name), Rate)}
    assert hits == {
        "valid_gene": 6,
        "compositional_validity": 5,
        "unique": 5,
        "novel_gene": 4,
        "novel_formula": 3,
        "novel_template": 2,
        "novel_unique": 3,
        "p1": 1,
    }
    data = found.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["rejections"] == {"no site": 2}
    assert data["reference"] == {"genes": 2, "formulas": 2, "templates": 2}
    assert data["neutrality_tool"].endswith(", icsd24")
    assert data["space_groups"]["n"] == 1
    assert data["space_groups"]["outside_reference"]["hits"] == 2


def test_the_set_of_oxidation_states_is_the_one_asked_for():
    radium_oxide = [parse("225|Ra:a|O:b")]
    reference = KnownCrystals.from_genes([])
    older = mark(radium_oxide, reference, oxidation_states="icsd16")
    assert older.neutral.all()
    assert older.neutrality_tool.endswith(", icsd16")
    assert not mark(radium_oxide, reference).neutral.any()


def test_nothing_attempted_gives_no_figures():
    reference = KnownCrystals.from_genes([parse("225|Na:a|Cl:b")])
    data = generation_metrics(mark([], reference), reference).to_dict()
    assert data["unique"] == {"value": None, "interval": None, "hits": 0, "n": 0}
    assert data["space_groups"]["value"] is None


@given(st.lists(st.integers(1, 230), min_size=1, max_size=30), st.dictionaries(st.integers(1, 230), st.integers(1, 50)))
def test_chi2_is_its_definition(groups, counts):
    reference = np.zeros(230, np.int64)
    for number, count in counts.items():
        reference[number - 1] = count
    found = group_distance(np.array(groups), reference)
    inside = [number for number in groups if number in counts]
    assert found.n == len(inside)
    assert found.outside == Rate(len(groups) - len(inside), len(groups))
    if not inside:
        assert (found.chi2, found.interval, found.bias) == (None, None, None)
        return
    share = {number: count / sum(counts.values()) for number, count in counts.items()}
    expected = sum((inside.count(number) / len(inside) - q) ** 2 / q for number, q in share.items())
    assert found.chi2 == pytest.approx(expected)
    low, high = found.interval
    assert 0 <= low <= found.chi2 + 1e-12 <= high + 2e-12


def test_the_same_frequencies_have_no_distance():
    reference = np.zeros(230, np.int64)
    reference[[0, 61, 224]] = 1, 2, 3
    found = group_distance(np.repeat([1, 62, 225], [10, 20, 30]), reference)
    assert found.chi2 == pytest.approx(0)
    assert found.bias == pytest.approx(2 / 60)


@pytest.mark.parametrize("tilt", [0.0, 0.3, 1.0])
def test_the_interval_of_chi2_covers_the_distance_of_an_endless_sample(tilt):
    rng = np.random.default_rng(0)
    q = rng.dirichlet(np.full(230, 0.5)) + 1e-4
    reference = np.rint(q / q.sum() * 1e6).astype(np.int64)
    q = reference / reference.sum()
    p = q * np.exp(tilt * rng.standard_normal(230))
    p /= p.sum()
    truth = np.sum((p - q) ** 2 / q)
    numbers = np.arange(1, 231)
    found = [group_distance(rng.choice(numbers, 5000, p=p), reference) for _ in range(200)]
    assert np.mean([one.interval[0] <= truth <= one.interval[1] for one in found]) >= 0.93
    assert np.mean([one.chi2 - one.bias for one in found]) == pytest.approx(truth, rel=0.05, abs=2e-3)
