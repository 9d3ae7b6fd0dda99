from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examples import table_of
from wyckforge.data.embedded import load_embedded
from wyckforge.data.split import Split, chemical_system, split_table
from wyckforge.data.table import GeneTable
from wyckforge.errors import TableError
from wyckforge.symmetry.gene import WyckoffGene

PARTS = ("train", "val", "test")
KEY = {"formula": lambda gene: gene.formula, "chemical_system": chemical_system}


@st.composite
def tables(draw) -> GeneTable:
    """Genes of two groups and few elements, so that formulas and systems repeat."""
    element = st.integers(20, 24)
    one = st.builds(lambda a, b: WyckoffGene(225, ((a, "a"), (b, "b"))), element, element)
    two = st.builds(lambda a, b: WyckoffGene(221, ((a, "a"), (b, "c"))), element, element)
    return table_of(draw(st.lists(one | two, max_size=40)))


@given(tables(), st.integers(0, 2**32), st.sampled_from(sorted(KEY)))
def test_parts_cover_all_rows_once_and_share_no_group(table, seed, by):
    split = split_table(table, seed=seed, by=by)
    rows = np.concatenate([split.train, split.val, split.test])
    assert sorted(rows.tolist()) == list(range(len(table)))
    groups = [{KEY[by](table.genes[i]) for i in getattr(split, part)} for part in PARTS]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


@given(tables(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_same_seed_same_split(table, seed):
    one, two = split_table(table, seed=seed), split_table(table, seed=seed)
    for part in PARTS:
        np.testing.assert_array_equal(getattr(one, part), getattr(two, part))


def test_other_seed_other_split():
    table = load_embedded()
    assert not np.array_equal(split_table(table, seed=0).test, split_table(table, seed=1).test)


@pytest.mark.parametrize("by", sorted(KEY))
def test_sizes_and_space_groups_follow_the_table(by):
    table = load_embedded()
    split = split_table(table, seed=7, by=by)
    whole = np.bincount(table.space_groups, minlength=231) / len(table)
    for part, share in zip(PARTS, (0.8, 0.1, 0.1), strict=True):
        rows = getattr(split, part)
        assert len(rows) / len(table) == pytest.approx(share, abs=0.005)
        histogram = np.bincount(table.space_groups[rows], minlength=231) / len(rows)
        total_variation = np.abs(histogram - whole).sum() / 2
        assert total_variation < {"formula": 0.06, "chemical_system": 0.09}[by]


def test_space_groups_of_one_crystal_fall_on_all_parts_alike():
    table = table_of([WyckoffGene(number, ((number, "a"),)) for number in range(1, 119)])
    split = split_table(table, seed=1)
    assert [len(getattr(split, part)) for part in PARTS] == pytest.approx([0.8 * 118, 0.1 * 118, 0.1 * 118], abs=1)


def test_written_split_reads_back_and_knows_its_table(tmp_path):
    table = load_embedded()
    split = split_table(table, seed=3, by="chemical_system", fractions=(0.5, 0.2, 0.3))
    split.write(tmp_path / "deep" / "split.json")
    again = Split.read(tmp_path / "deep" / "split.json")
    for part in PARTS:
        np.testing.assert_array_equal(getattr(split, part), getattr(again, part))
    assert (again.seed, again.by) == (3, "chemical_system")
    again.check_belongs_to(table)
    with pytest.raises(TableError, match="another table"):
        again.check_belongs_to(table.select(split.train))


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (1.1, -0.1, 0.0), (0.5, 0.5)])
def test_impossible_fractions_are_refused(fractions):
    with pytest.raises(TableError, match="sum to 1"):
        split_table(table_of([]), seed=0, fractions=fractions)


def test_unknown_grouping_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(TableError, match="chemical_system"):
        split_table(table_of([]), seed=0, by="element")
    foreign = tmp_path / "foreign.json"
    for content in ("", "[1]", json.dumps({"train": [1]}), json.dumps({"train": "x", "val": [], "test": []})):
        foreign.write_text(content)
        with pytest.raises(TableError, match="not a split"):
            Split.read(foreign)
    with pytest.raises(TableError, match="not a split"):
        Split.read(tmp_path / "absent.json")
