"""What goes wrong, and what is magnetic, in calculations as small as can be."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import cubic, iron, silicon

from wyckforge.dft.config import DftConfig
from wyckforge.dft.convergence import converge
from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe import relaxing
from wyckforge.dft.qe.engine import QuantumEspresso
from wyckforge.dft.qe.inputs import SAVED
from wyckforge.dft.qe.outputs import geometries, read
from wyckforge.dft.results import GammaModes, Ground
from wyckforge.errors import MissingDependencyError

pytestmark = pytest.mark.usefixtures("files")

SMALL = DftConfig(
    relax_k_spacing_per_angstrom=1.0, scf_k_spacing_per_angstrom=1.0, cutoff_ev=200.0, energy_tolerance_ev=1e-5
)

RELAX = """
import json, sys
from pathlib import Path
from wyckforge.dft.config import DftConfig
from wyckforge.dft.qe.engine import QuantumEspresso
from wyckforge.symmetry.crystal import Crystal
folder = Path(sys.argv[1])
crystal = Crystal.from_dict(json.loads((folder.parent / "crystal.json").read_text()))
QuantumEspresso().relax(crystal, DftConfig.from_dict(json.loads(sys.argv[2])), folder)
"""

GAMMA = """
import json, sys
from pathlib import Path
from wyckforge.dft.config import DftConfig
from wyckforge.dft.qe.engine import QuantumEspresso
from wyckforge.dft.results import Ground
folder = Path(sys.argv[1])
ground = Ground.read(folder.parent / "ground.json")
config = DftConfig.from_dict(json.loads(sys.argv[2]))
QuantumEspresso().gamma(ground, config, folder, folder.parent / "scf", polar=True)
"""


def kill_once(script: str, folder: Path, output: Path, sign: str) -> None:
    """Start a script, and kill it as soon as an output holds a sign of progress."""
    process = subprocess.Popen([sys.executable, "-c", script, str(folder), json.dumps(SMALL.to_dict())])
    while not (output.is_file() and re.search(sign, output.read_text(errors="replace"))):
        assert process.poll() is None, "the step was over before it could be killed"
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    while running_in(output.parent):
        time.sleep(0.01)
    assert "JOB DONE" not in output.read_text(errors="replace")


def running_in(folder: Path) -> list[Path]:
    """Processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve() and (process / "cmdline").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def test_a_killed_relaxation_goes_on_from_its_last_geometry(tmp_path: Path) -> None:
    (tmp_path / "crystal.json").write_text(json.dumps(silicon(5.9).to_dict()))
    kill_once(RELAX, tmp_path / "step", tmp_path / "step" / "relax-1.out", r"ATOMIC_POSITIONS[^P]*Si[^P]*\n\n")
    first = (tmp_path / "step" / "relax-1.out").read_bytes()
    last = re.findall(r"CELL_PARAMETERS \(angstrom\)\n +\S+ +(\S+)", first.decode())[-1]

    relaxed = QuantumEspresso().relax(silicon(5.9), SMALL, tmp_path / "step")

    assert (tmp_path / "step" / "relax-1.out").read_bytes() == first
    begun = (tmp_path / "step" / "relax-2.in").read_text()
    assert f"CELL_PARAMETERS angstrom\n  0.000000000000 {last}000" in begun
    assert relaxed.converged
    assert (4 * relaxed.crystal.volume) ** (1 / 3) == pytest.approx(5.57, abs=0.01)  # so few plane waves make it large


def test_a_relaxation_that_is_out_of_steps_tells_how_far_it_came(tmp_path: Path) -> None:
    relaxed = QuantumEspresso().relax(silicon(5.9), SMALL.model_copy(update={"max_relax_steps": 2}), tmp_path)

    assert not relaxed.converged
    assert relaxed.steps == 2
    assert relaxed.max_stress_gpa > 1.0
    computed = geometries((tmp_path / "relax-1.out").read_text(), silicon().numbers)[0]  # and the next one was not
    assert relaxed.crystal.lattice == pytest.approx(computed.lattice, abs=1e-8)


def test_more_steps_go_on_where_fewer_were_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaxing, "ROUND_STEPS", 2)
    short = QuantumEspresso().relax(silicon(5.7), SMALL.model_copy(update={"max_relax_steps": 2}), tmp_path)
    first = tmp_path / "relax-1.out"
    age = first.stat().st_mtime_ns
    long = QuantumEspresso().relax(silicon(5.7), SMALL, tmp_path)

    assert not short.converged
    assert long.converged
    assert long.steps > 2
    assert first.stat().st_mtime_ns == age  # read, not computed


TO_FIELD, TO_ATOMS = (
    rf"{of}[\s\S]*iter # +3 " for of in ("Electric Fields Calculation", "Representation # +1 modes #")
)
"""Signs that ph.x is amid a response."""


def killed_phonon(folder: Path, sign: str) -> Ground:
    """The ground state of silicon; the step phonon was killed at a sign."""
    ground = QuantumEspresso().ground(silicon(), SMALL, folder / "scf")
    ground.write(folder / "ground.json")
    kill_once(GAMMA, folder / "phonon", folder / "phonon" / "phonon.out", sign)
    return ground


def check_modes(modes: GammaModes) -> None:
    assert modes.dielectric is not None
    assert modes.born_charges == pytest.approx(np.zeros((2, 3, 3)), abs=1e-6)
    assert modes.frequencies_per_cm[3:] == pytest.approx(np.full(3, 576.8), abs=1.0)  # as in one go
    assert modes.longitudinal_per_cm == pytest.approx(np.tile(modes.frequencies_per_cm, (3, 1)), abs=0.01)


def test_a_killed_phonon_goes_on_where_it_was(tmp_path: Path) -> None:
    ground = killed_phonon(tmp_path, TO_ATOMS)

    modes = QuantumEspresso().gamma(ground, SMALL, tmp_path / "phonon", tmp_path / "scf", polar=True)

    said = (tmp_path / "phonon" / "phonon.out").read_text()
    assert "Electric Fields Calculation" not in said  # that was known before the kill
    assert "Representation #   1 modes #" in said
    check_modes(modes)


def test_a_killed_phonon_begins_anew_with_other_processes(tmp_path: Path) -> None:
    ground = killed_phonon(tmp_path, TO_FIELD)
    two = SMALL.model_copy(update={"cores": 2, "timeout_hours": 0.1})  # ph.x hangs on what one process left

    modes = QuantumEspresso().gamma(ground, two, tmp_path / "phonon", tmp_path / "scf", polar=True)

    said = (tmp_path / "phonon" / "phonon.out").read_text()
    assert "Parallel version (MPI), running on     2 processors" in said
    assert "Electric Fields Calculation" in said
    check_modes(modes)


@pytest.mark.parametrize("name", ["pwscf.recover", "pwscf.phsave/status_run.xml"])
def test_a_phonon_whose_remains_are_damaged_begins_anew(name: str, tmp_path: Path) -> None:
    ground = killed_phonon(tmp_path, TO_ATOMS)
    damaged = tmp_path / "phonon" / "out" / "_ph0" / name
    damaged.write_bytes(damaged.read_bytes()[:100])

    modes = QuantumEspresso().gamma(ground, SMALL, tmp_path / "phonon", tmp_path / "scf", polar=True)

    assert "Electric Fields Calculation" in (tmp_path / "phonon" / "phonon.out").read_text()
    check_modes(modes)


def test_atoms_that_move_and_atoms_that_respond_make_the_same_modes(tmp_path: Path) -> None:
    engine, phosphide, scf = QuantumEspresso(), cubic(5.5, [13, 15], [0.0, 0.25]), tmp_path / "scf"
    config = SMALL.model_copy(update={"phonon_method": "finite displacements", "cutoff_ev": 300.0})
    dfpt = config.model_copy(update={"phonon_method": "dfpt"})
    ground = engine.ground(phosphide, config, scf)

    moved = engine.gamma(ground, config, tmp_path / "moved", scf, polar=True)
    modes = engine.gamma(ground, dfpt, tmp_path / "dfpt", scf, polar=True)

    assert (moved.method, modes.method) == ("finite displacements", "dfpt")
    assert np.abs(moved.frequencies_per_cm[:3]).max() < 0.01
    assert moved.frequencies_per_cm[3:] == pytest.approx(np.full(3, 440.0), rel=0.05)
    assert modes.frequencies_per_cm == pytest.approx(moved.frequencies_per_cm, abs=1.0)
    assert moved.longitudinal_per_cm is not None
    assert moved.longitudinal_per_cm[:, 5].min() > moved.frequencies_per_cm[5] + 20
    assert modes.longitudinal_per_cm == pytest.approx(moved.longitudinal_per_cm, abs=1.0)
    assert (tmp_path / "moved" / "tensors.xml").is_file()
    outputs = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.out")}
    assert engine.gamma(ground, dfpt, tmp_path / "dfpt", scf, polar=True).to_dict() == modes.to_dict()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.out")} == outputs


def test_a_field_that_converges_slowly_gets_a_remedy(tmp_path: Path) -> None:
    impatient = SMALL.model_copy(update={"max_scf_iterations": 4})

    ground = QuantumEspresso().ground(silicon(), impatient, tmp_path / "hasty")

    assert ground.remedies
    assert "local-TF" in ground.remedies[0]
    assert "convergence NOT achieved" in (tmp_path / "hasty" / "scf.out").read_text()
    assert "mixing_mode = 'local-TF'" in (tmp_path / "hasty" / "scf-2.in").read_text()
    patient = QuantumEspresso().ground(silicon(), SMALL, tmp_path / "patient")
    assert patient.remedies == ()
    assert ground.energy_ev == pytest.approx(patient.energy_ev, abs=1e-4)


def test_a_field_that_does_not_converge_is_no_answer(tmp_path: Path) -> None:
    hopeless = SMALL.model_copy(update={"max_scf_iterations": 1, "energy_tolerance_ev": 1e-10})

    with pytest.raises(EngineError, match=r"convergence NOT achieved after .*\(tried: mixing_beta 0\.3") as told:
        QuantumEspresso().ground(silicon(), hopeless, tmp_path)
    assert str(tmp_path) in str(told.value)


def test_time_is_up(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="time was up"):
        QuantumEspresso().ground(silicon(), SMALL.model_copy(update={"timeout_hours": 1e-6}), tmp_path)
    assert running_in(tmp_path) == []


def test_nothing_is_returned_that_belongs_to_another_input(tmp_path: Path) -> None:
    engine, richer = QuantumEspresso(), SMALL.model_copy(update={"cutoff_ev": 250.0})
    first = engine.ground(silicon(), SMALL, tmp_path / "scf")
    bands = engine.eigenvalues(first, np.zeros((1, 3)), SMALL, tmp_path / "bands", tmp_path / "scf")

    second = engine.ground(silicon(5.6), richer, tmp_path / "scf")
    others = engine.eigenvalues(second, np.zeros((1, 3)), richer, tmp_path / "bands", tmp_path / "scf")

    assert second.energy_ev != first.energy_ev
    assert np.abs(others - bands).max() > 0.01
    assert engine.ground(silicon(), SMALL, tmp_path / "scf").energy_ev == pytest.approx(first.energy_ev, abs=1e-6)


def test_without_a_ground_state_there_are_no_bands(tmp_path: Path) -> None:
    ground = QuantumEspresso().ground(silicon(), SMALL, tmp_path / "scf")

    with pytest.raises(EngineError, match="compute the step scf again"):
        QuantumEspresso().eigenvalues(ground, np.zeros((1, 3)), SMALL, tmp_path / "bands", tmp_path / "elsewhere")


METALLIC = SMALL.model_copy(update={"smearing_ev": 0.1, "cutoff_ev": 450.0, "scf_k_spacing_per_angstrom": 1.2})


def test_iron_is_a_ferromagnet(tmp_path: Path) -> None:
    engine = QuantumEspresso()

    ground = engine.ground(iron(), METALLIC, tmp_path / "scf")
    energies = engine.eigenvalues(ground, np.zeros((1, 3)), METALLIC, tmp_path / "bands", tmp_path / "scf")

    assert ground.moment_bohr == pytest.approx(2.3, abs=0.4)
    assert ground.site_moments_bohr is not None
    assert ground.mesh_gap_ev is None
    assert ground.spin_gain_ev is not None
    assert ground.spin_gain_ev > 0.1
    assert sum(ground.electrons) == pytest.approx(16.0)
    assert energies.shape[:2] == (2, 1)
    assert (energies[0, 0, :10] < energies[1, 0, :10]).all()  # semicore and d bands of the majority lie lower


def test_an_open_shell_without_moment_is_computed_without_spin(tmp_path: Path) -> None:
    carbide = cubic(4.33, [22, 6], [0.0, 0.5])

    ground = QuantumEspresso().ground(carbide, METALLIC, tmp_path)

    assert ground.site_moments_bohr is None
    assert ground.moment_bohr == 0.0
    assert (tmp_path / "magnetic" / "scf.out").is_file()


def test_an_output_without_moments_does_not_count_as_not_magnetic(tmp_path: Path) -> None:
    QuantumEspresso().ground(iron(), METALLIC, tmp_path)
    output = tmp_path / "magnetic" / "scf.out"
    output.write_text(output.read_text().replace("magn:", ""))

    with pytest.raises(EngineError, match=r"magnetic/scf\.out has moments of 0 atoms, not of 1"):
        QuantumEspresso().ground(iron(), METALLIC, tmp_path)


def test_moments_that_cost_energy_are_not_kept(tmp_path: Path) -> None:
    squeezed = cubic(3.8, [26, 8], [0.0, 0.5])  # the spin crossover of FeO
    config = METALLIC.model_copy(update={"cutoff_ev": 600.0})

    ground = QuantumEspresso().ground(squeezed, config, tmp_path)

    polarised = read(tmp_path / "magnetic" / "scf.xml")
    assert polarised.moment_bohr == pytest.approx(4.0, abs=0.01)
    assert ground.energy_ev < polarised.energy_ev - 0.1
    assert ground.spin_gain_ev == pytest.approx(ground.energy_ev - polarised.energy_ev)
    assert (ground.moment_bohr, ground.site_moments_bohr) == (0.0, None)
    assert (tmp_path / SAVED).is_dir()
    outputs = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.out")}
    assert QuantumEspresso().ground(squeezed, config, tmp_path).to_dict() == ground.to_dict()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.out")} == outputs


def test_an_oxide_gets_its_hubbard_u(tmp_path: Path) -> None:
    oxide = cubic(4.18, [28, 8], [0.0, 0.5])

    ground = QuantumEspresso().ground(oxide, METALLIC.model_copy(update={"cutoff_ev": 600.0}), tmp_path)

    assert ground.hubbard_ev == {"Ni": 6.2}
    assert ground.moment_bohr == pytest.approx(2.0, abs=0.01)
    assert ground.mesh_gap_ev is not None
    assert ground.mesh_gap_ev > 1.0


def test_the_energy_falls_with_the_cutoff(tmp_path: Path) -> None:
    found = list(converge(QuantumEspresso(), silicon(), SMALL, "cutoff_ev", [150.0, 250.0, 400.0], tmp_path))

    energies = [one.energy_ev_per_atom for one in found]
    assert [one.value for one in found] == [150.0, 250.0, 400.0]
    assert energies == sorted(energies, reverse=True)
    assert abs(energies[2] - energies[1]) < abs(energies[1] - energies[0])
    assert all(one.pressure_gpa is not None and one.gap_ev is not None for one in found)


def test_pressure_is_positive_where_a_crystal_wants_to_grow(tmp_path: Path) -> None:
    squeezed = QuantumEspresso().ground(silicon(5.3), SMALL, tmp_path / "squeezed")
    stretched = QuantumEspresso().ground(silicon(5.8), SMALL, tmp_path / "stretched")

    assert squeezed.pressure_gpa is not None
    assert stretched.pressure_gpa is not None
    assert stretched.pressure_gpa < 0 < squeezed.pressure_gpa


def test_an_absent_engine_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(MissingDependencyError, match=r"pw\.x .* `apt-get install quantum-espresso`"):
        QuantumEspresso().check([14])


def test_an_engine_tells_its_version() -> None:
    assert QuantumEspresso().tool == "Quantum ESPRESSO 6.7"


@pytest.mark.parametrize("content", ["#!/bin/sh\nexec sleep 9\n", "no program"], ids=["hangs", "no program"])
def test_a_program_that_does_not_answer_is_told(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pw.x").write_text(content)
    (tmp_path / "pw.x").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("wyckforge.dft.qe.engine._SECONDS_TO_ANSWER", 0.1)

    with pytest.raises(MissingDependencyError, match=r"pw\.x does not run .*`apt-get install quantum-espresso`"):
        _ = QuantumEspresso().tool
