from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.dft.vasp.examples import DATA, example

from wyckforge.cli import main
from wyckforge.dft.results import Ground
from wyckforge.dft.vasp.inputs import write_inputs


def run(*args: str | Path):
    return CliRunner().invoke(main, ["dft", *map(str, args)])


@pytest.fixture
def chain(tmp_path) -> Path:
    for step in ("relax", "static"):
        shutil.copytree(DATA / f"{step}_magnetic", tmp_path / "chain" / step)
    return tmp_path / "chain"


def test_inputs_from_a_file(write_rock_salt, tmp_path):
    file = write_rock_salt("nio", "Ni", "O", edge=4.19)
    done = run("inputs", file, "--out", tmp_path / "chain", "--steps", "relax,static")
    assert done.exit_code == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "chain").iterdir()) == ["relax", "run.sh", "static"]
    assert "LDAUU = 6.2 0" in (tmp_path / "chain" / "static" / "INCAR").read_text()
    assert "POTCAR.spec" in done.stdout


def test_inputs_after_a_relaxation(chain):
    shutil.rmtree(chain / "static")  # in another cell than the standard one, so that its charge fits no bands of ours
    done = run("inputs", chain / "relax", "--out", chain, "--steps", "bands")
    assert done.exit_code == 0, done.stderr
    poscar = (chain / "bands" / "POSCAR").read_text().splitlines()
    assert poscar[2].split() == ["0.0000000000", "2.3875290700", "2.3875290700"]


def test_what_is_no_step_or_no_crystal(chain, tmp_path):
    done = run("inputs", chain / "relax", "--out", tmp_path, "--steps", "relax,dos")
    assert done.exit_code == 2
    assert "dos given; allowed are relax, static, bands, phonon, mp_relax, mp_static" in done.stderr
    (tmp_path / "empty.cif").write_text("")
    assert run("inputs", tmp_path / "empty.cif", "--out", tmp_path).exit_code == 2
    done = run("inputs", tmp_path, "--out", tmp_path)
    assert done.exit_code == 2
    assert "there is no vasprun.xml" in done.stderr


def test_results_and_evidence_are_written_beside_the_steps(chain):
    done = run("collect", chain)
    assert done.exit_code == 0, done.stderr
    assert "dft_band_gap_down" in done.stdout
    assert Ground.read(chain / "static.json").moment_bohr == pytest.approx(2, abs=1e-3)
    stages = [one["stage"] for one in json.loads((chain / "evidence.json").read_text())]
    assert stages[:3] == ["dft_relax", "dft_energy", "dft_magnetism"]


def test_unknown_steps_make_the_exit_status_one(chain, tmp_path):
    shutil.copytree(DATA / "killed", chain / "phonon")
    done = run("collect", chain)
    assert done.exit_code == 1
    assert "a run that was killed leaves such a file" in done.stdout
    done = run("collect", tmp_path)
    assert done.exit_code == 2
    assert "holds none of the folders relax, static" in done.stderr


def test_a_table_of_other_energies_is_refused(chain, tmp_path):
    table = tmp_path / "phases.csv"
    table.write_text("formula,energy_per_atom,potential\nSi,-5.4,CHGNet 0.3.0\n")
    shutil.copytree(DATA / "static_magnetic", chain / "mp_static")
    done = run("collect", chain, "--hull", table)
    assert done.exit_code == 2
    assert "CHGNet 0.3.0" in done.stderr


def test_outputs_of_another_crystal_are_neither_covered_nor_collected(write_rock_salt, tmp_path):
    """Silicon's finished static run, and inputs of nickel oxide."""
    folder = tmp_path / "st"
    shutil.copytree(DATA / "static_si", folder / "static")
    file = write_rock_salt("nio", "Ni", "O", edge=4.19)
    done = run("inputs", file, "--out", folder, "--steps", "static")
    assert done.exit_code == 2
    assert f"{folder}/static holds a finished run of Si2, 39.37 Å³, and the inputs are for another" in done.stderr
    assert not (folder / "static" / "POSCAR").exists()
    shutil.copy(file, folder / "static" / "POSCAR")  # by hand
    done = run("collect", folder)
    assert done.exit_code == 1
    (found,) = json.loads((folder / "evidence.json").read_text())
    assert (found["stage"], found["verdict"]) == ("dft_energy", "unknown")
    assert "is of another crystal than POSCAR there (Si2, 39.37 Å³ instead of Ni1 O1, 18.39 Å³)" in found["reason"]


@pytest.fixture
def script(tmp_path):
    """Runs the script of a chain with a stand-in for VASP that puts real outputs into place."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name, words in (("wyckforge", "-m wyckforge"), ("vasp", str(DATA.parent / "stand_in.py"))):
        (binaries / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (binaries / name).chmod(0o755)
    settings = os.environ | {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "VASP": "vasp",
        "POTCARS": str(tmp_path / "potentials"),
    }

    def called(chain: Path, **others: str):
        return subprocess.run(
            ["sh", chain / "run.sh"], env=settings | others, capture_output=True, text=True, check=False
        )

    return called


def put_potential(tmp_path: Path, name: str) -> None:
    (tmp_path / "potentials" / name).mkdir(parents=True)
    (tmp_path / "potentials" / name / "POTCAR").write_text(f"potential {name}\n")


def test_the_script_runs_the_chain(tmp_path, script):
    chain = tmp_path / "chain"
    write_inputs(example("fcc"), chain, ("relax", "static", "bands", "phonon", "mp_relax"))
    put_potential(tmp_path, "Si")
    for _ in range(2):  # the second time, nothing is left to do
        done = script(chain)
        assert done.returncode == 0, done.stderr
    assert (chain / "runs").read_text().split() == ["relax", "static", "bands", "phonon", "mp_relax"]
    assert (chain / "static" / "POTCAR").read_text() == "potential Si\n"
    assert "2.3875290700" in (chain / "static" / "POSCAR").read_text()  # what the relaxation found
    assert "LEPSILON" not in (chain / "phonon" / "INCAR").read_text()  # that is a metal
    assert (chain / "bands" / "CHGCAR").read_text() == "charge of bands\n"


def test_a_charge_that_nothing_needs_any_more_may_be_gone(tmp_path, script):
    chain = tmp_path / "chain"
    write_inputs(example("fcc"), chain, ("static", "bands"))
    put_potential(tmp_path, "Si")
    assert script(chain).returncode == 0
    (chain / "static" / "CHGCAR").unlink()
    write_inputs(example("fcc"), chain, ("mp_relax",))
    done = script(chain)
    assert done.returncode == 0, done.stderr
    assert (chain / "runs").read_text().split() == ["static", "bands", "mp_relax"]


def test_half_a_potcar_is_never_left(tmp_path, script):
    chain = tmp_path / "chain"
    write_inputs(example("nio"), chain, ("relax",))
    put_potential(tmp_path, "Ni_pv")
    done = script(chain)
    assert done.returncode != 0
    assert "potentials/O/POTCAR" in done.stderr
    assert not (chain / "relax" / "POTCAR").exists()
    put_potential(tmp_path, "O")
    assert script(chain, VASP="false").returncode == 1
    assert (chain / "relax" / "POTCAR").read_text() == "potential Ni_pv\npotential O\n"
