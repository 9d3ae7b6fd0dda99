"""From a structure to its Wyckoff gene, with moyopy."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import moyopy
import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import InvalidGeneError, StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

SYMPREC = 0.01
"""Distance tolerance in Å wherever no other one is asked for."""

REPEAT_TOLERANCES = 10  # shortest lattice vector allowed, in units of the tolerance
# No crystal lies outside, and moyopy searches without end in needle-shaped cells far below.
SHORTEST_EDGE = 0.5
LONGEST_EDGE = 1000.0
IMAGE_TOLERANCE = 0.1
"""Å by which an atom may miss its image: more than any tolerance asked for, less than any distance of two atoms."""

_STANDARD = moyopy.Setting.standard()
# moyopy warns when it leaves out operations in the basis of a supercell; only the standard cell is used here.
logging.getLogger("moyo").setLevel(logging.ERROR)


@dataclass(frozen=True, eq=False, slots=True)
class Detection:
    """Symmetry found in a structure.

    Attributes:
        gene: space group and occupied positions, as moyopy labels them (not canonical).
        crystal: conventional cell in the standard setting, symmetrised.
        primitive: primitive cell of the same, the fewest atoms that make the crystal.
        site_letters: Wyckoff letter of each atom of ``crystal``.
        symprec: tolerance asked for, in Å.
    """

    gene: WyckoffGene
    crystal: Crystal
    primitive: Crystal
    site_letters: tuple[str, ...]
    symprec: float


def detect(crystal: Crystal, *, symprec: float = SYMPREC, angle_tolerance: float | None = None) -> Detection:
    """Find the space group of a structure and the Wyckoff positions its atoms occupy.

    Args:
        crystal: any cell of the structure.
        symprec: largest displacement of an atom that still counts as symmetric, in Å.
        angle_tolerance: largest deviation of a lattice angle, in radians; ``None`` derives it from ``symprec``.

    Raises:
        StructureError: the tolerance is not positive, atoms overlap, or no symmetry can be determined.
    """
    if not symprec > 0:
        raise StructureError(f"symmetry tolerance {symprec} Å given; allowed are positive lengths, such as {SYMPREC}")
    edges = np.linalg.norm(crystal.lattice, axis=1)
    if edges.min() < SHORTEST_EDGE or edges.max() > LONGEST_EDGE:
        raise StructureError(
            f"cell edges from {edges.min():.3g} to {edges.max():.3g} Å given; allowed are {SHORTEST_EDGE} to "
            f"{LONGEST_EDGE} Å; check the unit of the lattice"
        )
    _check_repeat(crystal, symprec)
    cell = moyopy.Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    try:
        dataset = moyopy.MoyoDataset(cell, symprec=symprec, angle_tolerance=angle_tolerance, setting=_STANDARD)
    except ValueError as error:
        raise StructureError(
            f"no symmetry found at tolerance {symprec} Å ({error}); check for overlapping atoms or change the tolerance"
        ) from error
    letters, orbits = dataset.wyckoffs, dataset.orbits
    representatives = [atom for atom, first in enumerate(orbits) if atom == first]
    _check_distances(crystal, representatives, symprec)
    try:
        gene = WyckoffGene(dataset.number, tuple((crystal.numbers[atom], letters[atom]) for atom in representatives))
    except InvalidGeneError as error:
        raise StructureError(f"the symmetry found at tolerance {symprec} Å is inconsistent: {error}") from error
    return Detection(
        gene,
        _crystal(dataset.std_cell),
        _crystal(dataset.prim_std_cell),
        _letters_of_standard_cell(dataset, letters),
        symprec,
    )


def standardised(crystal: Crystal) -> Crystal:
    """The standardised conventional cell; the crystal itself where no symmetry can be determined."""
    try:
        return detect(crystal).crystal
    except StructureError:
        return crystal


@dataclass(frozen=True, eq=False, slots=True)
class Operations:
    """The space group of a crystal in the basis of its cell: x → W x + w.

    Attributes:
        rotations: (k, 3, 3) integer matrices W.
        translations: (k, 3) translations w.
    """

    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]

    def images(self, crystal: Crystal) -> NDArray[np.int64]:
        """(k, n) the atom on which each operation puts each atom.

        Raises:
            StructureError: an atom lands on none of its kind.
        """
        coords = crystal.frac_coords
        moved = np.einsum("kij,nj->kni", self.rotations, coords) + self.translations[:, None]
        offsets = moved[:, :, None] - coords
        distances = np.linalg.norm((offsets - np.rint(offsets)) @ crystal.lattice, axis=-1)
        nearest: NDArray[np.int64] = distances.argmin(axis=2)
        shortest = np.take_along_axis(distances, nearest[:, :, None], axis=2)
        if shortest.max() > IMAGE_TOLERANCE or (crystal.numbers[nearest] != crystal.numbers).any():
            raise StructureError("an operation of the space group puts an atom where there is none of its kind")
        return nearest


def operations(crystal: Crystal, *, symprec: float = SYMPREC) -> Operations:
    """The space group of a crystal, in the cell given.

    Raises:
        StructureError: no symmetry can be determined.
    """
    cell = moyopy.Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    try:
        found = moyopy.MoyoDataset(cell, symprec=symprec).operations
    except ValueError as error:
        raise StructureError(f"no symmetry found at tolerance {symprec} Å ({error})") from None
    return Operations(np.array(found.rotations, np.int64), np.array(found.translations, np.float64))


def point_group(crystal: Crystal, *, symprec: float = SYMPREC) -> NDArray[np.float64]:
    """(k, 3, 3) rotations, reflections and inversions that leave a crystal as it is, for Cartesian column vectors.

    Raises:
        StructureError: no symmetry can be determined.
    """
    axes = crystal.lattice.T
    return axes @ np.unique(operations(crystal, symprec=symprec).rotations, axis=0) @ np.linalg.inv(axes)


def _crystal(cell: moyopy.Cell) -> Crystal:
    return Crystal(np.array(cell.basis), np.array(cell.numbers), np.array(cell.positions))


def _letters_of_standard_cell(dataset: moyopy.MoyoDataset, letters: list[str]) -> tuple[str, ...]:
    """Letters of the conventional atoms: moyopy lists the centring images of each primitive atom one after another."""
    primitive = dict(zip(dataset.mapping_std_prim, letters, strict=True))
    images = len(dataset.std_cell.numbers) // len(primitive)
    return tuple(primitive[atom] for atom in range(len(primitive)) for _ in range(images))


def _check_repeat(crystal: Crystal, symprec: float) -> None:
    """Reject cells so thin that the tolerance blurs their translations; the search would not end in useful time."""
    needed = REPEAT_TOLERANCES * symprec
    spacings = 1 / np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
    if spacings.min() >= needed:  # no lattice vector is shorter than the closest lattice planes
        return
    reduced, _ = moyopy.minkowski_reduce(crystal.lattice.tolist())
    if (shortest := np.linalg.norm(reduced, axis=1).min()) < needed:
        raise StructureError(
            f"the structure repeats every {shortest:.3f} Å, which a tolerance of {symprec} Å cannot resolve; "
            f"check the cell, or use a tolerance below {shortest / REPEAT_TOLERANCES:.3g} Å"
        )


def _check_distances(crystal: Crystal, representatives: list[int], symprec: float) -> None:
    """Reject atoms that the tolerance cannot tell apart; moyopy lets different elements coincide."""
    offsets = crystal.frac_coords[representatives, None] - crystal.frac_coords
    distances = np.linalg.norm((offsets - np.rint(offsets)) @ crystal.lattice, axis=-1)
    distances[np.arange(len(representatives)), representatives] = np.inf
    if (shortest := distances.min()) < symprec:
        row, other = np.unravel_index(distances.argmin(), distances.shape)
        raise StructureError(
            f"atoms {representatives[row]} and {other} (counted from 0) are {shortest:.4f} Å apart, closer than the "
            f"tolerance of {symprec} Å; remove one of them or lower the tolerance"
        )
