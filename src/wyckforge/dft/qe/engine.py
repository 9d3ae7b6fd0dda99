"""Quantum ESPRESSO as an engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import Engine, EngineError, Progress, bands_wanted
from wyckforge.dft.magnetism import hubbard_ev, is_magnetic, may_be_magnetic
from wyckforge.dft.mesh import divisions
from wyckforge.dft.qe import inputs, pseudopotentials
from wyckforge.dft.qe.inputs import Field, Model, Relaxation
from wyckforge.dft.qe.outputs import read, site_moments
from wyckforge.dft.qe.phonons import PART, Forces, Response, respond
from wyckforge.dft.qe.progress import progress
from wyckforge.dft.qe.relaxing import relax
from wyckforge.dft.qe.running import INSTALL, FailedRunError, Runner, find, take_over
from wyckforge.dft.qe.solving import Solution, solve
from wyckforge.dft.results import GammaModes, Ground, Relaxed
from wyckforge.dft.vibrations import DISPLACEMENT_ANGSTROM, gamma_modes
from wyckforge.errors import MissingDependencyError
from wyckforge.potential.contract import Array
from wyckforge.realise.phonon.dynamics import Dynamics
from wyckforge.symmetry.crystal import Crystal

PROGRAMS = ("pw.x", "ph.x")
"""Programs that the steps call."""

SCF = "scf"
"""Name of the run of pw.x that finds the ground state."""

MAGNETIC = "magnetic"
"""Folder, in that of the step, of the spin-polarised ground state."""

_SECONDS_TO_ANSWER = 60.0


class QuantumEspresso(Engine):
    """Quantum ESPRESSO 6.7 with the norm-conserving pseudopotentials of PseudoDojo."""

    name = "qe"

    @cached_property
    def tool(self) -> str:
        """Name and version.

        Raises:
            MissingDependencyError: it is not installed, or does not answer.
        """
        call = [find("pw.x"), "-in", "/dev/null"]
        try:
            with TemporaryDirectory() as empty:
                said = subprocess.run(
                    call, cwd=empty, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False
                ).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MissingDependencyError(
                f"{call[0]} does not run ({error}); `{INSTALL}` installs one that does"
            ) from None
        found = re.search(r"Program PWSCF v\.([\d.]+)", said)
        return f"Quantum ESPRESSO {found[1] if found else '(unknown version)'}"

    def check(self, numbers: Sequence[int]) -> None:
        """Whether the programs and a pseudopotential for each of these elements are there.

        Raises:
            MissingDependencyError: one is not.
        """
        for program in PROGRAMS:
            find(program)
        for number in sorted(set(numbers)):
            pseudopotentials.load(int(number))

    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        """Cell and atoms relaxed within the symmetry of the crystal; see :meth:`Engine.relax`."""
        runner = self._runner(folder, config)
        mesh = divisions(crystal, config.relax_k_spacing_per_angstrom)
        polarised, _ = self._polarised(runner, crystal, config, mesh, density=False)
        model = polarised[0] if polarised else self._model(crystal, config, spin=False)
        _clear(folder / MAGNETIC)
        until = Relaxation(config.fmax_ev_per_angstrom, config.max_stress_gpa, config.max_relax_steps)
        self._place(model, folder)
        found = relax(
            runner,
            crystal,
            lambda cell, field, left: inputs.vc_relax(cell, model, field, mesh, left),
            _smeared(config),
            until,
        )
        _clear(folder)
        output = found.output
        return Relaxed(
            output.crystal,
            output.energy_ev,
            output.max_force_ev_per_angstrom,
            output.max_stress_gpa,
            found.converged,
            found.steps,
            self.tool,
            found.remedies,
        )

    def ground(self, crystal: Crystal, config: DftConfig, folder: Path) -> Ground:
        """The ground state; see :meth:`Engine.ground`."""
        runner = self._runner(folder, config)
        mesh = divisions(crystal, config.scf_k_spacing_per_angstrom)
        polarised, gain_ev = self._polarised(runner, crystal, config, mesh, density=True)
        if polarised:
            _clear(folder)
            return replace(self._ground(crystal, *polarised, mesh), spin_gain_ev=gain_ev)
        model = self._model(crystal, config, spin=False)
        self._place(model, folder)
        write = _scf_writer(crystal, model, mesh)
        solution = solve(runner, SCF, write, _smeared(config))
        return replace(self._ground(crystal, model, solution, mesh), spin_gain_ev=gain_ev)

    def eigenvalues(self, ground: Ground, k_points: Array, config: DftConfig, folder: Path, saved: Path) -> Array:
        """Band energies at k points; see :meth:`Engine.eigenvalues`."""
        runner = self._runner(folder, config)
        model = self._model_of(ground, config)
        self._place(model, folder)
        n_bands = bands_wanted(ground.electrons)

        def write(field: Field) -> str:
            return _stamp(ground) + inputs.bands(ground.crystal, model, field, k_points, n_bands)

        if not runner.finished("bands", write(_smeared(config))):
            take_over(_home(ground, saved), folder, waves=False)
        output = solve(runner, "bands", write, _smeared(config), density=False).output
        if output.k_points.shape != k_points.shape or np.abs(output.k_points - k_points).max() > 1e-5:
            raise EngineError(f"the k points in the output are not those that were asked for; see {folder}")
        _clear(folder)
        return output.energies

    def gamma(self, ground: Ground, config: DftConfig, folder: Path, saved: Path, *, polar: bool) -> GammaModes:
        """Vibrations at Γ; see :meth:`Engine.gamma`."""
        runner = self._runner(folder, config)
        model = self._model_of(ground, config)
        self._place(model, folder)
        dfpt = config.phonon_method == "dfpt"
        response = Response()
        if dfpt or polar:
            response = self._response(runner, ground, model, config, saved, polar=polar, modes=dfpt)
        if not dfpt:
            forces = Forces(
                self._runner(folder / "displacements", config),
                lambda crystal, field: inputs.scf(crystal, model, field, ground.k_mesh),
                _smeared(config),
            )
            self._place(model, folder / "displacements")
            moved = Dynamics(ground.crystal, (1, 1, 1), forces, displacement_angstrom=DISPLACEMENT_ANGSTROM)
            _clear(folder / "displacements")
            response = replace(
                response, force_constants=moved.at_gamma, remedies=(*response.remedies, *forces.remedies)
            )
        if response.force_constants is None:
            raise EngineError(f"no dynamical matrix is in {folder}")
        modes = gamma_modes(
            ground.crystal,
            response.force_constants,
            response.born_charges,
            response.dielectric,
            method=config.phonon_method,
            tool=self.tool,
        )
        return replace(modes, remedies=response.remedies)

    def _response(
        self, runner: Runner, ground: Ground, model: Model, config: DftConfig, saved: Path, *, polar: bool, modes: bool
    ) -> Response:
        """What ph.x finds; for the response to a field the occupations are fixed first."""
        title = _stamp(ground).strip("!\n ")
        text = inputs.phonon(title, polar=polar, modes=modes)
        known = runner.finished(PART, text)
        home = _home(ground, saved)
        remedies: tuple[str, ...] = ()
        if polar:
            fixed = Field(
                config.energy_tolerance_ev,
                None,
                moment_bohr=round(ground.moment_bohr) if model.spin else None,
                iterations=config.max_scf_iterations,
                from_saved=True,
            )

            def write(field: Field) -> str:
                return _stamp(ground) + inputs.scf(ground.crystal, model, field, ground.k_mesh)

            if not known and not (runner.finished("fixed", write(fixed)) and runner.saved("fixed")):
                runner.forget("fixed")
                take_over(home, runner.folder, waves=True)
            remedies = solve(runner, "fixed", write, fixed, density=not known).remedies
        elif not runner.begun(PART, text):
            take_over(home, runner.folder, waves=True)
        response = respond(runner, title, polar=polar, modes=modes)
        _clear(runner.folder)
        return replace(response, remedies=(*remedies, *response.remedies))

    def _polarised(
        self, runner: Runner, crystal: Crystal, config: DftConfig, mesh: Sequence[int], *, density: bool
    ) -> tuple[tuple[Model, Solution] | None, float | None]:
        """What the ferromagnetic start comes to; None where no moment is left, or it lies above the field without.

        With it comes how far in eV it lies below that; None where not both were found.
        """
        if not (config.magnetism and may_be_magnetic(crystal.numbers.tolist())):
            return None, None
        folder = runner.folder / MAGNETIC
        folder.mkdir(parents=True, exist_ok=True)
        model = self._model(crystal, config, spin=True)
        self._place(model, folder)
        write = _scf_writer(crystal, model, mesh)
        solution = solve(replace(runner, folder=folder), SCF, write, _smeared(config), density=density)
        if not is_magnetic(site_moments(solution.text, len(crystal))):
            return None, None
        plain_ev = self._unpolarised_ev(runner, crystal, config, mesh)
        gain_ev = None if plain_ev is None else plain_ev - solution.output.energy_ev
        return (None if gain_ev is not None and gain_ev <= 0 else (model, solution)), gain_ev

    def _unpolarised_ev(self, runner: Runner, crystal: Crystal, config: DftConfig, mesh: Sequence[int]) -> float | None:
        """Energy of the field without spin; None where it is not found at once: it is only for comparison."""
        model = self._model(crystal, config, spin=False)
        self._place(model, runner.folder)
        try:
            return read(runner.run("pw.x", SCF, inputs.scf(crystal, model, _smeared(config), mesh))).energy_ev
        except FailedRunError as failure:
            if failure.not_converged or failure.not_diagonalised:
                return None
            raise

    def _ground(self, crystal: Crystal, model: Model, solution: Solution, mesh: tuple[int, ...]) -> Ground:
        output = solution.output
        return Ground(
            crystal,
            output.energy_ev,
            output.electrons,
            output.fermi_ev if output.fermi_ev is not None else float("nan"),
            mesh,
            model.cutoff_ev,
            output.moment_bohr,
            site_moments(solution.text, len(crystal)) if model.spin else None,
            dict(model.hubbard_ev),
            self.tool,
            output.pressure_gpa,
            output.gap_ev,
            solution.remedies,
        )

    def advised_cutoff_ev(self, numbers: Sequence[int]) -> float:
        """The largest hint among the pseudopotentials."""
        return max(pseudopotentials.load(number).cutoff_ev for number in set(numbers))

    def progress(self, folder: Path) -> Progress | None:
        """By what its programs write."""
        return progress(folder)

    def _model(self, crystal: Crystal, config: DftConfig, *, spin: bool) -> Model:
        numbers = crystal.numbers.tolist()
        kinds = tuple(pseudopotentials.load(number) for number in dict.fromkeys(numbers))
        cutoff = config.cutoff_ev or self.advised_cutoff_ev(numbers)
        return Model(kinds, cutoff, spin, hubbard_ev(numbers) if config.hubbard else {})

    def _model_of(self, ground: Ground, config: DftConfig) -> Model:
        model = self._model(ground.crystal, config, spin=ground.site_moments_bohr is not None)
        return replace(model, cutoff_ev=ground.cutoff_ev, hubbard_ev=ground.hubbard_ev)

    def _runner(self, folder: Path, config: DftConfig) -> Runner:
        return Runner.within(folder, config.cores, config.timeout_hours)

    def _place(self, model: Model, folder: Path) -> None:
        pseudopotentials.place(model.kinds, folder / inputs.PSEUDO)


def _smeared(config: DftConfig) -> Field:
    return Field(config.energy_tolerance_ev, config.smearing_ev, iterations=config.max_scf_iterations)


def _scf_writer(crystal: Crystal, model: Model, mesh: Sequence[int]) -> Callable[[Field], str]:
    return lambda field: inputs.scf(crystal, model, field, mesh)


def _clear(folder: Path) -> None:
    """Remove the program's own files where no other step needs them: wave functions fill disks."""
    shutil.rmtree(folder / inputs.OUT, ignore_errors=True)


def _home(ground: Ground, saved: Path) -> Path:
    """Where the density of a ground state lies."""
    return saved if ground.site_moments_bohr is None else saved / MAGNETIC


def _stamp(ground: Ground) -> str:
    """A comment in inputs that build on a ground state: with another one, they are other inputs."""
    content = json.dumps(ground.to_dict(), sort_keys=True).encode()
    return f"! in the field of the ground state {sha256(content).hexdigest()[:16]}\n"
