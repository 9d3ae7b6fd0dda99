"""What a calculation from first principles gives, whichever engine made it: plain arrays that are written as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.files import write_atomically
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

WHOLE = 1e-3
"""How far a number of electrons may be from a whole one."""


class Result:
    """A dataclass of numbers, texts, arrays and crystals that goes through JSON."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`.

        Raises:
            StructureError: a part is missing or not what it should be.
        """
        kinds = {one.name: str(one.type) for one in fields(cls)}  # type: ignore[arg-type]
        try:
            return cls(**{name: _typed(kinds[name], value) for name, value in data.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise StructureError(f"no {cls.__name__} can be read ({error!r}); compute it anew") from None

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_atomically(path, json.dumps(self.to_dict()).encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote.

        Raises:
            StructureError: no such file, or nothing of the kind in it.
        """
        try:
            return cls.from_dict(json.loads(path.read_text()))
        except (OSError, ValueError, AttributeError) as error:
            raise StructureError(f"{path} cannot be read ({error}); compute it anew") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Crystal | PathPiece):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _typed(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind.startswith("Array"):
        return np.array(value, np.float64)
    if kind.startswith("Crystal"):
        return Crystal.from_dict(value)
    if "PathPiece" in kind:
        return tuple(PathPiece(tuple(one["labels"]), one["start"], one["stop"]) for one in value)
    return tuple(value) if kind.startswith("tuple") else value


@dataclass(frozen=True, slots=True)
class PathPiece:
    """A straight piece of a path through the Brillouin zone.

    Attributes:
        labels: of its two ends, as SeeK-path calls them (``GAMMA``, ``X``).
        start: index of its first k point.
        stop: index behind its last one.
    """

    labels: tuple[str, str]
    start: int
    stop: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"labels": list(self.labels), "start": self.start, "stop": self.stop}


@dataclass(frozen=True, eq=False)
class Relaxed(Result):
    """A relaxed crystal.

    Attributes:
        crystal: primitive cell.
        energy_ev: of that cell.
        max_force_ev_per_angstrom: largest force left.
        max_stress_gpa: largest stress component left, by magnitude.
        converged: both are below what was asked for.
        steps: ionic steps made.
        tool: name and version of the engine.
        remedies: in words, that the self-consistent field needed.
    """

    crystal: Crystal
    energy_ev: float
    max_force_ev_per_angstrom: float
    max_stress_gpa: float
    converged: bool
    steps: int
    tool: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ground(Result):
    """The electronic ground state of a crystal at rest.

    Attributes:
        crystal: primitive cell.
        energy_ev: of that cell.
        electrons: valence electrons per spin channel; one number without spin polarisation.
        fermi_ev: Fermi energy, or the middle of the gap where the engine tells nothing better.
        k_mesh: Γ-centred divisions.
        cutoff_ev: of the plane waves.
        moment_bohr: total magnetic moment of the cell.
        site_moments_bohr: (n,) moments of the atoms; None without spin polarisation.
        hubbard_ev: Dudarev U by element; empty for plain PBE.
        tool: name and version of the engine.
        pressure_gpa: positive where the crystal wants to grow; None where not computed.
        mesh_gap_ev: gap between filled and empty bands on the mesh; None for metals and where not computed.
        remedies: in words, that the self-consistent field needed.
        spin_gain_ev: of the cell, by which the magnetic state lies below that without spin, negative where that is the
            ground state; None where not both were found.
    """

    crystal: Crystal
    energy_ev: float
    electrons: tuple[float, ...]
    fermi_ev: float
    k_mesh: tuple[int, ...]
    cutoff_ev: float
    moment_bohr: float
    site_moments_bohr: Array | None
    hubbard_ev: dict[str, float]
    tool: str
    pressure_gpa: float | None = None
    mesh_gap_ev: float | None = None
    remedies: tuple[str, ...] = ()
    spin_gain_ev: float | None = None


@dataclass(frozen=True, eq=False)
class Bands(Result):
    """Band energies at k points: along a path, on a mesh, or wherever they were asked for.

    Attributes:
        crystal: the primitive cell that the k points refer to.
        k_points: (k, 3) in units of its reciprocal basis.
        energies: (s, k, b) in eV, ascending along the bands; s is 1 or, spin-polarised, 2 (up, down).
        electrons: valence electrons per spin channel, those of all bands given; one number without spin polarisation.
        fermi_ev: Fermi energy on the same scale, None where unknown.
        path: pieces of the path; empty where the k points are none.
        weights: (k,) share of each k point of a mesh, summing to 1; None elsewhere.
        spinor: a band holds one electron (spin–orbit coupling), not two.
        tool: name and version of what computed it.
    """

    crystal: Crystal
    k_points: Array
    energies: Array
    electrons: tuple[float, ...]
    fermi_ev: float | None
    path: tuple[PathPiece, ...]
    weights: Array | None
    spinor: bool
    tool: str

    @property
    def occupied(self) -> tuple[int, ...] | None:
        """Filled bands per spin channel, from the electron count alone; None where no whole number of bands is filled.

        A crystal without such a number is a metal, whatever its bands look like. One with it need not be an insulator:
        its bands may still overlap.
        """
        per_band = 2.0 if len(self.energies) == 1 and not self.spinor else 1.0
        filled = np.array(self.electrons) / per_band
        if np.abs(filled - np.rint(filled)).max() > WHOLE:
            return None
        return tuple(int(one) for one in np.rint(filled))


@dataclass(frozen=True, eq=False)
class GammaModes(Result):
    """Lattice vibrations at Γ, with the acoustic sum rule imposed.

    Attributes:
        crystal: primitive cell of n atoms.
        frequencies_per_cm: (3n,) transverse optical and acoustic frequencies, ascending; imaginary ones negative.
        longitudinal_per_cm: (3, 3n) frequencies for q → 0 along the reciprocal basis vectors, with the field of Born
            charges; None where these are not known.
        born_charges: (n, 3, 3) in units of e; None for metals and where not computed.
        dielectric: (3, 3) high-frequency dielectric tensor; None likewise.
        method: ``dfpt`` or ``finite displacements``.
        drift_per_cm: frequency, by magnitude, that rigid translations have before the sum rule.
        tool: name and version of the engine.
        remedies: in words, that the self-consistent field needed.
    """

    crystal: Crystal
    frequencies_per_cm: Array
    longitudinal_per_cm: Array | None
    born_charges: Array | None
    dielectric: Array | None
    method: str
    drift_per_cm: float
    tool: str
    remedies: tuple[str, ...] = ()
