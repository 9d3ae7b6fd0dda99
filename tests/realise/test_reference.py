from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from wyckforge.errors import TableError
from wyckforge.realise.reference import ReferenceTable, bundled_table, bundled_tables

ONE, OTHER = "CHGNet 0.3.0", "SevenNet 0 (sevenn 0.13.0)"


def table(energies: dict[str, float], tool: str = ONE, name: str = "mine") -> ReferenceTable:
    rows = pd.DataFrame({"formula": list(energies), "energy_per_atom": list(energies.values())})
    return ReferenceTable(rows, tool, name)


def test_a_written_table_reads_back_with_its_potential_and_notes(tmp_path: Path) -> None:
    written = ReferenceTable(table({"Na": -1.0, "NaCl": -3.0}).rows, OTHER, "mine", {"unit": "eV/atom"})
    written.write(tmp_path / "mine.parquet")
    read = ReferenceTable.read(tmp_path / "mine.parquet")
    assert (read.tool, read.name, read.notes["unit"]) == (OTHER, "mine.parquet", "eV/atom")
    pd.testing.assert_frame_equal(read.rows, written.rows)


def test_merging_keeps_the_lower_energy_of_every_formula() -> None:
    both = table({"Na": -1.0, "Cl": -2.0}).merged(table({"Na": -1.1, "NaCl": -3.0, "Cl": -1.5}))
    assert dict(zip(both.rows["formula"], both.rows["energy_per_atom"], strict=True)) == {
        "Cl": -2.0,
        "Na": -1.1,
        "NaCl": -3.0,
    }


def test_tables_of_different_potentials_are_not_merged() -> None:
    with pytest.raises(TableError, match=r"mine holds energies of CHGNet 0\.3\.0, yours of SevenNet 0 .* cannot be"):
        table({"Na": -1.0}).merged(table({"Cl": -2.0}, OTHER, "yours"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("formula,energy_per_atom\nNa,-1\n", "does not say whose energies it holds; add a column 'potential'"),
        ("formula,energy_per_atom,potential\nNa,-1,A\nCl,-2,\n", "does not say whose energies"),
        ("formula,energy_per_atom,potential\nNa,-1,A\nCl,-2,B\n", "energies of A and B; .* cannot be mixed"),
    ],
)
def test_a_table_of_no_or_two_potentials_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=problem):
        ReferenceTable.read(path)


def test_a_column_that_contradicts_the_metadata_is_refused(tmp_path: Path) -> None:
    rows = table({"Na": -1.0}).rows.assign(potential=OTHER)
    ReferenceTable(rows, ONE).write(tmp_path / "mine.parquet")
    with pytest.raises(TableError, match="cannot be mixed"):
        ReferenceTable.read(tmp_path / "mine.parquet")


def test_a_potential_without_a_table_in_the_package_is_told_what_to_do() -> None:
    assert ONE in bundled_tables()
    with pytest.raises(TableError, match=r"none of LJ 1\.0; make a table with 'wyckforge hull build'"):
        bundled_table("LJ 1.0")
