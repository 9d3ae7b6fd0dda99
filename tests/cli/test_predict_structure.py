from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from wyckforge.cli import main
from wyckforge.data.readers import read_structures


def test_rock_salt_from_its_formula(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ["predict-structure", "NaCl", "--z", "4", "--space-group", "225", "--out", str(out), "--workers", "1"]
    done = CliRunner().invoke(main, [*command, "--hops", "2"])
    assert done.exit_code == 0, done.output
    assert "1 genes in 1 settings; 1 tries, 1 built, 1 relaxed" in done.stdout
    assert "Fm-3m (225)" in done.stdout
    [found] = [json.loads(line) for line in (out / "candidates.jsonl").read_text().splitlines()]
    evidence = {one["stage"]: one for one in found["evidence"]}
    assert found["gene"] == "225|Na:a|Cl:b"
    assert abs(evidence["hull"]["value"]) < 0.01
    assert evidence["symmetry"]["value"] == 225
    assert evidence["found"]["value"] == 1
    assert (out / "candidates.csv").read_text().count("\n") == 2
    [row] = read_structures(out / "cifs")
    assert row.crystal is not None
    assert np.linalg.norm(row.crystal.lattice, axis=1).max() == pytest.approx(5.64, rel=0.02)
    record = json.loads((out / "run.json").read_text())
    assert (record["status"], record["genes"], record["structures"]) == ("complete", 1, 1)

    lines = (out / "tries.jsonl").read_bytes()
    again = CliRunner().invoke(main, [*command, "--hops", "2"])
    assert again.exit_code == 0
    assert again.stdout == done.stdout
    assert (out / "tries.jsonl").read_bytes() == lines
    other = CliRunner().invoke(main, [*command, "--seed", "5"])
    assert other.exit_code == 2
    assert "other settings" in other.stderr


def test_mistakes_are_told(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "run")]
    for command, words in (
        (["Qq2"], "formula 'Qq2' given"),
        (["NaOg"], "no atomic volume is known for Og"),
        (["NaCl", "--z", "3", "--space-group", "225"], "no combination of Wyckoff positions"),
        (["NaCl", "--z", "4:"], "Z '4:' given"),
        (["NaCl", "--space-group", "0"], "space group"),
        (["NaCl", "--tries", "0"], "--tries"),
        (["NaCl", "--potential", "chgnett"], "allowed are chgnet"),
        (["NaCl", "--hull", str(tmp_path / "absent.parquet")], "absent.parquet cannot be read"),
    ):
        done = CliRunner().invoke(main, ["predict-structure", *command, *out])
        assert done.exit_code == 2, done.output
        assert words in done.stderr
    assert not (tmp_path / "run").exists()


def test_where_nothing_could_be_predicted_the_status_says_so(tmp_path: Path) -> None:
    """Of carbon on these positions everything is more symmetric than it says."""
    out = tmp_path / "run"
    command = ["predict-structure", "C", "--z", "8", "--space-group", "216", "--starts", "pyxtal", "--tries", "2"]
    for _ in range(2):
        done = CliRunner().invoke(main, [*command, "--out", str(out), "--workers", "1"])
        assert done.exit_code == 2, done.output
        assert "none of" in done.stderr
        assert "tries gave a relaxed structure, 0 were built" in done.stderr
        assert "step 'build' with: " in done.stderr
    assert json.loads((out / "run.json").read_text())["status"] == "complete"
