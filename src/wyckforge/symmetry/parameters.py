"""A crystal as its Wyckoff gene and the numbers that symmetry leaves free: the exact way there and back.

The free numbers are the edges and angles that the crystal system allows, and per orbit the coordinates that its
Wyckoff position allows. One crystal has many such descriptions: any atom of an orbit can stand for it, the orbits of
one element on one letter can change places, and a normalizer operator that maps the gene onto itself changes all
coordinates at once. :func:`canonical_parameters` chooses one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.lattice import FREE_CELL, cell_of_metric, full_cell, lattice_matrix, metric_tensor
from wyckforge.symmetry.normalizer import operator_permutations, operators, polar_axes
from wyckforge.symmetry.tables import DENOMINATOR, LETTERS, space_group

Floats = NDArray[np.float64]

_TOLERANCE = 1e-3
"""Largest deviation of a fractional coordinate from the orbit it belongs to."""

_ANCHOR = np.array([0.11, 0.17, 0.23])
"""Of the atoms of an orbit, the one nearest to this point stands for it; the point lies on no symmetry element."""


@dataclass(frozen=True, eq=False, slots=True)
class Parameters:
    """A gene and a value for everything that it leaves free.

    Attributes:
        gene: what is fixed.
        cell: (l,) free edges in Å and angles in degrees, in the order of :data:`FREE_CELL`.
        coordinates: for every site of the gene, (d,) values in [0, 1) of the free ones of x, y, z in the Wyckoff
            position's representative, in this order.

    Raises:
        StructureError: the numbers are not as many as the gene leaves free.
    """

    gene: WyckoffGene
    cell: Floats
    coordinates: tuple[Floats, ...]

    def __post_init__(self) -> None:
        wanted = [self.gene.table.degrees_of_freedom(letter) for _, letter in self.gene.sites]
        edges = len(FREE_CELL[self.gene.table.crystal_system])
        if [len(values) for values in self.coordinates] != wanted or len(self.cell) != edges:
            raise StructureError(
                f"{self.gene} leaves {edges} numbers of the cell and {wanted} coordinates free; given are "
                f"{len(self.cell)} and {[len(values) for values in self.coordinates]}"
            )

    def positions(self) -> Floats:
        """(k, 3) fractional coordinates of the atom that stands for each orbit."""
        return np.array(
            [
                place(self.gene.space_group, letter, values)
                for (_, letter), values in zip(self.gene.sites, self.coordinates, strict=True)
            ]
        )

    def crystal(self) -> Crystal:
        """The crystal: conventional cell in the standard setting, atoms orbit by orbit.

        Raises:
            StructureError: no cell has these angles.
        """
        number = self.gene.space_group
        orbits = [
            orbit_of(number, letter, point)
            for (_, letter), point in zip(self.gene.sites, self.positions(), strict=True)
        ]
        numbers = np.repeat([z for z, _ in self.gene.sites], [len(orbit) for orbit in orbits])
        return Crystal(lattice_matrix(full_cell(number, self.cell)), numbers, np.concatenate(orbits))


@cache
def free_axes(number: int, letter: str) -> tuple[int, ...]:
    """Which of x, y, z (0, 1, 2) the representative of a Wyckoff position leaves free."""
    return tuple(np.flatnonzero(space_group(number).representative(letter)[:, :3].any(0)).tolist())


def place(number: int, letter: str, values: ArrayLike) -> Floats:
    """(…, 3) point of the representative of a Wyckoff position at (…, d) free coordinates."""
    values = np.asarray(values, dtype=np.float64)
    representative = space_group(number).representative(letter)
    return values @ representative[:, free_axes(number, letter)].T + representative[:, 3] / DENOMINATOR


@cache
def orbit_operators(number: int, letter: str) -> NDArray[np.int64]:
    """(m, 3, 4) operators that lead from the representative to each atom of its orbit once; the identity first."""
    generic = place(number, letter, np.array([0.1234567, 0.2718281, 0.3141592])[: len(free_axes(number, letter))])
    every = space_group(number).operators
    points = apply(every, generic)
    keys = np.rint(points * 1e6).astype(np.int64) % 1_000_000
    _, first = np.unique(keys, axis=0, return_index=True)
    chosen = every[np.sort(first)]
    chosen.setflags(write=False)
    return chosen


def apply(operators: NDArray[np.int64], points: Floats) -> Floats:
    """(…, k, 3) images in [0, 1) of (…, 3) points under (k, 3, 4) operators."""
    images = np.einsum("kij,...j->...ki", operators[:, :, :3].astype(np.float64), points)
    wrapped: Floats = (images + operators[:, :, 3] / DENOMINATOR) % 1.0
    return wrapped


def orbit_of(number: int, letter: str, point: Floats) -> Floats:
    """(…, m, 3) all atoms of an orbit in the cell, from the (…, 3) point of the representative."""
    return apply(orbit_operators(number, letter), point)


def parameters_of(gene: WyckoffGene, crystal: Crystal, letters: Sequence[str]) -> Parameters:
    """The free numbers of a crystal, every orbit by the atom nearest to a fixed point.

    Args:
        gene: its gene, in the description of ``letters``.
        crystal: conventional cell in the standard setting, as detection gives it.
        letters: Wyckoff letter of every atom.

    Raises:
        StructureError: the atoms are not on the positions that the letters say, or the gene is of another crystal.
    """
    number = gene.space_group
    points = _one_of_each_orbit(gene, crystal, letters)
    metric = crystal.lattice @ crystal.lattice.T
    cell = cell_of_metric(metric)[list(FREE_CELL[gene.table.crystal_system])]
    chosen = [
        _nearest_to_anchor(number, letter, point[None])[0]
        for (_, letter), point in zip(gene.sites, points, strict=True)
    ]
    return _ordered(gene, cell, chosen)


def canonical_parameters(parameters: Parameters) -> Parameters:
    """The description of the same crystal (or its mirror image) under the canonical gene that is least.

    Of all normalizer operators that make the gene canonical, the one is taken whose cell, then the coordinates of whose
    orbits, come first. Where the origin is arbitrary along an axis, it is laid through an atom of the
    kind with the fewest atoms.
    """
    gene, number = parameters.gene, parameters.gene.space_group
    goal = gene.canonical()
    points, metric = parameters.positions(), metric_tensor(full_cell(number, parameters.cell))
    polar = ["abc".index(axis) for axis in polar_axes(number)]
    first = min(goal.sites, key=lambda site: (goal.sites.count(site) * gene.table.multiplicity(site[1]), site))
    best: tuple[tuple[float, ...], Parameters] | None = None
    for letters, rows in _operators_by_permutation(number).items():
        sites = [(z, letters[LETTERS.index(letter)]) for z, letter in gene.sites]
        if tuple(sorted(sites)) != goal.sites:
            continue
        chosen = operators(number)[rows]
        matrices = chosen[:, :, :3].astype(np.float64)
        inverse = np.linalg.inv(matrices)
        cells = cell_of_metric(np.swapaxes(inverse, 1, 2) @ metric @ inverse)
        images = np.einsum("wij,kj->wki", matrices, points) + chosen[:, None, :, 3] / DENOMINATOR
        if polar:
            atoms = apply(gene.table.operators, images[:, [k for k, site in enumerate(sites) if site == first]])
            origins = np.zeros((len(rows), atoms.shape[1] * atoms.shape[2], 3))
            origins[..., polar] = atoms.reshape(len(rows), -1, 3)[..., polar]
            _, kept = np.unique(np.round(origins[0], 5), axis=0, return_index=True)
            images = (images[:, None] - origins[:, kept, None]).reshape(-1, *points.shape)
            cells = np.repeat(cells, len(kept), axis=0)
        values = [_nearest_to_anchor(number, letter, images[:, k]) for k, (_, letter) in enumerate(sites)]
        order = sorted(range(len(sites)), key=lambda k: sites[k])
        for w, cell in enumerate(cells[:, FREE_CELL[goal.table.crystal_system]]):
            found = _ordered(goal, cell, [values[k][w] for k in order])
            key = _key(found)
            if best is None or key < best[0]:
                best = key, found
    if best is None:
        raise StructureError(f"no normalizer operator leads from {gene} to {goal}")
    return best[1]


def _key(parameters: Parameters) -> tuple[float, ...]:
    """What decides between descriptions; equal numbers must not be told apart by rounding errors."""
    coordinates = np.concatenate([np.zeros(0), *parameters.coordinates])
    return (*np.round(parameters.cell, 3), *(np.round(coordinates, 4) % 1.0))


def _ordered(gene: WyckoffGene, cell: Floats, values: Sequence[Floats]) -> Parameters:
    """Orbits of one element on one letter by ascending coordinates."""
    order = sorted(range(len(values)), key=lambda k: (gene.sites[k], tuple(np.round(values[k], 6))))
    return Parameters(gene, cell, tuple(values[k] for k in order))


@cache
def _operators_by_permutation(number: int) -> dict[str, list[int]]:
    """Rows of the normalizer operators that permute the letters alike, by the images of a, b, c, …"""
    rows: dict[str, list[int]] = {}
    for row, images in enumerate(operator_permutations(number)):
        rows.setdefault(images, []).append(row)
    return rows


def _nearest_to_anchor(number: int, letter: str, points: Floats) -> Floats:
    """(n, d) free coordinates of the atom nearest to the anchor, of the orbits of n (n, 3) points.

    Raises:
        StructureError: a point is not on the position.
    """
    axes = free_axes(number, letter)
    images = apply(space_group(number).operators, points)
    if not axes:
        return np.zeros((len(points), 0))
    representative = space_group(number).representative(letter)
    rows, signs = _pivots(number, letter)
    values = (signs * (images[..., rows] - representative[rows, 3] / DENOMINATOR)) % 1.0
    back = place(number, letter, values)
    apart = np.abs(back - images - np.rint(back - images)).max(-1)
    away = back - _ANCHOR
    distances = np.where(apart < _TOLERANCE, np.linalg.norm(away - np.rint(away), axis=-1), np.inf)
    best = distances.argmin(1)
    if not np.isfinite(distances[np.arange(len(points)), best]).all():
        raise StructureError(f"an atom is not on Wyckoff position {letter} of space group {number}")
    found: Floats = values[np.arange(len(points)), best]
    return found


@cache
def _pivots(number: int, letter: str) -> tuple[list[int], NDArray[np.int64]]:
    """For every free coordinate a row of the representative that holds nothing else, and its sign there."""
    matrix = space_group(number).representative(letter)[:, :3]
    rows = [
        next(r for r in range(3) if abs(matrix[r, axis]) == 1 and np.count_nonzero(matrix[r]) == 1)
        for axis in free_axes(number, letter)
    ]
    return rows, matrix[rows, free_axes(number, letter)]


def _one_of_each_orbit(gene: WyckoffGene, crystal: Crystal, letters: Sequence[str]) -> list[Floats]:
    """An atom of every orbit, in the order of the sites.

    Raises:
        StructureError: the atoms of an orbit are not all there.
    """
    left: dict[tuple[int, str], Floats] = {}
    for site in set(gene.sites):
        atoms = [k for k, z in enumerate(crystal.numbers) if (z, letters[k]) == site]
        left[site] = crystal.frac_coords[atoms]
    points = []
    for site in gene.sites:
        if not len(left[site]):
            raise StructureError(f"the crystal lacks an orbit of {gene}; give the gene and letters of one detection")
        point = left[site][0]
        apart = left[site][:, None] - apply(gene.table.operators, point)
        near = (np.abs(apart - np.rint(apart)).max(-1) < _TOLERANCE).any(1)
        if near.sum() != gene.table.multiplicity(site[1]):
            raise StructureError(f"{near.sum()} atoms of an orbit of {gene} on {site[1]}; its multiplicity says more")
        points.append(point)
        left[site] = left[site][~near]
    return points
