"""From a structure to its Wyckoff gene, with moyopy."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import moyopy
import numpy as np

from wyckforge.errors import InvalidGeneError, StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

SYMPREC = 0.01

_STANDARD = moyopy.Setting.standard()
# moyopy warns when it leaves out operations in the basis of a supercell; only the standard cell is used here.
logging.getLogger("moyo").setLevel(logging.ERROR)


@dataclass(frozen=True, eq=False, slots=True)
class Detection:
    """Symmetry found in a structure.

    Attributes:
        gene: space group and occupied positions, as moyopy labels them (not canonical).
        crystal: conventional cell in the standard setting, symmetrised.
        site_letters: Wyckoff letter of each atom of ``crystal``.
        symprec: tolerance asked for, in Å.
    """

    gene: WyckoffGene
    crystal: Crystal
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
    standard = dataset.std_cell
    return Detection(
        gene,
        Crystal(np.array(standard.basis), np.array(standard.numbers), np.array(standard.positions)),
        _letters_of_standard_cell(dataset, letters),
        symprec,
    )


def _letters_of_standard_cell(dataset: moyopy.MoyoDataset, letters: list[str]) -> tuple[str, ...]:
    """Letters of the conventional atoms: moyopy lists the centring images of each primitive atom one after another."""
    primitive = dict(zip(dataset.mapping_std_prim, letters, strict=True))
    images = len(dataset.std_cell.numbers) // len(primitive)
    return tuple(primitive[atom] for atom in range(len(primitive)) for _ in range(images))


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
