"""Every engine keeps the contract: the same checks on silicon for each, and results that agree with one another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import silicon

from wyckforge.dft.catalogue import load_engine
from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import Engine, EngineError
from wyckforge.dft.qe import pseudopotentials
from wyckforge.dft.results import GammaModes, Ground, Relaxed
from wyckforge.errors import ConfigError
from wyckforge.potential.contract import Array

CONFIG = DftConfig(
    relax_k_spacing_per_angstrom=0.48,
    scf_k_spacing_per_angstrom=0.48,
    cutoff_ev=350.0,
    phonon_method="finite displacements",
)

NAMES = ("qe", "gpaw")

TO_X = np.column_stack([np.linspace(0.0, 0.5, 21), np.zeros(21), np.linspace(0.0, 0.5, 21)])

K_POINTS = np.concatenate([TO_X, TO_X[:1]])
"""From Γ to X, and Γ once more."""


@dataclass(frozen=True)
class Case:
    engine: Engine
    folder: Path
    relaxed: Relaxed
    ground: Ground
    energies: Array
    modes: GammaModes

    @property
    def edge_angstrom(self) -> float:
        return float((4 * self.relaxed.crystal.volume) ** (1 / 3))

    @property
    def gap_ev(self) -> float:
        return float(self.energies[0, :, 4].min() - self.energies[0, :, 3].max())


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    pseudopotentials.fetch()
    return {name: computed(load_engine(name), tmp_path_factory.mktemp(name)) for name in NAMES}


def computed(engine: Engine, folder: Path) -> Case:
    engine.check([14])
    relaxed = engine.relax(silicon(5.43), CONFIG, folder / "relax")
    ground = engine.ground(relaxed.crystal, CONFIG, folder / "scf")
    energies = engine.eigenvalues(ground, K_POINTS, CONFIG, folder / "bands", folder / "scf")
    modes = engine.gamma(ground, CONFIG, folder / "phonon", folder / "scf", polar=False)
    return Case(engine, folder, relaxed, ground, energies, modes)


@pytest.mark.parametrize("name", NAMES)
def test_a_relaxation_ends_at_rest(cases: dict[str, Case], name: str) -> None:
    relaxed = cases[name].relaxed

    assert relaxed.converged
    assert relaxed.steps > 1
    assert relaxed.max_force_ev_per_angstrom <= CONFIG.fmax_ev_per_angstrom
    assert relaxed.max_stress_gpa <= CONFIG.max_stress_gpa
    assert len(relaxed.crystal) == 2
    assert relaxed.tool == cases[name].engine.tool
    assert cases[name].edge_angstrom == pytest.approx(5.47, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_ground_state_belongs_to_its_crystal(cases: dict[str, Case], name: str) -> None:
    relaxed, ground = cases[name].relaxed, cases[name].ground

    assert ground.energy_ev == pytest.approx(relaxed.energy_ev, abs=1e-3)
    assert ground.pressure_gpa == pytest.approx(0.0, abs=CONFIG.max_stress_gpa)
    assert ground.electrons == (8.0,)
    assert (ground.k_mesh, ground.cutoff_ev) == ((5, 5, 5), 350.0)
    assert (ground.moment_bohr, ground.site_moments_bohr, ground.hubbard_ev) == (0.0, None, {})
    assert ground.remedies == ()


@pytest.mark.parametrize("name", NAMES)
def test_bands_are_given_at_the_points_asked_for(cases: dict[str, Case], name: str) -> None:
    case = cases[name]
    valence, conduction = case.energies[0, :-1, 3], case.energies[0, :-1, 4]

    assert case.energies.shape[:2] == (1, len(K_POINTS))
    assert case.energies.shape[2] >= 8
    assert (np.diff(case.energies, axis=2) > -1e-6).all()
    assert case.energies[0, -1] == pytest.approx(case.energies[0, 0], abs=1e-4)
    assert valence.argmax() == 0
    assert TO_X[conduction.argmin(), 0] == pytest.approx(0.85 / 2, abs=0.03)
    assert 0.55 < case.gap_ev < 0.65  # of PBE
    assert valence[0] < case.ground.fermi_ev < conduction.min()
    assert case.ground.mesh_gap_ev is not None
    assert case.gap_ev <= case.ground.mesh_gap_ev + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_modes_at_gamma_are_three_that_rest_and_one_that_is_threefold(cases: dict[str, Case], name: str) -> None:
    modes = cases[name].modes

    assert np.abs(modes.frequencies_per_cm[:3]).max() < 0.01
    assert modes.frequencies_per_cm[3:] == pytest.approx(np.full(3, 510.0), rel=0.05)
    assert np.ptp(modes.frequencies_per_cm[3:]) < 0.5
    assert modes.method == "finite displacements"
    assert (modes.born_charges, modes.dielectric, modes.longitudinal_per_cm) == (None, None, None)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_ended_is_not_computed_again(cases: dict[str, Case], name: str) -> None:
    case = cases[name]
    outputs = {path: path.stat().st_mtime_ns for path in case.folder.rglob("*.out")}

    again = computed(case.engine, case.folder)

    assert again.relaxed.to_dict() == case.relaxed.to_dict()
    assert again.ground.to_dict() == case.ground.to_dict()
    assert (again.energies == case.energies).all()
    assert again.modes.to_dict() == case.modes.to_dict()
    assert {path: path.stat().st_mtime_ns for path in case.folder.rglob("*.out")} == outputs


@pytest.mark.parametrize("name", NAMES)
def test_bands_without_a_ground_state_are_no_answer(cases: dict[str, Case], name: str, tmp_path: Path) -> None:
    case = cases[name]

    with pytest.raises(EngineError, match="compute the step scf again"):
        case.engine.eigenvalues(case.ground, K_POINTS, CONFIG, tmp_path / "bands", tmp_path / "nowhere")


def test_engines_agree(cases: dict[str, Case]) -> None:
    first, second = (cases[name] for name in NAMES)

    assert first.edge_angstrom == pytest.approx(second.edge_angstrom, rel=0.01)
    assert first.gap_ev == pytest.approx(second.gap_ev, abs=0.1)
    assert first.modes.frequencies_per_cm[3:] == pytest.approx(second.modes.frequencies_per_cm[3:], rel=0.03)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'qq' given; allowed are qe, gpaw"):
        load_engine("qq")
