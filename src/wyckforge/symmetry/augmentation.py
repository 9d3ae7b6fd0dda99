"""All descriptions of one crystal that the Euclidean normalizer offers, weighted so that the crystal counts once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import operators
from wyckforge.symmetry.tables import DENOMINATOR


def augment_genes(
    genes: Iterable[WyckoffGene],
) -> tuple[list[WyckoffGene], NDArray[np.int64], NDArray[np.float64]]:
    """Every distinct description of every gene.

    Returns:
        The m descriptions; (m,) index of the gene each belongs to; (m,) weights that sum to 1 for each gene.
    """
    orbits = [gene.orbit() for gene in genes]
    sizes = np.array([len(orbit) for orbit in orbits], dtype=np.int64)
    descriptions = [gene for orbit in orbits for gene in orbit]
    return descriptions, np.repeat(np.arange(len(orbits)), sizes), np.repeat(1 / sizes, sizes)


def transform(crystal: Crystal, operator: NDArray[np.int64]) -> Crystal:
    """Describe a crystal in the axes and from the origin that a normalizer operator leads to.

    Coordinates become ``W x + t`` and the row vectors of the lattice ``W⁻ᵀ L``, so that all distances stay. Where
    ``W`` is improper, the result is the mirror image in a right-handed basis: its scalar properties are the same.

    Args:
        crystal: conventional cell in the standard setting.
        operator: (3, 4) matrix W and, in the last column, translation t in 24ths.
    """
    matrix = operator[:, :3].astype(np.float64)
    lattice = np.linalg.inv(matrix).T @ crystal.lattice
    coords = crystal.frac_coords @ matrix.T + operator[:, 3] / DENOMINATOR
    return Crystal(np.linalg.det(matrix) * lattice, crystal.numbers, coords % 1.0)


def augment_crystal(crystal: Crystal, space_group: int) -> tuple[list[Crystal], NDArray[np.float64]]:
    """A crystal under every operator of the normalizer.

    Args:
        crystal: conventional cell in the standard setting of its group.
        space_group: number of that group.

    Returns:
        The k descriptions, the given one first; (k,) equal weights that sum to 1.

    Raises:
        InvalidGeneError: not a space-group number.
    """
    images = [transform(crystal, operator) for operator in operators(space_group)]
    return images, np.full(len(images), 1 / len(images))
