"""The conventional cell as arrays of fixed size, under the operators of the Euclidean normalizer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.forward.architecture import Arrays
from wyckforge.symmetry.augmentation import transform
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import Detection
from wyckforge.symmetry.elements import electronegativity
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import operator_permutations, operators
from wyckforge.symmetry.tables import space_group

MOST_ATOMS = 60
"""Atoms of a cell that are described; those of larger cells beyond it are left out."""

MOST_DESCRIPTIONS = 16
"""Of one crystal that are kept, evenly spread over the operators."""


def descriptions(structure: Detection) -> list[tuple[Crystal, WyckoffGene]]:
    """A structure and the gene that spells its letters, under the operators of its normalizer; the given one first."""
    number = structure.gene.space_group
    letters = space_group(number).letters
    every = list(zip(operators(number), operator_permutations(number), strict=True))
    found = []
    for operator, image in every[:: -(-len(every) // MOST_DESCRIPTIONS)]:
        renamed = dict(zip(letters, image, strict=True))
        gene = WyckoffGene(number, tuple((z, renamed[letter]) for z, letter in structure.gene.sites))
        found.append((transform(structure.crystal, operator), gene))
    return found


def cell_arrays(crystal: Crystal) -> Arrays:
    """Lattice and sites of a cell.

    ``lattice`` (2, 3): lengths in 10 Å, angles in half turns; ``site_numbers`` (MOST_ATOMS,): atomic numbers, 0 for
    none, by ascending electronegativity and then by coordinates; ``coords`` (MOST_ATOMS, 3): from 0 to 1.
    """
    # rounded before sorting, so that noise in the last digits does not change the order
    coords = np.round(crystal.frac_coords % 1.0, 4) % 1.0
    pull = np.array([electronegativity(int(number)) for number in crystal.numbers])
    order = np.lexsort((*coords.T[::-1], crystal.numbers, pull))[:MOST_ATOMS]
    numbers = np.zeros(MOST_ATOMS, np.int64)
    numbers[: len(order)] = crystal.numbers[order]
    placed = np.zeros((MOST_ATOMS, 3), np.float32)
    placed[: len(order)] = coords[order]
    return {"lattice": _lattice(crystal.lattice), "site_numbers": numbers, "coords": placed}


def _lattice(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1)
    unit = vectors / lengths[:, None]
    cosines = np.array([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]])
    return np.array([lengths / 10, np.arccos(np.clip(cosines, -1, 1)) / np.pi], np.float32)
