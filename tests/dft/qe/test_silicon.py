"""The whole chain on silicon, with settings that are modest and enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import silicon

from wyckforge.dft.config import DftConfig
from wyckforge.dft.qe.engine import QuantumEspresso
from wyckforge.dft.results import GammaModes, Ground, Relaxed
from wyckforge.potential.contract import Array

CONFIG = DftConfig(relax_k_spacing_per_angstrom=0.48, scf_k_spacing_per_angstrom=0.48, cutoff_ev=350.0)

TO_X = np.column_stack([np.linspace(0.0, 0.5, 21), np.zeros(21), np.linspace(0.0, 0.5, 21)])
"""From Γ to X."""


@dataclass(frozen=True)
class Chain:
    folder: Path
    relaxed: Relaxed
    ground: Ground
    energies: Array
    modes: GammaModes


@pytest.fixture(scope="module")
def chain(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    engine, folder = QuantumEspresso(), tmp_path_factory.mktemp("silicon")
    engine.check([14])
    assert (files / "Si.upf").is_file()
    relaxed = engine.relax(silicon(5.43), CONFIG, folder / "relax")
    ground = engine.ground(relaxed.crystal, CONFIG, folder / "scf")
    energies = engine.eigenvalues(ground, TO_X, CONFIG, folder / "bands", folder / "scf")
    modes = engine.gamma(ground, CONFIG, folder / "phonon", folder / "scf", polar=True)
    return Chain(folder, relaxed, ground, energies, modes)


def test_the_lattice_constant_is_that_of_pbe(chain: Chain) -> None:
    assert chain.relaxed.converged
    assert (4 * chain.relaxed.crystal.volume) ** (1 / 3) == pytest.approx(5.47, rel=0.01)
    assert chain.relaxed.max_stress_gpa <= CONFIG.max_stress_gpa
    assert chain.relaxed.tool == "Quantum ESPRESSO 6.7"


def test_the_relaxed_crystal_has_neither_pressure_nor_moment(chain: Chain) -> None:
    assert chain.ground.pressure_gpa == pytest.approx(0.0, abs=CONFIG.max_stress_gpa)
    assert chain.ground.site_moments_bohr is None
    assert chain.ground.electrons == (8.0,)
    assert chain.ground.remedies == ()


def test_the_gap_is_indirect_and_that_of_pbe(chain: Chain) -> None:
    valence, conduction = chain.energies[0, :, 3], chain.energies[0, :, 4]

    assert valence.argmax() == 0
    assert TO_X[conduction.argmin(), 0] == pytest.approx(0.85 / 2, abs=0.03)
    assert 0.55 < conduction.min() - valence.max() < 0.64
    assert valence[0] < chain.ground.fermi_ev < conduction.min()


def test_modes_at_gamma(chain: Chain) -> None:
    assert np.abs(chain.modes.frequencies_per_cm[:3]).max() < 0.01
    assert chain.modes.frequencies_per_cm[3:] == pytest.approx(np.full(3, 510.0), rel=0.05)
    assert np.ptp(chain.modes.frequencies_per_cm[3:]) < 0.1
    assert chain.modes.born_charges == pytest.approx(np.zeros((2, 3, 3)), abs=1e-6)
    assert chain.modes.longitudinal_per_cm == pytest.approx(np.tile(chain.modes.frequencies_per_cm, (3, 1)), abs=0.01)


def test_finite_displacements_give_the_same_modes(chain: Chain) -> None:
    moved = CONFIG.model_copy(update={"phonon_method": "finite displacements"})

    modes = QuantumEspresso().gamma(chain.ground, moved, chain.folder / "moved", chain.folder / "scf", polar=False)

    assert modes.frequencies_per_cm == pytest.approx(chain.modes.frequencies_per_cm, abs=1.0)
    assert modes.born_charges is None


def test_what_has_ended_is_not_computed_again(chain: Chain) -> None:
    engine, folder = QuantumEspresso(), chain.folder
    outputs = {path: path.stat().st_mtime_ns for path in folder.rglob("*.out")}

    assert engine.relax(silicon(5.43), CONFIG, folder / "relax").to_dict() == chain.relaxed.to_dict()
    assert engine.ground(chain.relaxed.crystal, CONFIG, folder / "scf").to_dict() == chain.ground.to_dict()
    again = engine.eigenvalues(chain.ground, TO_X, CONFIG, folder / "bands", folder / "scf")
    modes = engine.gamma(chain.ground, CONFIG, folder / "phonon", folder / "scf", polar=True)

    assert (again == chain.energies).all()
    assert modes.to_dict() == chain.modes.to_dict()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.out")} == outputs
