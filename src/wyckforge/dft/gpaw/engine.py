"""GPAW as an engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase.units import GPa

from wyckforge.dft.bands import edges
from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import Engine, EngineError, Progress, bands_wanted
from wyckforge.dft.gpaw import inputs
from wyckforge.dft.gpaw.inputs import Model, Way
from wyckforge.dft.gpaw.progress import progress
from wyckforge.dft.gpaw.relaxing import relax
from wyckforge.dft.gpaw.running import NotConvergedError, Runner
from wyckforge.dft.gpaw.solving import WAYS, Forces, Solution, Write, named, solve
from wyckforge.dft.magnetism import hubbard_ev, is_magnetic, may_be_magnetic
from wyckforge.dft.mesh import Divisions, divisions
from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.dft.vibrations import DISPLACEMENT_ANGSTROM, gamma_modes
from wyckforge.errors import MissingDependencyError
from wyckforge.potential.contract import Array, PotentialError
from wyckforge.realise.phonon.dynamics import Dynamics
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

CUTOFF_EV = 800.0
"""Of the plane waves, unless the settings name another one. The hardest datasets (O, F, Mg, Na) need so much for a
pressure; see docs/concepts/dft.md."""

MAGNETIC = "magnetic"
"""Folder, in that of the step, of the spin-polarised ground state."""

_SCF = "scf"

_HOURS_TO_ANSWER = 0.1


class Gpaw(Engine):
    """GPAW with plane waves and its own PAW datasets, PBE."""

    name = "gpaw"

    @cached_property
    def tool(self) -> str:
        """Name and version.

        Raises:
            MissingDependencyError: it is not installed.
        """
        return f"GPAW {self._about(())['version']}"

    def check(self, numbers: Sequence[int]) -> None:
        """Whether GPAW and a PBE dataset for each of these elements are there.

        Raises:
            MissingDependencyError: one is not.
        """
        if lacking := self._about(numbers)["lacking"]:
            raise MissingDependencyError(
                f"GPAW has no PBE dataset for {', '.join(lacking)}; `gpaw install-data FOLDER` fetches newer datasets"
            )

    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        """Cell and atoms relaxed within the symmetry of the crystal; see :meth:`Engine.relax`."""
        runner = self._runner(folder, config)
        spacing = config.relax_k_spacing_per_angstrom
        polarised, _ = self._polarised(runner, crystal, config, divisions(crystal, spacing))
        model = polarised[0] if polarised else self._model(crystal, config)

        def write(moved: Crystal, first: Crystal, way: Way) -> str:
            return inputs.field(moved, first, model, divisions(first, spacing), config, way)

        try:
            found = relax(runner, crystal, write, config)
        except PotentialError as error:
            raise EngineError(f"{error}; the outputs are in {folder}") from None
        last = found.last
        primitive = detect(last.crystal).primitive
        return Relaxed(
            primitive,
            last.energy_ev_per_atom * len(primitive),
            last.max_force_ev_per_angstrom,
            last.max_stress_gpa,
            found.converged,
            found.steps,
            self.tool,
            found.remedies,
        )

    def ground(self, crystal: Crystal, config: DftConfig, folder: Path) -> Ground:
        """The ground state; see :meth:`Engine.ground`."""
        runner = self._runner(folder, config)
        mesh = divisions(crystal, config.scf_k_spacing_per_angstrom)
        polarised, gain_ev = self._polarised(runner, crystal, config, mesh)
        if polarised:
            return replace(self._ground(crystal, *polarised, mesh), spin_gain_ev=gain_ev)
        model = self._model(crystal, config)
        solution = solve(runner, _SCF, _writer(crystal, model, mesh, config), saves=True)
        return replace(self._ground(crystal, model, solution, mesh), spin_gain_ev=gain_ev)

    def eigenvalues(self, ground: Ground, k_points: Array, config: DftConfig, folder: Path, saved: Path) -> Array:
        """Band energies at k points; see :meth:`Engine.eigenvalues`."""
        runner = self._runner(folder, config)
        home = saved if ground.site_moments_bohr is None else saved / MAGNETIC
        density = home / f"{named(_SCF, len(ground.remedies))}.gpw"
        if not density.is_file():
            raise EngineError(f"{home} holds no ground state of GPAW; compute the step scf again")
        n_bands = bands_wanted(ground.electrons)
        text = inputs.bands(os.path.relpath(density, folder), ground.energy_ev, k_points, n_bands, config)
        return np.array(runner.run("bands", text)["energies"], np.float64)

    def gamma(self, ground: Ground, config: DftConfig, folder: Path, saved: Path, *, polar: bool) -> GammaModes:  # noqa: ARG002
        """Vibrations at Γ by finite displacements, whatever is asked for; see :meth:`Engine.gamma`.

        GPAW 22.8 has no response to the displacements of atoms, and Born charges are not computed.
        """
        model = Model(ground.cutoff_ev, ground.site_moments_bohr is not None, ground.hubbard_ev)

        def write(moved: Crystal, _: Crystal, way: Way) -> str:
            return inputs.field(moved, ground.crystal, model, ground.k_mesh, config, way)

        forces = Forces(self._runner(folder, config), "displacement", write)
        moved = Dynamics(ground.crystal, (1, 1, 1), forces, displacement_angstrom=DISPLACEMENT_ANGSTROM)
        modes = gamma_modes(ground.crystal, moved.at_gamma, None, None, method="finite displacements", tool=self.tool)
        return replace(modes, remedies=forces.remedies)

    def _about(self, numbers: Sequence[int]) -> dict[str, Any]:
        with TemporaryDirectory() as empty:
            return Runner.within(Path(empty), 1, _HOURS_TO_ANSWER).run("about", inputs.about(numbers))

    def _polarised(
        self, runner: Runner, crystal: Crystal, config: DftConfig, mesh: Divisions
    ) -> tuple[tuple[Model, Solution] | None, float | None]:
        """What the ferromagnetic start comes to; None where no moment is left, or it lies above the field without.

        With it comes how far in eV it lies below that; None where not both were found.
        """
        if not (config.magnetism and may_be_magnetic(crystal.numbers.tolist())):
            return None, None
        folder = runner.folder / MAGNETIC
        folder.mkdir(parents=True, exist_ok=True)
        model = replace(self._model(crystal, config), spin=True)
        write = _writer(crystal, model, mesh, config)
        solution = solve(replace(runner, folder=folder), _SCF, write, saves=True)
        if not is_magnetic(np.array(solution.found["site_moments_bohr"])):
            return None, None
        plain_ev = self._unpolarised_ev(runner, crystal, config, mesh)
        gain_ev = None if plain_ev is None else plain_ev - solution.found["energy_ev"]
        return (None if gain_ev is not None and gain_ev <= 0 else (model, solution)), gain_ev

    def _unpolarised_ev(self, runner: Runner, crystal: Crystal, config: DftConfig, mesh: Divisions) -> float | None:
        """Energy of the field without spin; None where it is not found at once: it is only for comparison."""
        text = _writer(crystal, self._model(crystal, config), mesh, config)(WAYS[0], runner.density(_SCF).name)
        try:
            return float(runner.run(_SCF, text, saves=True)["energy_ev"])
        except NotConvergedError:
            return None

    def _ground(self, crystal: Crystal, model: Model, solution: Solution, mesh: Divisions) -> Ground:
        found = solution.found
        many, moment = found["electrons"], found["moment_bohr"]
        electrons = ((many + moment) / 2, (many - moment) / 2) if model.spin else (many,)
        energies = np.array(found["energies"])
        anywhere = np.zeros((energies.shape[1], 3))  # the gap does not depend on where k points lie
        bands = Bands(crystal, anywhere, energies, electrons, None, (), None, False, self.tool)
        return Ground(
            crystal,
            found["energy_ev"],
            electrons,
            found["fermi_ev"],
            mesh,
            model.cutoff_ev,
            moment,
            np.array(found["site_moments_bohr"]) if model.spin else None,
            dict(model.hubbard_ev),
            self.tool,
            -float(np.trace(found["stress"])) / 3 / GPa,
            edges.gap_ev(bands),
            solution.remedies,
        )

    def advised_cutoff_ev(self, numbers: Sequence[int]) -> float:
        """One for all elements."""
        del numbers
        return CUTOFF_EV

    def progress(self, folder: Path) -> Progress | None:
        """By what its programs write."""
        return progress(folder)

    def _model(self, crystal: Crystal, config: DftConfig) -> Model:
        hubbard = hubbard_ev(crystal.numbers.tolist()) if config.hubbard else {}
        return Model(config.cutoff_ev or self.advised_cutoff_ev(crystal.numbers.tolist()), False, hubbard)

    def _runner(self, folder: Path, config: DftConfig) -> Runner:
        return Runner.within(folder, config.cores, config.timeout_hours)


def _writer(crystal: Crystal, model: Model, mesh: Divisions, config: DftConfig) -> Write:
    return lambda way, save: inputs.field(crystal, crystal, model, mesh, config, way, save)
