"""The steps from a crystal to what a calculation from first principles says of it, each kept in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TypeVar

import numpy as np

from wyckforge.dft.bands.edges import BandsError, find_edges
from wyckforge.dft.bands.lines import lines
from wyckforge.dft.bands.valleys import find_valleys
from wyckforge.dft.config import NEEDS, DftConfig, Step
from wyckforge.dft.engine import Engine, EngineError
from wyckforge.dft.mesh import divisions, irreducible
from wyckforge.dft.results import Bands, GammaModes, Ground, PathPiece, Relaxed, Result
from wyckforge.dft.start import start_of
from wyckforge.dft.watching import watched
from wyckforge.errors import StructureError
from wyckforge.potential.contract import Array
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal

RESULT = "result.json"

FACTOR = 2.0
"""By how much a relaxation may change the volume, either way."""

DIFFERENCE_EV_PER_ATOM = 0.1
"""How far the last energy of a relaxation may be from that of the ground state: other meshes leave some meV."""

SAVED: Step = "scf"
"""The step whose folder holds the charge density that later ones start from."""

_R = TypeVar("_R", bound=Result)


@dataclass
class Findings:
    """What is known so far.

    Attributes:
        relaxed: of ``relax``.
        ground: of ``scf``.
        bands: of ``bands``, along the standard path.
        dos: band energies on a mesh, of ``dos``.
        dense: band energies on lines through the valleys, of ``mass``; None for metals.
        modes: of ``phonon``.
        problems: why a step has no result, in words.
    """

    relaxed: Relaxed | None = None
    ground: Ground | None = None
    bands: Bands | None = None
    dos: Bands | None = None
    dense: Bands | None = None
    modes: GammaModes | None = None
    problems: dict[Step, str] = field(default_factory=dict)


class Chain:
    """The steps of a configuration on one crystal.

    A step that ended is read from its folder, so that a chain called again goes on where it was. A step that has no
    answer ends those that build on it, and no other.

    Args:
        engine: who computes.
        config: what, and how.
        folder: holds a folder for each step. It belongs to one crystal and one configuration.
        tell: is told of every step as it begins and ends.
    """

    def __init__(self, engine: Engine, config: DftConfig, folder: FilePath, tell: Callable[[str], None]) -> None:
        self.engine, self.config, self.folder, self.tell = engine, config, folder, tell

    def run(self, crystal: Crystal) -> Findings:
        """Compute, or read, what the configuration asks for.

        Raises:
            MissingDependencyError: the engine, or what it needs for an element, is absent.
            StructureError: atoms overlap, or the crystal has no standard primitive cell.
        """
        primitive = Path.of(start_of(crystal)).cell
        self.engine.check(primitive.numbers.tolist())
        found = Findings()
        for step in self.config.steps:
            # what builds on a crystal that was to be relaxed, and was not, would be about another one
            if lacking := [need for need in ("relax", *NEEDS[step]) if need in found.problems]:
                found.problems[step] = f"not begun, because {lacking[0]} has no answer"
                continue
            try:
                self._one(step, primitive, found)
            except (EngineError, BandsError, StructureError) as error:
                found.problems[step] = str(error)
                self.tell(f"{step}: unknown: {error}")
        return found

    def _one(self, step: Step, primitive: Crystal, found: Findings) -> None:
        if step == "relax":
            found.relaxed = self._relaxed(primitive)
            _require_sound(found.relaxed, primitive)
            return
        if step == "scf":
            cell = Path.of(found.relaxed.crystal).cell if found.relaxed else primitive
            state = self._kept(step, Ground, lambda: self.engine.ground(cell, self.config, self.folder / step))
            if found.relaxed:
                _require_same_energy(found.relaxed, state)
            found.ground = state
            return
        ground = found.ground
        if ground is None:  # NEEDS says that every other step needs it
            raise RuntimeError(f"{step} without a ground state")
        match step:
            case "bands":
                found.bands = self._kept(step, Bands, lambda: self._along_path(ground))
            case "dos":
                found.dos = self._kept(step, Bands, lambda: self._on_mesh(ground))
            case "mass":
                found.dense = self._dense(ground, found.bands)
            case "phonon":
                found.modes = self._kept(step, GammaModes, lambda: self._modes(ground))

    def _relaxed(self, crystal: Crystal) -> Relaxed:
        """A relaxation that did not end is none to keep: called again, it goes on where more steps are allowed."""
        place = self.folder / "relax"
        found = self._kept("relax", Relaxed, lambda: self.engine.relax(crystal, self.config, place))
        if not found.converged:
            (place / RESULT).unlink()
        return found

    def _kept(self, step: Step, kind: type[_R], compute: Callable[[], _R]) -> _R:
        path = self.folder / step / RESULT
        if path.exists():
            try:
                return kind.read(path)
            except StructureError:
                self.tell(f"{step}: its result cannot be read and is computed anew")
        self.tell(f"{step}: begun")
        path.parent.mkdir(parents=True, exist_ok=True)
        with watched(lambda: self.engine.progress(path.parent), lambda words: self.tell(f"{step}: {words}")):
            result = compute()
        result.write(path)
        self.tell(f"{step}: done")
        return result

    def _along_path(self, ground: Ground) -> Bands:
        segments = Path.of(ground.crystal, points=self.config.band_points).segments
        stops = np.cumsum([len(one.q_points) for one in segments])
        pieces = tuple(
            PathPiece(one.labels, int(stop) - len(one.q_points), int(stop))
            for one, stop in zip(segments, stops, strict=True)
        )
        return self._bands("bands", ground, np.concatenate([one.q_points for one in segments]), path=pieces)

    def _dense(self, ground: Ground, bands: Bands | None) -> Bands | None:
        """Bands on lines through the valleys; none are computed for a metal."""
        if bands is None:  # NEEDS says that masses need them
            raise RuntimeError("masses without bands")
        if find_edges(bands).gap is None:
            return None
        settings = self.config.bands
        valleys = (*find_valleys(bands, "hole", settings), *find_valleys(bands, "electron", settings))
        k_points, pieces = lines(bands, valleys, settings)
        return self._kept("mass", Bands, lambda: self._bands("mass", ground, k_points, path=pieces))

    def _modes(self, ground: Ground) -> GammaModes:
        """Only an insulator has Born charges; ``scf`` has seen on its mesh whether this is one."""
        return self.engine.gamma(
            ground,
            self.config,
            self.folder / "phonon",
            self.folder / SAVED,
            polar=bool(ground.mesh_gap_ev),
        )

    def _on_mesh(self, ground: Ground) -> Bands:
        mesh = divisions(ground.crystal, self.config.dos_k_spacing_per_angstrom)
        k_points, weights = irreducible(ground.crystal, mesh)
        return self._bands("dos", ground, k_points, weights=weights)

    def _bands(
        self,
        step: Step,
        ground: Ground,
        k_points: Array,
        path: tuple[PathPiece, ...] = (),
        weights: Array | None = None,
    ) -> Bands:
        energies = self.engine.eigenvalues(ground, k_points, self.config, self.folder / step, self.folder / SAVED)
        return Bands(
            ground.crystal, k_points, energies, ground.electrons, ground.fermi_ev, path, weights, False, ground.tool
        )


def _require_sound(relaxed: Relaxed, primitive: Crystal) -> None:
    """Pass if a relaxation ended, with the crystal that it began with.

    Raises:
        EngineError: it did not.
    """
    change = relaxed.crystal.volume / primitive.volume
    if not 1 / FACTOR <= change <= FACTOR:
        raise EngineError(
            f"the volume is now {change:.2g} times that of the crystal given: another crystal, or a basis that is too "
            "small; raise cutoff_ev, or begin nearer to the minimum"
        )
    if not relaxed.converged:
        raise EngineError(
            f"not relaxed after {relaxed.steps} steps: {relaxed.max_force_ev_per_angstrom:.2g} eV/Å and "
            f"{relaxed.max_stress_gpa:.2g} GPa are left; go on with a larger max_relax_steps"
        )


def _require_same_energy(relaxed: Relaxed, ground: Ground) -> None:
    """Pass if a relaxation and the ground state of its crystal agree.

    Raises:
        EngineError: they do not: the plane waves of the relaxation were not those of its last cell, or the mesh was
            too coarse.
    """
    apart = abs(relaxed.energy_ev - ground.energy_ev) / len(ground.crystal)
    if apart > DIFFERENCE_EV_PER_ATOM:
        raise EngineError(
            f"relaxation and ground state differ by {apart:.2f} eV/atom for the same crystal; raise cutoff_ev, or take "
            "closer meshes"
        )
