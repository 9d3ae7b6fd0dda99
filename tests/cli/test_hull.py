from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wyckforge.cli import main
from wyckforge.potential.chgnet import TOOL
from wyckforge.realise.hull import ReferenceHull
from wyckforge.realise.reference import ReferenceTable, bundled_table, bundled_tables


def run(*args: str | Path):
    return CliRunner().invoke(main, ["hull", *map(str, args)])


@pytest.fixture
def structures(write_rock_salt) -> Path:
    write_rock_salt("phases/salt", "Na", "Cl", edge=5.6)
    return write_rock_salt("phases/sodium_gold", "Na", "Au", edge=6.0).parent


def test_a_table_of_ones_own_phases(structures, tmp_path):
    out = tmp_path / "mine.parquet"
    (structures / "bad.cif").write_text("no structure")
    done = run("build", structures, "--no-relax", "--out", out)
    assert done.exit_code == 1
    assert "bad" in done.stderr
    assert "computed  2 of 2 phases by CHGNet 0.3.0" in done.stdout
    assert "no reference for the elements Au, Cl, Na" in done.stdout
    table = ReferenceTable.read(out)
    assert table.tool == TOOL
    assert table.rows["formula"].tolist() == ["NaAu", "NaCl"]
    assert set(table.rows["method"]) == {"single-point"}


def test_the_bundled_table_is_extended(structures, tmp_path):
    out = tmp_path / "mine.parquet"
    done = run("build", structures / "salt.vasp", "--no-relax", "--extend", "bundled", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "no reference" not in done.stdout
    mine, bundled = (ReferenceHull.load(path) for path in (out, bundled_table(TOOL)))
    assert mine.elements == bundled.elements
    assert len(mine) == len(bundled)  # the relaxed salt of the package lies lower than this one


def test_tables_of_other_potentials_are_not_extended(structures, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("formula,energy_per_atom,potential\nNa,-1.0,LJ 1.0\n")
    done = run("build", structures, "--extend", other, "--out", tmp_path / "mine.parquet")
    assert done.exit_code == 2
    assert "cannot be compared with other.csv, which holds energies of LJ 1.0" in done.stderr
    assert not (tmp_path / "mine.parquet").exists()


def test_what_competes_at_a_formula():
    done = run("show", "Na3Cl")
    assert done.exit_code == 0
    assert [line.split() for line in done.stdout.splitlines()[2:]] == [["0.500", "Na"], ["0.500", "NaCl"]]
    assert TOOL in done.stdout


@pytest.mark.parametrize("formula", ["Xy2", "O0", "Na0Cl1", "Li1e400O", "H1e308O1e308"])
def test_what_is_no_formula_is_refused(formula):
    wrong = run("show", formula)
    assert wrong.exit_code == 2
    assert f"formula '{formula}' given" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_the_potential_asked_for_is_that_of_the_table():
    table = bundled_tables()[TOOL]
    assert run("show", "Na3Cl", "--table", table, "--potential", "chgnet").exit_code == 0
    other = run("show", "Na3Cl", "--table", table, "--potential", "sevennet-0")
    assert other.exit_code == 2
    assert "cannot be compared with chgnet" in other.stderr


def test_a_table_of_nothing_is_not_written(tmp_path):
    (tmp_path / "bad.cif").write_text("nothing to read")
    for more in ((), ("--extend", "bundled")):
        done = run("build", tmp_path / "bad.cif", "--out", tmp_path / "mine.parquet", *more)
        assert done.exit_code == 2
        assert "there is no energy of any phase given" in done.stderr
        assert not (tmp_path / "mine.parquet").exists()


def test_nothing_to_compute_is_a_mistake(tmp_path):
    done = run("build", "--out", tmp_path / "mine.parquet")
    assert done.exit_code == 2
    assert "give STRUCTURES or --materials-project SYSTEM" in done.stderr


def test_a_table_is_not_replaced_by_one_that_lacks_its_formulas(structures, tmp_path):
    out = tmp_path / "mine.parquet"
    salt, gold = structures / "salt.vasp", structures / "sodium_gold.vasp"
    for _ in range(2):  # the same command again
        assert run("build", structures, "--no-relax", "--out", out).exit_code == 0
    before = out.read_bytes()
    other = run("build", salt, "--no-relax", "--out", out)
    assert other.exit_code == 2
    assert f"holds energies of {TOOL} for NaAu, which would be lost; add to it with --extend {out}" in other.stderr
    assert run("build", structures, "--no-relax", "--out", out, "--potential", "sevennet-0").exit_code == 2
    assert out.read_bytes() == before
    assert run("build", gold, "--no-relax", "--extend", out, "--out", out).exit_code == 0
    assert ReferenceTable.read(out).rows["formula"].tolist() == ["NaAu", "NaCl"]


def test_where_no_table_can_be_written_nothing_is_computed(structures, tmp_path):
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "notes.parquet").write_text("mine")
    before = set(tmp_path.iterdir())
    for name, words in (
        ("mine.csv", "the table is Parquet, give NAME.parquet"),
        ("folder.parquet", "is a directory"),
        ("notes.parquet", "notes.parquet cannot be read"),
    ):
        done = run("build", structures, "--no-relax", "--out", tmp_path / name)
        assert done.exit_code == 2
        assert words in done.stderr
    assert set(tmp_path.iterdir()) == before


def test_elements_without_an_electronegativity_are_no_cause_for_words_of_pymatgen(tmp_path, write_rock_salt):
    script = "from wyckforge.cli import main; main()"
    salt = write_rock_salt("helium", "He", "O", edge=4.5)
    for command in (["show", "HeO2"], ["build", salt, "--no-relax", "--out", tmp_path / "mine.parquet"]):
        done = subprocess.run(
            [sys.executable, "-c", script, "hull", *command], capture_output=True, text=True, check=True
        )
        assert "Warning" not in done.stderr
