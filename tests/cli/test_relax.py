from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from click.testing import CliRunner, Result
from tests.packages import MetalsPackage

from wyckforge.cli import main


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["relax", *map(str, args)])


def test_a_crystal_is_relaxed_placed_on_the_hull_and_written_down(tmp_path: Path) -> None:
    write(tmp_path / "NaCl.cif", bulk("NaCl", "rocksalt", a=5.3))
    out = tmp_path / "out"
    done = run(tmp_path / "NaCl.cif", "--out", out)
    assert done.exit_code == 0, done.output
    head, line = done.stdout.splitlines()
    assert head.index("gene") == line.index("225|")
    assert line.count("Fm-3m (225)") == 2
    record = json.loads((out / "NaCl.json").read_text())
    assert record["relaxation"]["converged"]
    assert record["relaxation"]["max_force_ev_per_angstrom"] <= record["config"]["fmax_ev_per_angstrom"] == 0.05
    assert abs(record["hull"]["value"]) < 0.01
    assert record["tool"] == "CHGNet 0.3.0"
    assert read(out / "NaCl.cif").cell.lengths() == pytest.approx([5.64] * 3, rel=0.02)


def test_what_does_not_end_well_is_named_and_the_others_done(metals: MetalsPackage, tmp_path: Path) -> None:
    metals.install()
    write(tmp_path / "tiny.cif", Atoms("Cu", cell=[0.5] * 3, pbc=True))
    write(tmp_path / "Cu.cif", bulk("Cu", a=3.5))
    write(tmp_path / "Au.cif", bulk("Au", a=3.6))
    files = [tmp_path / f"{name}.cif" for name in ("tiny", "Au", "Cu")]
    done = run(*files, "--potential", "metals", "--steps", "3", "--fmax", "1e-4", "--smax", "1e-3")
    assert done.exit_code == 1
    assert "tiny.cif: the cell has 0.125 Å³ for 1 atom" in done.stderr
    assert "Au.cif: not converged in 3 steps" in done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["225|Au:a", "225|Cu:a"]
    assert [line.split()[2] for line in done.stdout.splitlines()[1:]] == ["–", "–"]  # the package has no hull of it


def test_mistakes_are_told_before_anything_is_done(tmp_path: Path) -> None:
    write(tmp_path / "Cu.cif", bulk("Cu"))
    for more, words in (
        (["--fmax", "0"], "--fmax"),
        (["--fmax", "nan"], "--fmax"),
        (["--potential", "dft"], "potential 'dft' given; allowed are chgnet"),
        (["--out", str(tmp_path / "Cu.cif")], "is a file"),
    ):
        done = run(tmp_path / "Cu.cif", *more)
        assert (done.exit_code, done.stdout) == (2, "")
        assert words in done.stderr
