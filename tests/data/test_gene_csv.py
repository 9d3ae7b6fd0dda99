from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import genes
from wyckforge.data.gene_csv import has_genes, read_gene_csv
from wyckforge.errors import TableError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@given(rows=st.lists(st.tuples(genes(), st.one_of(st.none(), st.floats(-1e6, 1e6))), min_size=1, max_size=8))
def test_every_crystal_comes_back_with_its_label(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["gene", "seebeck"], *rows])
    table, report = read_gene_csv(path, ["seebeck"])
    assert (report.n_read, report.dropped) == (len(rows), ())
    assert table.genes == tuple(gene.canonical() for gene, _ in rows)
    expected = [np.nan if value is None else value for _, value in rows]
    np.testing.assert_array_equal(table.label("seebeck"), expected)
    assert set(table.column("seebeck").vintages()) <= {"mine"}


def test_rows_without_a_gene_are_named(tmp_path):
    path = written(tmp_path / "a.csv", "gene,formation_energy_per_atom\n225|Na:a|Cl:b,-2\n225|Na:a|Cl:a,-1\n,0\n")
    assert has_genes(path)
    table, report = read_gene_csv(path, ["formation_energy_per_atom"])
    assert (len(table), report.n_kept, [line for line, _ in report.dropped]) == (1, 1, ["1", "2"])
    assert table.column("formation_energy").unit == "eV/atom"


def test_rows_keep_their_own_identifier_or_number(tmp_path):
    rows = "rock salt,1,x\n225|Na:a|Cl:b,2,y\n225|K:a|Cl:b,3,\n"
    numbered, report = read_gene_csv(written(tmp_path / "a.csv", "gene,b,c\n" + rows), ["b"])
    assert (numbered.ids, report.dropped[0][0]) == (("1", "2"), "0")
    named, report = read_gene_csv(written(tmp_path / "b.csv", "gene,b,id\n" + rows), ["b"])
    assert (named.ids, report.dropped[0][0]) == (("y", "2"), "x")


def test_a_gap_below_zero_is_missing_and_counted(tmp_path):
    text = "gene,band_gap,seebeck\n225|Na:a|Cl:b,-0.1,-200\n225|K:a|Cl:b,0,1\n"
    table, report = read_gene_csv(written(tmp_path / "a.csv", text), ["band_gap", "seebeck"])
    assert table.column("band_gap").mask.tolist() == [False, True]
    assert table.column("seebeck").mask.all()
    assert report.notes["band_gap below zero"] == 1


def test_the_vintage_may_be_stated(tmp_path):
    path = written(tmp_path / "a.csv", "gene,gap,gap_source\n225|Na:a|Cl:b,5,here\n225|K:a|Cl:b,6,\n")
    assert read_gene_csv(path, ["gap"])[0].column("gap").vintages() == {"here": 1, "a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene,a\n225|Na:a|Cl:b,1\n", "no column 'b'.*it has: gene, a"),
        ("gene,b\nrock salt,1\n", "no row of .* holds a gene.*row 0.*'225"),
        ("gene,b\n", "it is empty"),
    ],
)
def test_mistakes_are_told(tmp_path, text, message):
    with pytest.raises(TableError, match=message):
        read_gene_csv(written(tmp_path / "a.csv", text), ["b"])


def test_other_files_hold_no_genes(tmp_path):
    assert not has_genes(written(tmp_path / "a.csv", "id,cif\n"))
    assert not has_genes(written(tmp_path / "b.csv", ""))
    assert not has_genes(tmp_path)
    assert not has_genes(tmp_path / "absent.csv")


def test_a_label_that_is_no_number_is_missing_and_counted(tmp_path):
    path = written(
        tmp_path / "a.csv", "gene,b\n225|Na:a|Cl:b,high\n225|K:a|Cl:b,inf\n225|Li:a|Cl:b,2\n225|Rb:a|Cl:b,\n"
    )
    table, report = read_gene_csv(path, ["b"])
    assert table.column("b").mask.tolist() == [False, False, True, False]
    assert report.notes == {
        "b is text, not a finite number (the first is 'high' in row 0)": 1,
        "b not a finite number": 1,
    }
    assert report.n_kept == 4


def test_decimal_commas_are_told_with_the_first_cell(tmp_path):
    path = written(tmp_path / "a.csv", 'id,gene,b\nx,225|Na:a|Cl:b,2\ny,225|K:a|Cl:b,"1,5"\nz,225|Li:a|Cl:b,"2,5"\n')
    with pytest.raises(TableError, match=r"2 label cells of b in .*a\.csv .* '1,5' in row y; use a decimal point"):
        read_gene_csv(path, ["b"])


def test_digits_in_groups_are_no_number(tmp_path):
    path = written(tmp_path / "a.csv", "gene,b\n225|Na:a|Cl:b,1_000\n225|K:a|Cl:b,2\n")
    assert read_gene_csv(path, ["b"])[0].column("b").mask.tolist() == [False, True]


@pytest.mark.parametrize("header", ["gene,b,b", "gene;b", "gene\tb"])
def test_a_header_that_cannot_be_read_as_it_is_meant_is_refused(tmp_path, header):
    with pytest.raises(TableError, match=r"several columns 'b'|with commas"):
        has_genes(written(tmp_path / "a.csv", f"{header}\n"))


def test_other_encodings_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("gene,b,who\n225|Na:a|Cl:b,1,André\n".encode("latin-1"))
    with pytest.raises(TableError, match="not UTF-8"):
        read_gene_csv(path, ["b"])
