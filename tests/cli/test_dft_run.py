from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tests.dft.qe.salts import silicon

from wyckforge.cli import main
from wyckforge.dft.qe import pseudopotentials
from wyckforge.execute.folder import CANDIDATES, RUN, write_candidates
from wyckforge.execute.outputs import cif
from wyckforge.records import Candidate, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

COARSE = """
cutoff_ev = 300.0
relax_k_spacing_per_angstrom = 0.5
scf_k_spacing_per_angstrom = 0.5
dos_k_spacing_per_angstrom = 0.5
band_points = 12
max_stress_gpa = 0.2

[bands]
line_spacing_per_angstrom = 0.02
"""


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["dft", *map(str, args)])


@pytest.fixture(scope="module")
def silicon_cif(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pseudopotentials.fetch()
    path = tmp_path_factory.mktemp("silicon") / "Si.cif"
    path.write_text(cif(silicon()))
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "coarse.toml"
    path.write_text(COARSE)
    return path


@pytest.fixture(scope="module")
def finished(silicon_cif: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The whole chain on silicon, once."""
    out = tmp_path_factory.mktemp("run") / "si"
    return out, run("run", silicon_cif, "--config", settings, "--out", out)


def test_the_whole_chain_runs_on_silicon(finished: tuple[Path, Result]) -> None:
    out, done = finished
    assert done.exit_code == 0, done.stderr
    record = json.loads((out / "run.json").read_text())
    found = {one["stage"]: one for one in record["evidence"]}

    assert record["status"] == "complete"
    assert record["warnings"][0].startswith("cutoff_ev 300 is below the 490 eV advised for these elements with Quantum")
    assert found["dft_band_gap"]["value"] == pytest.approx(0.6, abs=0.15)
    assert "indirect" in found["dft_band_gap"]["reason"]
    assert found["dft_electron_mass"]["value"] == pytest.approx(0.2, abs=0.05)
    assert "N_V 6" in found["dft_electron_mass"]["reason"]
    assert found["dft_phonon_gamma"]["value"] == pytest.approx(510, abs=25)
    assert {one["verdict"] for one in record["evidence"]} == {"pass"}
    assert (4 * volume(out / "relax" / "result.json")) ** (1 / 3) == pytest.approx(5.47, rel=0.01)
    assert json.loads((out / "summary.json").read_text())["gap"]
    page = (out / "page.html").read_text()
    for words in ("Dots mark the band edges", 'id="masses"', 'id="valleys"', 'id="thermoelectric"', 'id="phonon"'):
        assert words in page
    assert f"{found['dft_band_gap']['value']:.2f}" in page
    assert (out / "relaxed.cif").exists()


def volume(result: Path) -> float:
    lattice = json.loads(result.read_text())["crystal"]["lattice"]
    return float(abs(np.linalg.det(np.array(lattice).reshape(3, 3))))


def test_a_finished_run_is_read_and_takes_no_other_settings(
    finished: tuple[Path, Result], silicon_cif: Path, settings: Path
) -> None:
    out, first = finished
    before = (out / "scf" / "result.json").stat().st_mtime_ns

    again = run("run", silicon_cif, "--config", settings, "--out", out, "--steps", "bands", "--cores", "2")
    other = run("run", silicon_cif, "--config", settings, "--out", out, "--cutoff-ev", "320")

    assert again.exit_code == 0, again.stderr
    assert "begun" not in again.stderr
    assert (out / "scf" / "result.json").stat().st_mtime_ns == before
    assert [line for line in again.stdout.splitlines() if "dft_band_gap" in line] == [
        line for line in first.stdout.splitlines() if "dft_band_gap" in line
    ]
    assert other.exit_code == 2
    assert "other settings (config.cutoff_ev)" in other.stderr


def test_the_ranking_is_made_anew_with_other_settings(finished: tuple[Path, Result], tmp_path: Path) -> None:
    out = tmp_path / "si"
    shutil.copytree(finished[0], out)
    cold = json.loads((out / "summary.json").read_text())
    hot_settings = tmp_path / "hot.toml"
    hot_settings.write_text(COARSE + "\n[thermoelectric]\ntemperature_k = 900.0\n")
    missing = tmp_path / "missing.toml"
    missing.write_text(COARSE + f'\n[thermoelectric]\nconductivity_model = "{tmp_path / "none"}"\n')
    structure = Path(json.loads((out / "run.json").read_text())["name"])

    again = run("run", structure, "--config", hot_settings, "--out", out)
    hot = json.loads((out / "summary.json").read_text())
    lost = run("run", structure, "--config", missing, "--out", out)

    assert again.exit_code == 0, again.stderr
    assert "begun" not in again.stderr
    assert cold["lattice_from"].startswith("forward model conductivity, at 600 K; 90 % interval ")
    assert hot["lattice_from"].startswith("forward model conductivity, at 900 K; 90 % interval ")
    assert 1 < cold["lattice_w_per_m_k"] < 20  # at 600 K; the model is far too low for silicon, and says so
    assert hot["lattice_w_per_m_k"] == pytest.approx(cold["lattice_w_per_m_k"] * 600 / 900)
    assert cold["score"]["known"] == 1.0
    assert lost.exit_code == 2
    assert str(tmp_path / "none") in lost.stderr


def test_calculations_are_ranked_with_all_parts(finished: tuple[Path, Result], tmp_path: Path) -> None:
    runs = tmp_path / "dft"
    shutil.copytree(finished[0], runs / "a")
    shutil.copytree(finished[0], runs / "b")
    other = json.loads((runs / "b" / "summary.json").read_text()) | {"name": "worse"}
    other["score"]["parts"][0]["score"] = 0.0
    (runs / "b" / "summary.json").write_text(json.dumps(other))
    (tmp_path / "empty").mkdir()

    done = run("rank", runs, tmp_path / "empty", "--csv", tmp_path / "ranking.csv")
    nothing = run("rank", tmp_path / "empty")

    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    for words in ("gap (eV)", "N_V/m_c", "complexity", "lattice conductivity (W/(m K))"):
        assert words in lines[0]
    assert lines[1].split() == ["weight", "1.0"] * 4
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]
    assert "worse" in lines[3]
    assert "empty has no place" in done.stderr
    with (tmp_path / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["structure"] for row in rows][1] == "worse"
    assert float(rows[0]["score"]) > float(rows[1]["score"])
    assert nothing.exit_code == 2
    assert "no calculation with bands" in nothing.stderr


def test_a_candidate_of_a_design_run_is_computed_beside_its_report(tmp_path: Path, settings: Path) -> None:
    pseudopotentials.fetch()
    designed = tmp_path / "designed"
    designed.mkdir()
    one = Candidate("c00001", detect(silicon()).gene, Origin("prior"), crystal=silicon())
    bare = Candidate("c00002", detect(silicon()).gene, Origin("prior"))
    write_candidates(designed / CANDIDATES, [one, bare])
    (designed / RUN).write_text(json.dumps({"status": "complete", "funnel": []}))

    done = run("run", designed / "c00001", "--config", settings, "--steps", "scf")

    assert done.exit_code == 0, done.stderr
    assert (designed / "dft" / "c00001" / "page.html").exists()
    assert 'href="dft/c00001/page.html"' in (designed / "report.html").read_text()
    later = run("run", designed / "c00001", "--config", settings, "--steps", "relax,scf")
    assert later.exit_code == 2
    assert "other settings (starts_from)" in later.stderr  # a ground state as given is none of the relaxed crystal
    assert "no structure yet" in run("run", designed / "c00002").stderr
    assert "has no candidate 'c00003'" in run("run", designed / "c00003").stderr
    assert "give a CIF or POSCAR file, or RUN/ID" in run("run", tmp_path / "nowhere.cif").stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--engine", "abacus"), "engine 'abacus' given; allowed are qe, gpaw"),
        (("--cores", "100000"), "cores 100000 given; this machine has"),
        (("--steps", "relax,magic"), "steps"),
        (("--cutoff-ev", "-3"), "cutoff_ev"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(
    options: tuple[str, ...], reason: str, silicon_cif: Path, tmp_path: Path
) -> None:
    done = run("run", silicon_cif, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert not (tmp_path / "out").exists()


def test_elements_without_pseudopotentials_are_named(tmp_path: Path) -> None:
    path = tmp_path / "dy.cif"
    path.write_text(cif(Crystal(3.6 * np.eye(3), np.array([66]), np.zeros((1, 3)))))
    done = run("run", path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "no pseudopotential of Dy" in done.stderr
    assert "gpaw" in done.stderr


def test_convergence_is_shown_as_a_table_and_a_curve(silicon_cif: Path, tmp_path: Path) -> None:
    done = run("converge", silicon_cif, "--out", tmp_path, "--k-spacings", "0.9,0.6")

    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].split()[:2] == ["0.9", "0.00"]
    assert abs(float(lines[2].split()[1])) > 1  # two coarse meshes differ by more than a meV
    assert "spacing of the k mesh" in (tmp_path / "scf_k_spacing_per_angstrom.svg").read_text()
    assert run("converge", silicon_cif, "--out", tmp_path).exit_code == 2
    assert run("converge", silicon_cif, "--out", tmp_path, "--cutoffs-ev", "many").exit_code == 2
    negative = run("converge", silicon_cif, "--out", tmp_path, "--k-spacings", "0.9,0")
    assert negative.exit_code == 2
    assert "greater than 0" in negative.stderr


def test_a_curve_ends_where_the_engine_has_no_answer(
    silicon_cif: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "pw.x"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = run("converge", silicon_cif, "--out", tmp_path / "out", "--k-spacings", "0.9")
    assert done.exit_code == 1
    assert "the output is" in done.stderr


def test_a_folder_of_none_or_many_crystals_is_refused(silicon_cif: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    many = tmp_path / "many"
    many.mkdir()
    for name in ("a.cif", "b.cif"):
        (many / name).write_text(silicon_cif.read_text())
    for folder, reason in (("none", "holds no CIF or POSCAR file"), ("many", "holds 2 crystals")):
        done = run("run", tmp_path / folder, "--out", tmp_path / "out")
        assert done.exit_code == 2
        assert reason in done.stderr


def test_the_doctor_names_what_is_there() -> None:
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0, done.output
    found = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines()}
    assert "Quantum ESPRESSO" in found["engine qe"]
    assert "GPAW" in found["engine gpaw"]
    assert "chgnet, sevennet-0" in found["potentials"]


def test_the_doctor_says_how_to_get_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("WYCKFORGE_CACHE", str(tmp_path))
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0  # nothing that every run needs
    assert "apt-get install quantum-espresso" in done.stdout
    assert "wyckforge dft pseudopotentials" in done.stdout


def test_steps_that_were_asked_for_and_did_not_end_are_not_asked_for_again(
    silicon_cif: Path, settings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "si"
    first = run("run", silicon_cif, "--config", settings, "--steps", "scf,phonon", "--out", out)
    (out / "phonon" / "result.json").unlink()
    later = run("run", silicon_cif, "--config", settings, "--steps", "bands", "--out", out)

    assert first.exit_code == later.exit_code == 0, later.stderr
    assert "phonon: begun" in first.stderr
    assert "phonon" not in later.stderr
    assert json.loads((out / "run.json").read_text())["steps"] == ["scf", "bands"]
