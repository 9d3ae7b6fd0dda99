"""Reciprocal space of a crystal with the symmetry that its bands have."""

from __future__ import annotations

import numpy as np

from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC, operations

SAME = 1e-4
"""Difference in units of the reciprocal basis below which two k points are one."""


class Zone:
    """The Brillouin zone and what leaves bands as they are: the point group of the crystal, and time reversal.

    E(k) = E(-k) holds for every crystal without spin–orbit coupling, whether magnetic or not, channel by channel.

    Attributes:
        basis: (3, 3) rows are the reciprocal basis vectors in Å⁻¹, with 2π.
        turns: (g, 3, 3) integer matrices that act on columns of components of k; a group.

    Raises:
        StructureError: the symmetry of the crystal cannot be determined.
    """

    def __init__(self, crystal: Crystal, *, symprec: float = SYMPREC) -> None:
        self.basis: Array = 2 * np.pi * np.linalg.inv(crystal.lattice).T.astype(np.float64)
        rotations = operations(crystal, symprec=symprec).rotations
        on_k = np.swapaxes(rotations, 1, 2)  # k·(Wx) = (Wᵀk)·x, and with W its inverse is in the group
        self.turns = np.unique(np.concatenate([on_k, -on_k]), axis=0)

    def star(self, k_point: Array) -> Array:
        """(n, 3) the distinct k points that symmetry makes of one, itself first; n divides the order of the group."""
        images = self.turns @ np.asarray(k_point, np.float64)
        images = np.concatenate([[k_point], images])
        offsets = images[:, None] - images
        alike = np.abs(offsets - np.rint(offsets)).max(axis=2) < SAME
        found: Array = images[alike.argmax(axis=1) == np.arange(len(images))]
        return found

    def little_group(self, k_point: Array) -> Array:
        """(m, 3, 3) what leaves a k point alone, up to a reciprocal lattice vector, for Cartesian columns."""
        offsets = self.turns @ np.asarray(k_point, np.float64) - k_point
        keep = np.abs(offsets - np.rint(offsets)).max(axis=1) < SAME
        axes = self.basis.T
        found: Array = axes @ self.turns[keep] @ np.linalg.inv(axes)
        return found

    def cartesian(self, k_points: Array) -> Array:
        """In Å⁻¹ with 2π, of (..., 3) components."""
        found: Array = np.asarray(k_points, np.float64) @ self.basis
        return found

    def components(self, vectors: Array) -> Array:
        """Inverse of :meth:`cartesian`."""
        found: Array = np.asarray(vectors, np.float64) @ np.linalg.inv(self.basis)
        return found


def same(one: Array, other: Array) -> bool:
    """Whether two k points differ by a reciprocal lattice vector only."""
    offset = np.asarray(one, np.float64) - other
    return bool(np.abs(offset - np.rint(offset)).max() < SAME)
