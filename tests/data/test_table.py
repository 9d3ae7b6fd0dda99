from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.examples import label, perovskite, rock_salt, table_of
from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.errors import TableError
from wyckforge.symmetry.gene import WyckoffGene

ROCK_SALT = WyckoffGene.parse("225|Cl:b|Na:a")
PEROVSKITE = WyckoffGene.parse("221|O:c|Ti:b|Sr:a")
NAN = float("nan")


@pytest.fixture
def table() -> GeneTable:
    return GeneTable(
        ids=("one", "two", "three"),
        genes=(ROCK_SALT, PEROVSKITE, ROCK_SALT),
        labels={
            "band_gap": label([5.0, NAN, 4.5], ["old", "", "new"]),
            "formation_energy": label([-2.0, -3.5, -2.1], "new", unit="eV/atom"),
        },
        crystals=(rock_salt(), None, perovskite()),
        given_space_groups=np.array([225, 0, 1]),
        provenance={"input": "three crystals"},
    )


def same(one: GeneTable, two: GeneTable) -> None:
    assert one.ids == two.ids
    assert one.genes == two.genes
    assert dict(one.provenance) == dict(two.provenance)
    np.testing.assert_array_equal(one.given_space_groups, two.given_space_groups)
    assert list(one.labels) == list(two.labels)
    for name, column in one.labels.items():
        np.testing.assert_array_equal(column.values, two.labels[name].values)
        np.testing.assert_array_equal(column.sources, two.labels[name].sources)
        assert column.unit == two.labels[name].unit
    assert (one.crystals is None) == (two.crystals is None)
    for first, second in zip(one.crystals or (), two.crystals or (), strict=True):
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert first.to_dict() == second.to_dict()


def test_written_table_reads_back_the_same(table, tmp_path):
    table.write(tmp_path / "deep" / "table.parquet")
    again = GeneTable.read(tmp_path / "deep" / "table.parquet")
    same(table, again)
    assert again.content_hash() == table.content_hash()
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["table.parquet"]


def test_empty_table_and_table_without_structures_read_back(table, tmp_path):
    for number, small in enumerate([table.select([]), table_of([ROCK_SALT], band_gap=label([1.0]))]):
        small.write(tmp_path / f"{number}.parquet")
        same(small, GeneTable.read(tmp_path / f"{number}.parquet"))


finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(st.tuples(finite | st.just(NAN), st.sampled_from(["a", "b"])), min_size=1, max_size=8))
@settings(max_examples=25)
def test_any_labels_read_back_exactly(tmp_path_factory, given_labels):
    values, sources = map(list, zip(*given_labels, strict=True))
    table = table_of([ROCK_SALT] * len(values), band_gap=label(values, sources))
    path = tmp_path_factory.mktemp("any") / "table.parquet"
    table.write(path)
    same(table, GeneTable.read(path))


def test_content_hash_follows_genes_and_labels_but_not_structures(table):
    assert GeneTable(**{**vars_of(table), "crystals": None}).content_hash() == table.content_hash()
    assert GeneTable(**{**vars_of(table), "provenance": {}}).content_hash() == table.content_hash()
    for changed in (
        {"ids": ("one", "two", "four")},
        {"genes": (ROCK_SALT, ROCK_SALT, ROCK_SALT)},
        {"labels": {**table.labels, "band_gap": label([5.0, NAN, 4.6], ["old", "", "new"])}},
        {"labels": {**table.labels, "band_gap": label([5.0, NAN, 4.5], ["new", "", "new"])}},
        {"labels": {**table.labels, "band_gap": label([5.0, 0.0, 4.5], ["old", "new", "new"])}},
    ):
        assert GeneTable(**{**vars_of(table), **changed}).content_hash() != table.content_hash()


def vars_of(table: GeneTable) -> dict:
    names = ("ids", "genes", "labels", "crystals", "given_space_groups", "provenance")
    return {name: getattr(table, name) for name in names}


def test_select_by_mask_and_by_index(table):
    assert table.select(np.array([True, False, True])).ids == ("one", "three")
    picked = table.select([2, 0])
    assert picked.ids == ("three", "one")
    assert picked.label("band_gap").tolist() == [4.5, 5.0]
    assert picked.labels["band_gap"].sources.tolist() == ["new", "old"]
    assert picked.given_space_groups.tolist() == [1, 225]
    with pytest.raises(TableError, match="mask"):
        table.select(np.array([True]))


def test_derived_columns_come_from_the_genes(table):
    assert table.formulas == ("NaCl", "SrTiO3", "NaCl")
    assert table.space_groups.tolist() == [225, 221, 225]


def test_require_labels_drops_rows_without(table):
    assert table.require_labels(["band_gap", "formation_energy"]).ids == ("one", "three")
    with pytest.raises(TableError, match="bulk_modulus"):
        table.require_labels(["bulk_modulus"])


def test_mixed_vintages_are_refused_until_named(table):
    table.require_single_vintage("formation_energy")
    with pytest.raises(TableError, match=r"old \(1\)"):
        table.require_single_vintage("band_gap")
    table.with_vintage({"band_gap": frozenset({"old", "new"})}).require_single_vintage("band_gap")


def test_with_vintage_makes_other_labels_missing(table):
    old = table.with_vintage({"band_gap": frozenset({"old"})})
    assert old.label("band_gap")[0] == 5.0
    assert np.isnan(old.label("band_gap")[1:]).all()
    assert old.labels["band_gap"].vintages() == {"old": 1}
    np.testing.assert_array_equal(old.label("formation_energy"), table.label("formation_energy"))
    old.require_single_vintage("band_gap")


def test_acceptance_of_vintages_survives_the_file(table, tmp_path):
    table.with_vintage({"band_gap": frozenset({"old", "new"})}).write(tmp_path / "table.parquet")
    GeneTable.read(tmp_path / "table.parquet").require_single_vintage("band_gap")


@pytest.mark.parametrize(
    ("values", "sources"),
    [([1.0, 2.0], ["a"]), ([float("inf")], ["a"]), ([1.0], [""]), ([NAN], ["a"])],
)
def test_impossible_label_columns_are_refused(values, sources):
    with pytest.raises(TableError):
        LabelColumn(np.array(values), "eV", np.array(sources))


def test_columns_of_unequal_length_and_repeated_ids_are_refused(table):
    with pytest.raises(TableError, match="band_gap"):
        table_of([ROCK_SALT], band_gap=label([1.0, 2.0]))
    with pytest.raises(TableError, match="twice"):
        GeneTable(**{**vars_of(table), "ids": ("one", "one", "two")})


@pytest.mark.parametrize("value", [1e300, -1e30])
@pytest.mark.filterwarnings("error")
def test_labels_of_absurd_size_are_refused_with_their_row(value):
    with pytest.raises(TableError, match=r"band_gap of row 'row-1' is .*e\+30.*check the value and its unit"):
        table_of([ROCK_SALT] * 3, band_gap=label([NAN, value, value]))
    assert table_of([ROCK_SALT], band_gap=label([9e29])).label("band_gap").tolist() == [9e29]


def test_absent_truncated_foreign_and_damaged_files_are_refused(table, tmp_path):
    good = tmp_path / "good.parquet"
    table.write(good)
    bad = tmp_path / "bad.parquet"
    with pytest.raises(TableError, match="does not exist"):
        GeneTable.read(tmp_path / "absent.parquet")
    for content in (b"", b"not parquet", good.read_bytes()[:-40], good.read_bytes()[: good.stat().st_size // 2]):
        bad.write_bytes(content)
        with pytest.raises(TableError, match="Parquet"):
            GeneTable.read(bad)
    pq.write_table(pa.table({"x": [1]}), bad)
    with pytest.raises(TableError, match="not a gene table"):
        GeneTable.read(bad)
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata({b"wyckforge": b'{"version": 1}'}), bad)
    with pytest.raises(TableError, match="not a gene table"):
        GeneTable.read(bad)
    stored = pq.read_table(good)
    pq.write_table(stored.drop_columns(["band_gap_source"]), bad)
    with pytest.raises(TableError, match="band_gap_source"):
        GeneTable.read(bad)
    impossible = pa.array(["225|Na:z", "nonsense", ""])
    pq.write_table(stored.set_column(stored.column_names.index("gene"), "gene", impossible), bad)
    with pytest.raises(TableError, match="damaged"):
        GeneTable.read(bad)
    later = stored.replace_schema_metadata({b"wyckforge": stored.schema.metadata[b"wyckforge"].replace(b": 1", b": 9")})
    pq.write_table(later, bad)
    with pytest.raises(TableError, match="table format 9"):
        GeneTable.read(bad)
