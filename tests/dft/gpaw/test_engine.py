"""What goes wrong, and what is magnetic, in calculations as small as can be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import cubic, iron, silicon

from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import EngineError
from wyckforge.dft.gpaw.engine import Gpaw
from wyckforge.errors import MissingDependencyError

SMALL = DftConfig(
    relax_k_spacing_per_angstrom=1.0, scf_k_spacing_per_angstrom=1.0, cutoff_ev=200.0, energy_tolerance_ev=1e-5
)

METALLIC = SMALL.model_copy(update={"smearing_ev": 0.1, "cutoff_ev": 300.0, "scf_k_spacing_per_angstrom": 1.2})

RELAX = """
import json, sys
from pathlib import Path
from wyckforge.dft.config import DftConfig
from wyckforge.dft.gpaw.engine import Gpaw
from wyckforge.symmetry.crystal import Crystal
folder = Path(sys.argv[1])
crystal = Crystal.from_dict(json.loads((folder.parent / "crystal.json").read_text()))
Gpaw().relax(crystal, DftConfig.from_dict(json.loads(sys.argv[2])), folder)
"""


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
    (tmp_path / "crystal.json").write_text(json.dumps(silicon(5.7).to_dict()))
    step = tmp_path / "step"
    process = subprocess.Popen([sys.executable, "-c", RELAX, str(step), json.dumps(SMALL.to_dict())])
    while not (step / "relax-1-002.out").is_file():
        assert process.poll() is None, "the step was over before it could be killed"
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    while running_in(step):
        time.sleep(0.01)
    first, second = (step / f"relax-1-00{one}.in" for one in (1, 2))
    texts = first.read_bytes(), second.read_bytes()
    age = first.stat().st_mtime_ns

    relaxed = Gpaw().relax(silicon(5.7), SMALL, step)

    assert (first.read_bytes(), second.read_bytes()) == texts
    assert first.stat().st_mtime_ns == age  # read, not computed
    assert relaxed.converged
    assert (4 * relaxed.crystal.volume) ** (1 / 3) == pytest.approx(5.62, abs=0.02)  # so few plane waves make it large


def test_a_field_that_converges_slowly_gets_a_remedy(tmp_path: Path) -> None:
    engine, impatient = Gpaw(), SMALL.model_copy(update={"max_scf_iterations": 5})

    ground = engine.ground(silicon(), impatient, tmp_path / "scf")
    energies = engine.eigenvalues(ground, np.zeros((1, 3)), SMALL, tmp_path / "bands", tmp_path / "scf")

    assert "mixer with beta 0.02" in ground.remedies[0]
    assert "did not converge in 5 iterations" in (tmp_path / "scf" / "scf.json").read_text()
    assert json.loads((tmp_path / "scf" / "scf-2.in").read_text())["mixer"]["beta"] == 0.02
    patient = engine.ground(silicon(), SMALL, tmp_path / "patient")
    assert patient.remedies == ()
    assert ground.energy_ev == pytest.approx(patient.energy_ev, abs=1e-4)
    assert energies.shape == (1, 1, 8)


def test_a_field_that_does_not_converge_is_no_answer(tmp_path: Path) -> None:
    hopeless = SMALL.model_copy(update={"max_scf_iterations": 1, "energy_tolerance_ev": 1e-10})

    with pytest.raises(EngineError, match=r"did not converge in 4 iterations .*\(tried: mixer with beta 0\.02") as told:
        Gpaw().ground(silicon(), hopeless, tmp_path)
    assert str(tmp_path) in str(told.value)


def test_time_is_up(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="time was up"):
        Gpaw().ground(silicon(), SMALL.model_copy(update={"timeout_hours": 1e-6}), tmp_path)
    assert running_in(tmp_path) == []


def test_an_error_of_the_program_is_told_in_its_own_words(tmp_path: Path) -> None:
    twins = cubic(5.5, [14, 14], [0.0, 0.001])

    with pytest.raises(EngineError, match=r"GPAW ended with status 1: .*[Aa]toms.*the output is .*scf\.out"):
        Gpaw().ground(twins, SMALL, tmp_path)


def test_nothing_is_returned_that_belongs_to_another_input(tmp_path: Path) -> None:
    engine, richer = Gpaw(), SMALL.model_copy(update={"cutoff_ev": 250.0})
    first = engine.ground(silicon(), SMALL, tmp_path / "scf")
    second = engine.ground(silicon(5.6), richer, tmp_path / "scf")

    assert second.energy_ev != first.energy_ev
    with pytest.raises(EngineError, match=r"scf\.gpw is of another ground state; compute the step scf again"):
        engine.eigenvalues(first, np.zeros((1, 3)), SMALL, tmp_path / "bands", tmp_path / "scf")
    assert engine.ground(silicon(), SMALL, tmp_path / "scf").energy_ev == pytest.approx(first.energy_ev, abs=1e-6)


def test_a_density_that_was_removed_is_computed_again(tmp_path: Path) -> None:
    first = Gpaw().ground(silicon(), SMALL, tmp_path)
    (tmp_path / "scf.gpw").unlink()

    again = Gpaw().ground(silicon(), SMALL, tmp_path)

    assert (tmp_path / "scf.gpw").is_file()
    assert again.energy_ev == pytest.approx(first.energy_ev, abs=1e-6)


def test_iron_is_a_ferromagnet_also_on_two_cores(tmp_path: Path) -> None:
    engine, two = Gpaw(), METALLIC.model_copy(update={"cores": 2, "scf_k_spacing_per_angstrom": 0.6})

    ground = engine.ground(iron(), two, tmp_path / "scf")
    energies = engine.eigenvalues(ground, np.zeros((1, 3)), METALLIC, tmp_path / "bands", tmp_path / "scf")

    assert ground.moment_bohr == pytest.approx(2.26, abs=0.15)  # as Quantum ESPRESSO on a mesh this dense
    assert ground.site_moments_bohr is not None
    assert ground.mesh_gap_ev is None
    assert sum(ground.electrons) == pytest.approx(8.0)
    assert energies.shape[:2] == (2, 1)
    assert (energies[0, 0, :6] < energies[1, 0, :6]).all()  # s and d bands of the majority lie lower
    assert energies[0, 0, 0] > 1.0  # real waves at Γ alone would have a state at 0 eV
    assert "Total number of cores used: 2" in (tmp_path / "scf" / "magnetic" / "scf.out").read_text()


def test_an_open_shell_without_moment_is_computed_without_spin(tmp_path: Path) -> None:
    ground = Gpaw().ground(cubic(4.33, [22, 6], [0.0, 0.5]), METALLIC, tmp_path)

    assert ground.site_moments_bohr is None
    assert ground.moment_bohr == 0.0
    assert (tmp_path / "magnetic" / "scf.out").is_file()


def test_moments_that_cost_energy_are_not_kept(tmp_path: Path) -> None:
    ground = Gpaw().ground(cubic(3.7, [26, 8], [0.0, 0.5]), METALLIC, tmp_path)  # the spin crossover of FeO

    polarised = json.loads((tmp_path / "magnetic" / "scf.json").read_text())
    assert polarised["moment_bohr"] == pytest.approx(4.0, abs=0.01)
    assert ground.energy_ev < polarised["energy_ev"] - 0.1
    assert ground.spin_gain_ev == pytest.approx(ground.energy_ev - polarised["energy_ev"])
    assert (ground.moment_bohr, ground.site_moments_bohr) == (0.0, None)
    assert (tmp_path / "scf.gpw").is_file()


def test_an_oxide_gets_its_hubbard_u(tmp_path: Path) -> None:
    ground = Gpaw().ground(cubic(4.18, [28, 8], [0.0, 0.5]), METALLIC, tmp_path)

    assert ground.hubbard_ev == {"Ni": 6.2}
    assert ground.moment_bohr == pytest.approx(2.0, abs=0.01)
    assert ground.mesh_gap_ev is not None
    assert ground.mesh_gap_ev > 1.0


def test_pressure_is_positive_where_a_crystal_wants_to_grow(tmp_path: Path) -> None:
    squeezed = Gpaw().ground(silicon(5.2), SMALL, tmp_path / "squeezed")
    stretched = Gpaw().ground(silicon(5.8), SMALL, tmp_path / "stretched")

    assert squeezed.pressure_gpa is not None
    assert stretched.pressure_gpa is not None
    assert stretched.pressure_gpa < 0 < squeezed.pressure_gpa


def test_modes_say_how_they_were_computed(tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"phonon_method": "dfpt"})
    ground = Gpaw().ground(silicon(), config, tmp_path / "scf")

    modes = Gpaw().gamma(ground, config, tmp_path / "phonon", tmp_path / "scf", polar=True)

    assert modes.method == "finite displacements"
    assert modes.born_charges is None


def test_an_element_without_dataset_is_told() -> None:
    with pytest.raises(MissingDependencyError, match=r"no PBE dataset for Po; `gpaw install-data"):
        Gpaw().check([14, 84])


def test_an_absent_engine_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(MissingDependencyError, match=r"GPAW .* `apt-get install gpaw gpaw-data`"):
        Gpaw().check([14])
