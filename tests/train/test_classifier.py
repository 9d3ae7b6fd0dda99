"""Classifiers of genes: what they learn, what bags are for, what is kept, and the two that come with the package."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.errors import CheckpointError, TableError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.artefact import INDEX, bundled
from wyckforge.train.classifier import (
    INPUTS,
    GeneClassifier,
    Growth,
    Pool,
    bundled_classifier,
    describe,
    grow,
    mean_probability,
)
from wyckforge.train.orbitvae.finetune_predictor import deal_folds

SMALL = Growth(trees=20, learning_rate=0.2, leaves=8)


@pytest.fixture(scope="module")
def metals() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Descriptions of 400 crystals, whether each is a metal, and their formulas."""
    table = load_embedded().select(range(0, 6270, 15))
    return describe(table.genes), table.label("band_gap") == 0, list(table.formulas)


@pytest.fixture(scope="module")
def classifier(metals) -> GeneClassifier:
    x, metal, formulas = metals
    return GeneClassifier("metal", grow(x, metal, formulas, SMALL, seed=3), {"table": "0123456789"}, "A card.\n")


def test_metals_are_told_from_the_rest(classifier):
    others = load_embedded().select(range(3, 6270, 21))
    metal = others.label("band_gap") == 0
    scores = classifier.scores(others.genes)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert ((scores > 0.5) == metal).mean() > 0.8 > max(metal.mean(), 1 - metal.mean())


def test_the_same_seed_gives_the_same_trees_and_another_gives_others(metals, classifier):
    x, metal, formulas = metals
    again, other = (grow(x, metal, formulas, SMALL, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(again.log_odds(x), classifier.trees.log_odds(x))
    assert not np.array_equal(other.log_odds(x), classifier.trees.log_odds(x))


def test_a_member_sees_nothing_of_its_fold(metals):
    """Labels of one fold turned round change the members of the other folds, and not its own."""
    x, metal, formulas = metals
    fold = deal_folds(formulas, 5, np.random.default_rng(3))
    turned = np.where(fold == 2, ~metal, metal)
    one, other = (grow(x, yes, formulas, SMALL, seed=3).log_odds(x) for yes in (metal, turned))
    same = [np.array_equal(a, b) for a, b in zip(one, other, strict=True)]
    assert same == [False, False, True, False, False]


def test_weights_are_heard(metals):
    x, metal, formulas = metals
    few = x[:, ::20]
    quiet = np.where(metal, 0.02, 1.0)
    heard, muffled = (grow(few, metal, formulas, SMALL, seed=3, weights=weights) for weights in (None, quiet))
    assert mean_probability(heard.log_odds(few)).mean() > 2 * mean_probability(muffled.log_odds(few)).mean()


def test_bags_find_the_positives_that_hide_among_the_unlabelled():
    rng = np.random.default_rng(0)
    positive = np.arange(1500) < 750
    x = (rng.standard_normal((1500, 4)) + 1.2 * positive[:, None]).astype(np.float32)
    labelled = positive & (rng.random(1500) < 0.4)
    groups = [str(row) for row in range(1500)]
    alike = Pool(np.ones(1500), np.zeros(1500, np.int64))
    trees = grow(x, labelled, groups, Growth(20, 0.2, bags=2, leaves=8), seed=0, pool=alike)
    assert len(trees.base) == 10
    scores = mean_probability(trees.log_odds(x))
    hidden, negative = scores[positive & ~labelled], scores[~positive]
    assert (hidden[:, None] > negative).mean() > 0.9
    assert (hidden > 0.4).mean() > 0.7 > 0.2 > (negative > 0.4).mean()


def test_strata_that_are_labelled_more_often_are_not_preferred():
    """Two kinds that differ in nothing but how many of them are labelled."""
    rng = np.random.default_rng(0)
    kind = (np.arange(1600) < 800).astype(np.int64)
    x = np.column_stack([kind, rng.standard_normal(1600)]).astype(np.float32)
    labelled = (x[:, 1] > 0) & (rng.random(1600) < np.where(kind, 0.8, 0.2))
    groups = [str(row) for row in range(1600)]
    gaps = []
    for strata in (np.zeros_like(kind), kind):
        growth, pool = Growth(20, 0.2, bags=2, leaves=8), Pool(np.ones(1600), strata)
        scores = mean_probability(grow(x, labelled, groups, growth, seed=0, pool=pool).log_odds(x))
        positive = x[:, 1] > 0
        gaps.append(scores[positive & (kind == 1)].mean() - scores[positive & (kind == 0)].mean())
    assert gaps[0] > 0.3 > abs(gaps[1])
    assert gaps[1] < gaps[0] / 2


def test_a_bag_holds_what_its_pool_says():
    rng = np.random.default_rng(0)
    yes, strata = np.arange(4000) < 2000, np.arange(4000) % 4 // 3  # a quarter of all is of stratum 1
    chance = np.where(strata == 1, 3.0, 1.0)  # of those drawn, a half
    rows = np.flatnonzero(np.arange(4000) % 5)
    bag = Pool(chance, strata).bag(rows, yes, rng)
    assert set(bag) <= set(rows)
    assert yes[bag].sum() == (~yes[bag]).sum() == yes[rows].sum()
    for kind in (True, False):
        assert strata[bag][yes[bag] == kind].mean() == pytest.approx(0.5, abs=0.05)


def test_other_vintages_are_marked_and_asked_without():
    genes = load_embedded().genes[:4]
    marked = describe(genes, np.array([True, False, True, False]))
    assert marked.shape == (4, INPUTS)
    assert marked[:, -1].tolist() == [1, 0, 1, 0]
    np.testing.assert_array_equal(marked[:, :-1], describe(genes)[:, :-1])
    assert not describe(genes)[:, -1].any()


def test_a_folder_brings_it_back(classifier, tmp_path):
    classifier.save(tmp_path / "metal")
    again = GeneClassifier.load(tmp_path / "metal")
    genes = load_embedded().genes[:50]
    np.testing.assert_array_equal(again.scores(genes), classifier.scores(genes))
    assert (again.name, again.card, again.tool) == ("metal", "A card.\n", "classifier metal, 01234567")


@pytest.mark.parametrize("part", ["index", "arrays", "version", "kind"])
def test_a_damaged_folder_is_refused(classifier, tmp_path, part):
    classifier.save(tmp_path)
    index = json.loads((tmp_path / INDEX).read_text())
    if part == "arrays":
        content = bytearray((tmp_path / "arrays.safetensors").read_bytes())
        content[-3] ^= 1
        (tmp_path / "arrays.safetensors").write_bytes(content)
    else:
        index |= {"index": {"files": {}}, "version": {"version": 99}, "kind": {"format": "other"}}[part]
        (tmp_path / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError):
        GeneClassifier.load(tmp_path)


def test_elements_beyond_plutonium_are_refused_by_name(classifier):
    with pytest.raises(TableError, match="Cf is beyond plutonium"):
        classifier.scores([WyckoffGene.parse("225|Cf:a|O:b")])
    assert classifier.problem(WyckoffGene.parse("225|Pu:a|O:b")) is None
    assert classifier.scores([]).shape == (0,)


@pytest.mark.parametrize("name", ["synthesizability", "metal"])
def test_the_bundled_ones_are_small_and_hold_nothing_that_runs(name):
    files = list(bundled(name).iterdir())
    assert {file.name for file in files} == {"README.md", "checkpoint.json", "arrays.safetensors"}
    assert sum(file.stat().st_size for file in files) < 4e6
    assert bundled_classifier(name).name == name


def test_the_bundled_one_knows_metals_from_salts():
    salts = ["225|Na:a|Cl:b", "221|O:c|Ti:b|Sr:a", "216|Zn:a|S:c", "225|Ca:a|F:c"]
    alloys = ["221|Au:a|Cu:c", "225|Cu:a", "221|Ni:a|Al:b", "225|Ti:a|N:b"]
    found = bundled_classifier("metal")
    low, high = (found.scores([WyckoffGene.parse(text).canonical() for text in texts]) for texts in (salts, alloys))
    assert low.max() < 0.1
    assert high.min() > 0.9


def test_the_bundled_one_prefers_what_has_been_made():
    """Minerals against arrangements of elements that will not have it."""
    made = ["221|O:c|Ti:b|Ba:a", "227|O:e|Al:d|Mg:a", "62|O:cd|Fe:c|La:b", "225|Ca:a|F:c"]
    absurd = ["225|Na:a|O:b", "221|Pb:a|Cl:b", "216|Na:a|Cs:b|Ca:c", "225|Xe:b|Na:a|Pt:c"]
    found = bundled_classifier("synthesizability")
    good, bad = (found.scores([WyckoffGene.parse(text).canonical() for text in texts]) for texts in (made, absurd))
    assert good.min() > 0.5
    assert bad.max() < 0.4
