"""A crystal as a sequence of numbers, each to be predicted from the gene and those before it.

First the cell: its volume relative to the sum over the atoms, the ratios of its edges, its angles, as far as they are
free. Then the coordinates, orbit by orbit: first the orbits without free coordinates, which only take their place, then
those with one, two and three, the most electropositive element first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.atomic_volumes import atomic_volumes
from wyckforge.symmetry.elements import electronegativity, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.lattice import FREE_CELL, full_cell, metric_tensor
from wyckforge.symmetry.parameters import Parameters, free_axes
from wyckforge.symmetry.tables import space_group

Floats = NDArray[np.float64]

VOLUME, C_TO_A, B_TO_A, BETA, ALPHA, GAMMA = range(6)
X, FIXED, PADDING = 6, 9, 10
"""Kinds of numbers: those of the cell, then x, y and z; an orbit without a free coordinate; no number at all."""

N_KINDS = 11
_DEGREES = 20.0
"""Deviation of an angle from 90° that counts as 1."""

_CELL_KINDS = {
    "triclinic": (VOLUME, C_TO_A, B_TO_A, BETA, ALPHA, GAMMA),
    "monoclinic": (VOLUME, C_TO_A, B_TO_A, BETA),
    "orthorhombic": (VOLUME, C_TO_A, B_TO_A),
    "tetragonal": (VOLUME, C_TO_A),
    "trigonal": (VOLUME, C_TO_A),
    "hexagonal": (VOLUME, C_TO_A),
    "cubic": (VOLUME,),
}
_ANGLES = {ALPHA: 3, BETA: 4, GAMMA: 5}


@dataclass(frozen=True)
class Layout:
    """Which numbers describe the crystals of a gene, in which order.

    Attributes:
        gene: the gene, in the description that is to be used.
    """

    gene: WyckoffGene

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Places in ``gene.sites`` of the orbits, in the order of the sequence."""
        sites = self.gene.sites

        def rank(k: int) -> tuple[int, float, int, str, int]:
            z, letter = sites[k]
            return self.gene.table.degrees_of_freedom(letter), electronegativity(z), z, letter, k

        return tuple(sorted(range(len(sites)), key=rank))

    @cached_property
    def orbits(self) -> tuple[tuple[int, str], ...]:
        """Element and letter of every orbit in the order of the sequence."""
        return tuple(self.gene.sites[k] for k in self.order)

    @cached_property
    def cell_kinds(self) -> tuple[int, ...]:
        """Kinds of the numbers that describe the cell."""
        return _CELL_KINDS[self.gene.table.crystal_system]

    @cached_property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """Kind and orbit (-1 for the cell) of every number."""
        cell = [(kind, -1) for kind in self.cell_kinds]
        for k, (_, letter) in enumerate(self.orbits):
            axes = free_axes(self.gene.space_group, letter)
            cell += [(X + axis, k) for axis in axes] or [(FIXED, k)]
        return tuple(cell)

    @cached_property
    def atoms_volume(self) -> float:
        """Sum of the atomic volumes over the cell, in Å³.

        Raises:
            KeyError: an element is in no known crystal.
        """
        return sum(atomic_volumes()[symbol(z)] * count for z, count in self.gene.composition.items())

    def numbers(self, parameters: Parameters) -> Floats:
        """(t,) the sequence of a crystal; 0 where an orbit has no free coordinate."""
        cell = full_cell(self.gene.space_group, parameters.cell)
        known = {
            VOLUME: np.log(np.sqrt(np.linalg.det(metric_tensor(cell))) / self.atoms_volume),
            C_TO_A: np.log(cell[2] / cell[0]),
            B_TO_A: np.log(cell[1] / cell[0]),
            **{kind: (cell[place] - 90) / _DEGREES for kind, place in _ANGLES.items()},
        }
        coordinates = [parameters.coordinates[k] if len(parameters.coordinates[k]) else np.zeros(1) for k in self.order]
        return np.concatenate([[known[kind] for kind in self.cell_kinds], *coordinates])

    def cells(self, numbers: Floats) -> Floats:
        """(n, 6) edges in Å and angles in degrees from the first numbers of (n, …) sequences; NaN: no such cell."""
        system = self.gene.table.crystal_system
        given = dict(zip(self.cell_kinds, numbers.T, strict=False))
        shape = np.ones((len(numbers), 6))
        shape[:, 3:] = 90.0
        if system in ("trigonal", "hexagonal"):
            shape[:, 5] = 120.0
        shape[:, 2] = np.exp(given.get(C_TO_A, 0.0))
        shape[:, 1] = np.exp(given.get(B_TO_A, 0.0))
        for kind, place in _ANGLES.items():
            if kind in given:
                shape[:, place] = 90 + _DEGREES * given[kind]
        squared = np.linalg.det(metric_tensor(shape))
        with np.errstate(invalid="ignore"):
            shape[:, :3] *= (np.exp(given[VOLUME]) * self.atoms_volume / np.sqrt(squared))[:, None] ** (1 / 3)
        return shape

    def parameters(self, numbers: Floats) -> Parameters:
        """The crystal of one (t,) sequence; the inverse of :meth:`numbers`."""
        cell = self.cells(numbers[None])[0][list(FREE_CELL[self.gene.table.crystal_system])]
        coordinates: dict[int, list[float]] = {k: [] for k in range(len(self.orbits))}
        for (kind, orbit), number in zip(self.steps, numbers, strict=True):
            if X <= kind < FIXED:
                coordinates[orbit].append(number % 1.0)
        by_site = dict(zip(self.order, coordinates.values(), strict=True))
        return Parameters(self.gene, cell, tuple(np.array(by_site[k], np.float64) for k in range(len(by_site))))

    @cached_property
    def known_rows(self) -> NDArray[np.bool_]:
        """(t, 3) which fractional coordinates of its orbit are settled after each number."""
        settled = np.zeros((len(self.steps), 3), np.bool_)
        for t, (kind, orbit) in enumerate(self.steps):
            if orbit < 0:
                continue
            used = space_group(self.gene.space_group).representative(self.orbits[orbit][1])[:, :3] != 0
            settled[t] = ~used[:, [axis for axis in range(3) if kind != FIXED and axis > kind - X]].any(1)
        return settled

    @cached_property
    def completes(self) -> NDArray[np.bool_]:
        """(t,) whether a number is the last of its orbit."""
        orbits = np.array([orbit for _, orbit in self.steps])
        last: NDArray[np.bool_] = (orbits >= 0) & (orbits != np.append(orbits[1:], -1))
        return last


def cell_features(cell: Floats) -> NDArray[np.float32]:
    """(n, 6) logarithms of the edges, around 5 Å, and cosines of the angles, from edges in Å and angles in degrees."""
    return np.concatenate([np.log(cell[:, :3] / 5), np.cos(np.radians(cell[:, 3:]))], 1).astype(np.float32)
