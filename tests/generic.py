"""Crystals that show everything about a space group: every orbit has its own element.

Each Wyckoff position holds one orbit, the general position three, so that nothing is more symmetric than the group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import DENOMINATOR, crystal_system, space_group

# Reduced cells without accidental symmetry, in Å; wide enough that generic orbits stay apart.
_CELLS = {
    "triclinic": [[9.0, 0.0, 0.0], [-0.7, 10.3, 0.0], [-0.9, -1.1, 12.1]],
    "monoclinic": [[10.1, 0.0, 0.0], [0.0, 13.7, 0.0], [-0.8, 0.0, 11.9]],
    "orthorhombic": [[11.0, 0.0, 0.0], [0.0, 13.1, 0.0], [0.0, 0.0, 16.3]],
    "tetragonal": [[13.0, 0.0, 0.0], [0.0, 13.0, 0.0], [0.0, 0.0, 19.1]],
    "trigonal": [[14.0, 0.0, 0.0], [-7.0, 7.0 * 3**0.5, 0.0], [0.0, 0.0, 23.3]],
    "hexagonal": [[14.0, 0.0, 0.0], [-7.0, 7.0 * 3**0.5, 0.0], [0.0, 0.0, 23.3]],
    "cubic": [[21.0, 0.0, 0.0], [0.0, 21.0, 0.0], [0.0, 0.0, 21.0]],
}


def cell(number: int) -> NDArray[np.float64]:
    """(3, 3) conventional cell of the group's crystal system, row vectors in Å."""
    return np.array(_CELLS[crystal_system(number)])


def letters_of_elements(number: int) -> str:
    """Letters of the orbits in :func:`generic_crystal`; the element of each is its place, counted from 1."""
    letters = space_group(number).letters
    return letters + letters[-1] * 2


def generic_gene(number: int, images: str | None = None) -> WyckoffGene:
    """The gene of :func:`generic_crystal`, or what it becomes when the group's letters turn into ``images``."""
    renamed = dict(zip(space_group(number).letters, images or space_group(number).letters, strict=True))
    return WyckoffGene(
        number, tuple((z, renamed[letter]) for z, letter in enumerate(letters_of_elements(number), start=1))
    )


def orbit(number: int, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, 3) distinct images of a point in the conventional cell."""
    operators = space_group(number).operators
    images = (operators[:, :, :3] @ point + operators[:, :, 3] / DENOMINATOR) % 1.0
    _, first = np.unique(np.rint(images * 10**6).astype(np.int64) % 10**6, axis=0, return_index=True)
    return images[first]


def generic_crystal(number: int) -> Crystal:
    """Orbits as :func:`letters_of_elements` lists them, with free coordinates that have no special value."""
    rng = np.random.default_rng(number)
    numbers: list[int] = []
    coords = np.empty((0, 3))
    for element, letter in enumerate(letters_of_elements(number), start=1):
        images = _draw_orbit(number, letter, rng)
        while _shortest(images[0], np.concatenate([images[1:], coords]), cell(number)) < 0.1:
            images = _draw_orbit(number, letter, rng)
        numbers += [element] * len(images)
        coords = np.concatenate([coords, images])
    return Crystal(cell(number), np.array(numbers), coords)


def _draw_orbit(number: int, letter: str, rng: np.random.Generator) -> NDArray[np.float64]:
    representative = space_group(number).representative(letter)
    point = representative[:, :3] @ rng.uniform(0.05, 0.45, 3) + representative[:, 3] / DENOMINATOR
    return orbit(number, point)


def _shortest(point: NDArray[np.float64], others: NDArray[np.float64], lattice: NDArray[np.float64]) -> float:
    """Distance in Å from a point to the nearest other one, periodic; infinite without others."""
    offsets = others - point
    return float(np.min(np.linalg.norm((offsets - np.rint(offsets)) @ lattice, axis=1), initial=np.inf))
