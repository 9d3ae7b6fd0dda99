"""The chain with an engine that computes bands in closed form; tests/dft/qe has it on silicon for real."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.dft.model_bands import FCC, pocket, semiconductor
from typing_extensions import override

from wyckforge.dft.chain import Chain, Findings
from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import Engine, EngineError
from wyckforge.dft.evidence import evidence_of
from wyckforge.dft.results import GammaModes, Ground, Relaxed
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

CONFIG = DftConfig(steps=("scf", "bands", "mass", "phonon"))

L = np.array([0.5, 0.5, 0.5])


class ClosedForm(Engine):
    """Two bands, with holes of 0.5 at Γ and electrons of 1.0 along and 0.2 across at L."""

    name = "closed form"
    tool = "closed form"

    def __init__(self, electrons: float = 2.0) -> None:
        self.electrons = electrons
        self.asked: list[Array] = []

    @override
    def check(self, numbers: Sequence[int]) -> None:
        """Nothing is needed."""

    @override
    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        raise EngineError("it does not relax")

    @override
    def ground(self, crystal: Crystal, config: DftConfig, folder: Path) -> Ground:
        mesh, gap = (1, 1, 1), 1.0
        return Ground(crystal, -1.0, (self.electrons,), 0.5, mesh, 100.0, 0.0, None, {}, self.tool, 0.0, gap)

    @override
    def eigenvalues(self, ground: Ground, k_points: Array, config: DftConfig, folder: Path, saved: Path) -> Array:
        self.asked.append(k_points)
        cell = ground.crystal
        spectrum = semiconductor([pocket(cell, np.zeros(3), 0.5, 0.5)], [pocket(cell, L, 1.0, 0.2)])
        energies: Array = np.sort(spectrum(k_points @ (2 * np.pi * np.linalg.inv(cell.lattice).T)), axis=1)[None]
        return energies

    @override
    def advised_cutoff_ev(self, numbers: Sequence[int]) -> float:
        return 100.0

    @override
    def progress(self, folder: Path) -> None:
        """It is too quick."""

    @override
    def gamma(self, ground: Ground, config: DftConfig, folder: Path, saved: Path, *, polar: bool) -> GammaModes:
        frequencies = np.array([0.0, 0, 0, 510, 510, 510])
        return GammaModes(ground.crystal, frequencies, None, None, None, "dfpt", 0.0, self.tool)


def run(engine: Engine, folder: Path, config: DftConfig = CONFIG) -> Findings:
    return Chain(engine, config, folder, lambda _: None).run(FCC)


def test_masses_come_out_as_they_went_in(tmp_path: Path) -> None:
    found = {one.stage: one for one in evidence_of(run(ClosedForm(), tmp_path), CONFIG.bands)}

    assert found["dft_band_gap"].value == pytest.approx(1.0, abs=1e-3)
    assert found["dft_hole_mass"].value == pytest.approx(-0.5, rel=0.01)
    assert found["dft_electron_mass"].value == pytest.approx(0.2, rel=0.01)
    assert "N_V 4 = 4×1 (2) at L" in found["dft_electron_mass"].reason


def test_settings_of_the_bands_reach_the_lines(tmp_path: Path) -> None:
    fine, coarse = ClosedForm(), ClosedForm()
    run(fine, tmp_path / "fine")
    config = DftConfig.from_dict(CONFIG.to_dict() | {"bands": {"line_spacing_per_angstrom": 0.02}})
    run(coarse, tmp_path / "coarse", config)

    assert len(fine.asked[1]) > 3 * len(coarse.asked[1])


def test_bands_that_contradict_themselves_end_the_masses_alone(tmp_path: Path) -> None:
    found = run(ClosedForm(electrons=6.0), tmp_path)

    assert found.problems.keys() == {"mass"}
    assert "6 valence electrons given with 2 bands" in found.problems["mass"]
    verdicts = {one.stage: one.verdict for one in evidence_of(found)}
    assert verdicts["dft_band_gap"] == verdicts["dft_hole_mass"] == verdicts["dft_electron_mass"] == "unknown"
    assert verdicts["dft_phonon_gamma"] == "pass"


def test_a_step_without_an_answer_ends_those_that_build_on_it(tmp_path: Path) -> None:
    found = run(ClosedForm(), tmp_path, DftConfig(steps=("relax", "scf", "dos")))

    skipped = "not begun, because relax has no answer"
    assert found.problems == {"relax": "it does not relax", "scf": skipped, "dos": skipped}
    assert found.ground is None
    assert {one.verdict for one in evidence_of(found)} == {"unknown"}


def test_what_has_ended_is_read_and_not_computed_again(tmp_path: Path) -> None:
    first = run(ClosedForm(), tmp_path)
    again = ClosedForm()
    found = run(again, tmp_path)

    assert again.asked == []
    assert [one.value for one in evidence_of(found)] == [one.value for one in evidence_of(first)]


class Slow(ClosedForm):
    """It relaxes in 70 steps, as far as it may."""

    @override
    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        ended = config.max_relax_steps >= 70
        force = 1e-4 if ended else 0.8
        return Relaxed(crystal, -1.0, force, 0.01, ended, min(70, config.max_relax_steps), self.tool)


def test_nothing_builds_on_a_relaxation_that_did_not_end_and_more_steps_end_it(tmp_path: Path) -> None:
    config = DftConfig(steps=("relax", "scf", "bands"))
    short = run(Slow(), tmp_path, config)
    long = run(Slow(), tmp_path, config.model_copy(update={"max_relax_steps": 100}))

    assert short.problems["relax"].startswith("not relaxed after 60 steps: 0.8 eV/Å and 0.01 GPa are left; go on with")
    assert short.problems["bands"] == "not begun, because relax has no answer"
    assert short.ground is None
    (relaxed,) = (one for one in evidence_of(short) if one.stage == "dft_relax" and one.value is not None)
    assert relaxed.verdict == "unknown"
    assert not long.problems
    assert long.relaxed is not None
    assert long.relaxed.steps == 70


def test_steps_come_in_their_own_order_with_what_they_build_on(tmp_path: Path) -> None:
    config = DftConfig(steps=("bands", "relax"))

    assert config.steps == ("relax", "scf", "bands")
    assert DftConfig(steps=("mass",)).steps == ("scf", "bands", "mass")
    assert not run(Slow(), tmp_path, config.model_copy(update={"max_relax_steps": 100})).problems


class Collapsing(Slow):
    """Its relaxation ends in a cell that is far too small, or at an energy that is not that of the ground state."""

    def __init__(self, scale: float, energy_ev: float) -> None:
        super().__init__()
        self.scale, self.energy_ev = scale, energy_ev

    @override
    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        small = Crystal(crystal.lattice * self.scale, crystal.numbers, crystal.frac_coords)
        return Relaxed(small, self.energy_ev, 1e-4, 0.01, True, 9, self.tool)


def test_a_crystal_that_collapses_is_no_result(tmp_path: Path) -> None:
    config = DftConfig(steps=("relax", "scf", "bands"))
    collapsed = run(Collapsing(0.6, -1.0), tmp_path / "collapsed", config)
    apart = run(Collapsing(1.0, -1.5), tmp_path / "apart", config)

    assert "the volume is now 0.22 times that of the crystal given" in collapsed.problems["relax"]
    assert collapsed.bands is None
    assert "relaxation and ground state differ by 0.25 eV/atom" in apart.problems["scf"]
    assert apart.ground is None
    assert {one.verdict for one in evidence_of(collapsed)} == {"unknown"}
    assert "0.22 times" in evidence_of(collapsed)[0].reason
    assert {one.verdict for one in evidence_of(apart) if one.stage != "dft_relax"} == {"unknown"}
