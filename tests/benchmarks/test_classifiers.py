from __future__ import annotations

import numpy as np
import pytest

import classifiers
import classifiers_scores
from classifiers_page import card_of, missed, page_of
from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.classifier import GeneClassifier, Growth

METALS = ("Na", "K", "Rb", "Cs", "Ag", "Tl")
ANIONS = ("F", "Cl", "Br", "I", "O", "S")
LATE = 2012


@pytest.fixture(scope="module")
def crystals() -> classifiers.Crystals:
    """Salts known to experiment with gaps, late or early, and alloys of WBM without."""
    rng = np.random.default_rng(0)
    rows = []
    for group in ("225|{}:a|{}:b", "221|{}:a|{}:b", "216|{}:a|{}:c"):
        rows += [(group.format(a, b), "mp", 1.0) for a in METALS for b in ANIONS]
        rows += [
            (group.format(a, b), "wbm-val-", 0.0) for a in ("Ti", "Fe", "Au", "Ni", "Pd") for b in ("Al", "Cu", "Zn")
        ]
        rows += [(group.format(a, b), "other", np.nan) for a in ("Ca", "Mg", "Sr") for b in ANIONS]
    known = np.array([kind for *_, kind in rows])
    gap = np.where(known == 0, 0.0, 1 + rng.random(len(rows)))
    source = np.where(known == 1, "mp_20", np.where(known == 0, "wbm", "aviary_mp_2020"))
    year = np.where(known == 1, rng.choice([2000, LATE], len(rows)), np.nan)

    def column(values: np.ndarray) -> LabelColumn:
        return LabelColumn(values, "", np.where(np.isnan(values), "", source))

    table = GeneTable(
        tuple(f"{kind}{row}" for row, (_, kind, _) in enumerate(rows)),
        tuple(WyckoffGene.parse(text).canonical() for text, *_ in rows),
        {"band_gap": column(gap), "experimental": column(known), "year": column(year)},
        None,
        np.zeros(len(rows)),
    )
    return classifiers.Crystals(table)


@pytest.mark.parametrize("by", ["formula", "chemical_system", "year"])
@pytest.mark.parametrize("question", ["synthesizability", "metal"])
def test_nothing_of_a_group_is_on_both_sides(crystals, question, by):
    train, test = crystals.parts(question, by)
    groups = np.array(crystals.groups(by))
    assert len(train) > len(test) > 0 or by == "year"
    assert not set(groups[train]) & set(groups[test])


def test_metals_are_tested_on_modern_vintages_and_learned_from_all(crystals):
    train, test = crystals.parts("metal", "formula")
    assert crystals.older.sum() == 54
    assert crystals.older[train].any()
    assert not crystals.older[test].any()


def test_nothing_that_came_late_is_learned_and_all_of_it_is_tested(crystals):
    train, test = crystals.parts("synthesizability", "year")
    year = crystals.table.label("year")
    late = {crystals.table.formulas[row] for row in np.flatnonzero(year == LATE)}
    assert not late & {crystals.table.formulas[row] for row in train}
    assert set(np.flatnonzero(year == LATE)) <= set(test)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("classifiers")


@pytest.fixture(scope="module")
def found(crystals, cache):
    """Few trees, and few draws of the bootstrap."""
    few = {"metal": Growth(8, 0.3, leaves=6), "synthesizability": Growth(8, 0.3, bags=1, leaves=6)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifiers, "GROWTH", few)
        patch.setattr(classifiers_scores, "RESAMPLES", 10)
        yield {run: classifiers.finish(crystals, *run, cache) for run in classifiers.RUNS}


def test_the_page_says_what_was_found_and_a_second_call_repeats_nothing(crystals, found, cache):
    page = page_of(found)
    assert "Both goals are reached on both splits." in page
    assert "2012" in page
    metals = found["metal", "formula"]["parts"]["all"]["recall"]
    assert f"100.0 ({100 * metals['interval'][0]:.1f} to 100.0; n = {metals['n']})" in page
    model = cache / "metal-formula" / "model" / "checkpoint.json"
    before = model.stat().st_mtime_ns
    assert classifiers.finish(crystals, "metal", "formula", cache) == found["metal", "formula"]
    assert model.stat().st_mtime_ns == before
    assert GeneClassifier.load(model.parent).provenance["split"] == "formula"
    for question in ("metal", "synthesizability"):
        assert f"`{question}`" in card_of(question, found)


def test_missed_goals_are_named(found):
    low = {"value": 0.91, "interval": [0.9, 0.92], "hits": 91, "n": 100}
    parts = {**found["metal", "formula"]["parts"], "all": {**found["metal", "formula"]["parts"]["all"], "recall": low}}
    changed = {**found, ("metal", "formula"): {**found["metal", "formula"], "parts": parts}}
    assert missed(changed) == ["recall of metals, split by formula: 91.0 % instead of 95 %"]
    assert "- recall of metals, split by formula: 91.0 % instead of 95 %" in page_of(changed)


def test_scores_are_rates_by_hand():
    gap = np.array([0, 0, 0, 1.0, 2.0])
    names = [f"x{k}" for k in range(5)]
    genes = tuple(WyckoffGene.parse(f"225|{a}:a|Cl:b") for a in ("Na", "K", "Rb", "Cs", "Ag"))
    table = GeneTable(tuple(names), genes, {}, None, np.zeros(5))
    found = classifiers_scores.score_metal(gap, np.array([0.9, 0.8, 0.2, 0.7, 0.1]), table)
    told = found["parts"]["all"]
    assert (told["precision"]["hits"], told["precision"]["n"]) == (2, 3)
    assert (told["recall"]["hits"], told["recall"]["n"]) == (2, 3)
    assert found["auc"]["value"] == pytest.approx(5 / 6)


def test_crystals_of_one_gene_that_disagree_are_counted():
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    other = WyckoffGene.parse("225|K:a|Cl:b")
    table = GeneTable(tuple("abcde"), (gene, gene, gene, other, other), {}, None, np.zeros(5))
    found = classifiers_scores.same_gene(table, np.array([0, 0, 1.0, 2.0, 3.0]))
    assert (found["genes"]["hits"], found["genes"]["n"], found["lost"], found["crystals"]) == (1, 2, 1, 5)
