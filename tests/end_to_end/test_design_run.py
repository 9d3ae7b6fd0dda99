"""The whole chain as a user runs it: the real program, the bundled checkpoint, a real potential, a temporary folder."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wyckforge.records import Candidate
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.elements import F_BLOCK, RADIOACTIVE

TARGET = (
    "--band-gap", "0.5:2.0", "--formation-energy", ":-0.5", "--space-group", "143:", "--exclude", "radioactive,f-block",
    "--atoms", ":10", "--seed", "7",
)  # fmt: skip


def wyckforge(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from wyckforge.cli import main; main()", *map(str, args)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def records(folder: Path) -> list[Candidate]:
    lines = (folder / "candidates.jsonl").read_text().splitlines()
    return [Candidate.from_dict(json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("design") / "run"
    done = wyckforge("design", *TARGET, "--count", "2", "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


@pytest.fixture(scope="module")
def candidates(finished) -> list[Candidate]:
    return records(finished[0])


@pytest.fixture(scope="module")
def realised(candidates) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.find("hull")]


def test_the_run_reaches_the_hull(realised):
    assert len(realised) >= 2
    for candidate in realised:
        assert candidate.crystal is not None
        stages = [found.stage for found in candidate.evidence]
        assert [stage for stage in stages if stage in ("build", "relax", "hull", "symmetry")][-2:] == [
            "hull",
            "symmetry",
        ]
        assert all(found.tool for found in candidate.evidence if found.stage in ("build", "relax", "hull"))


def test_hard_constraints_hold_for_every_candidate(candidates):
    for candidate in candidates:
        assert candidate.gene.space_group >= 143
        assert candidate.gene.n_atoms <= 10
        assert not (RADIOACTIVE | F_BLOCK) & set(candidate.gene.elements)
        assert 0.5 <= candidate.predictions["band_gap"] <= 2.0
        assert candidate.predictions["formation_energy"] <= -0.5


def test_relaxed_crystals_keep_their_composition_and_say_their_symmetry(realised):
    for candidate in realised:
        crystal = candidate.crystal
        counts = {z: int((crystal.numbers == z).sum()) for z in candidate.gene.elements}
        assert counts == candidate.gene.composition
        if candidate.find("symmetry").verdict == "pass":
            assert detect(crystal, symprec=0.01).gene.space_group == candidate.gene.space_group


def test_the_folder_holds_what_was_promised(finished, candidates, realised):
    out, done = finished
    assert {"candidates.jsonl", "candidates.csv", "cifs", "report.html", "run.json"} <= {p.name for p in out.iterdir()}
    rows = list(csv.DictReader((out / "candidates.csv").open()))
    assert [row["id"] for row in rows] == [candidate.id for candidate in candidates]
    info = json.loads((out / "run.json").read_text())
    assert info["config"]["seed"] == 7
    assert info["versions"]["wyckforge"]
    page = (out / "report.html").read_text()
    for candidate in realised:
        assert f'id="{candidate.id}"' in page
        assert candidate.gene.formula in {row["formula"] for row in rows}
    assert "report.html" in done.stdout


def test_the_cif_files_are_read_back_by_pymatgen_with_the_same_atoms(finished, realised):
    from pymatgen.core import Structure

    for candidate in realised:
        (path,) = (finished[0] / "cifs").glob(f"{candidate.id}_*.cif")
        structure = Structure.from_file(path)
        crystal = Crystal(structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords)
        assert len(crystal) == len(candidate.crystal)
        assert crystal.volume == pytest.approx(candidate.crystal.volume, rel=1e-3)


def test_predict_reads_the_crystals_that_design_wrote(finished, realised):
    done = wyckforge("predict", finished[0] / "cifs", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["formula"] for row in found} >= {candidate.gene.formula for candidate in realised}
    assert all(isinstance(row["band_gap"], float) for row in found)


def test_repeating_the_command_repeats_no_work(finished):
    out, _ = finished
    before = (out / "candidates.jsonl").read_bytes()
    realised = (out / "realised.jsonl").stat().st_mtime_ns
    done = wyckforge("design", *TARGET, "--count", "2", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "candidates.jsonl").read_bytes() == before
    assert (out / "realised.jsonl").stat().st_mtime_ns == realised


def test_the_folder_of_another_run_is_refused(finished):
    done = wyckforge("design", *TARGET, "--count", "3", "--out", finished[0])
    assert done.returncode == 2
    assert "count" in done.stderr
    assert done.stderr.count("\n") <= 2


def test_the_record_makes_the_same_genes_again(finished, candidates, tmp_path):
    done = wyckforge(
        "design", "--config", finished[0] / "run.json", "--stop-after", "funnel", "--out", tmp_path / "again"
    )
    assert done.returncode == 0, done.stderr
    again = {candidate.id: candidate for candidate in records(tmp_path / "again")}
    for candidate in candidates:
        if candidate.id in again:
            assert again[candidate.id].gene == candidate.gene
            assert again[candidate.id].predictions == candidate.predictions
    assert set(again) & {candidate.id for candidate in candidates}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--band-gap", "90:95"), "band_gap 90:95 asked for, but the training labels reach"),
        (("--band-gap=-3:-1",), "nothing can be claimed so far"),
        (("--elements", "Po,At,Rn"), "the model knows the target allows none"),
        (("--stoichiometry", "1:7:13", "--atoms", ":20"), "stoichiometry"),
        (("--property", "bulk_modulus=100:"), "bulk_modulus"),
    ],
)
def test_impossible_targets_are_refused_with_the_reason(tmp_path, options, word):
    done = wyckforge("design", *options, "--stop-after", "funnel", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") <= 1


@pytest.mark.parametrize("option", ["--reference", "--hull", "--checkpoint", "--judge"])
def test_foreign_and_absent_inputs_are_refused_by_name(tmp_path, option):
    foreign = tmp_path / "foreign.parquet"
    foreign.write_text("not a table")
    for path in (foreign, tmp_path / "absent.parquet"):
        done = wyckforge("design", "--band-gap", "1:2", option, path, "--out", tmp_path / "run")
        assert done.returncode == 2
        assert path.name in done.stderr
        assert done.stderr.count("\n") <= 2
        assert not (tmp_path / "run").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = wyckforge("design", "--band-gap", "1:2", "--stop-after", "genes", "--out", tmp_path)
    assert done.returncode == 2
    assert "no design run" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
