"""The standard path through the Brillouin zone of a crystal, for phonons and electrons alike."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import seekpath

from wyckforge.errors import StructureError
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

SPACING = 0.01
"""Distance of points on a path, in Å⁻¹ (without 2π)."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A straight piece of the dispersion path.

    Attributes:
        labels: of its two ends, as SeeK-path calls them (``GAMMA``, ``X``).
        q_points: (k, 3) in units of the reciprocal basis.
        distances: (k,) from its start, in Å⁻¹ without 2π.
    """

    labels: tuple[str, str]
    q_points: Array
    distances: Array


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """The standard primitive cell of a crystal and the path through its Brillouin zone (Hinuma et al., Comput. Mater.
    Sci. 128, 140, 2017).

    Attributes:
        cell: primitive cell; q points are in units of its reciprocal basis.
        segments: the pieces of the path.
    """

    cell: Crystal
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, crystal: Crystal, *, points: int | None = None) -> Path:
        """The path for a crystal in any cell.

        Args:
            crystal: in any cell.
            points: on every segment, its ends included; left out, as many as keep points :data:`SPACING` apart.

        Raises:
            StructureError: no symmetry can be determined.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of lattices on the border between two kinds; either path will do
                found = seekpath.get_path((crystal.lattice, crystal.frac_coords, crystal.numbers), symprec=1e-4)
        except (RuntimeError, TypeError, ValueError, seekpath.SymmetryDetectionError) as error:
            raise StructureError(f"no path through the Brillouin zone is known: {error}; check the cell") from error
        cell = Crystal(found["primitive_lattice"], found["primitive_types"], found["primitive_positions"])
        ends = {label: np.array(place, np.float64) for label, place in found["point_coords"].items()}
        reciprocal = np.linalg.inv(cell.lattice).T.astype(np.float64)
        path = ((pair, ends[pair[0]], ends[pair[1]]) for pair in found["path"])
        return cls(cell, tuple(_segment(*piece, reciprocal, points) for piece in path))


def _segment(labels: tuple[str, str], start: Array, end: Array, reciprocal: Array, points: int | None) -> Segment:
    length = float(np.linalg.norm((end - start) @ reciprocal))
    share = np.linspace(0, 1, points or 1 + max(1, math.ceil(length / SPACING)))
    return Segment(labels, start + share[:, None] * (end - start), share * length)
