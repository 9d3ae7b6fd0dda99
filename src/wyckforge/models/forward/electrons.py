"""What the electrons of a gene tell: whether they pair in a primitive cell, and which charges would be left over."""

from __future__ import annotations

import warnings
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.forward.architecture import LAST_ELEMENT
from wyckforge.symmetry.elements import electronegativity
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group

OF_ELECTRONS = 14
"""Numbers that :func:`of_electrons` gives."""

_NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86)
_FILLED = {("p", 4): 10, ("p", 5): 10, ("p", 6): 24, ("d", 6): 14}
"""Electrons of filled d and f shells outside the noble gas, by block and period; zinc and its like apart."""


class _Element(NamedTuple):
    valence: int
    common: tuple[int, ...]
    known: tuple[int, ...]


def of_electrons(gene: WyckoffGene) -> NDArray[np.float64]:
    """(OF_ELECTRONS,) electron counts and charge balance of a gene.

    An odd number of electrons in the primitive cell fills no band unless spins order: such a crystal is a metal by a
    calculation without magnetism, whatever its chemistry. Charges are those of common oxidation states and of all that
    occur in the ICSD, by pymatgen; the most electronegative element is the anion.

    In order: valence electrons per atom, per primitive cell, and their parity; least total charge per atom that common,
    and that any known oxidation states add up to; charge that the anions need per atom; how far the highest, the lowest
    common charges of the others and all their valence electrons are above it; share of the anion; atoms in the
    primitive cell; orbits per element; share of the largest orbit; atoms of the smallest in the primitive cell.

    Source: of counting electrons, Ashcroft and Mermin, Solid State Physics (1976), chapter 8; of charge balance as a
    filter, Davies et al., Chem 1, 617 (2016).
    """
    counts = gene.reduced_composition
    atoms, cells = sum(counts.values()), primitive_cells(gene.space_group)
    valence = sum(element(z).valence * n for z, n in counts.items())
    per_cell = valence * gene.n_atoms // (atoms * cells)
    anion = max(counts, key=electronegativity)
    need = -min(element(anion).common) * counts[anion]
    others = [(element(z), n) for z, n in counts.items() if z != anion]
    highest = sum(n * max(one.common) for one, n in others)
    lowest = sum(n * min(one.common) for one, n in others)
    all_out = sum(n * one.valence for one, n in others)
    orbits = [gene.table.position(letter).multiplicity for _, letter in gene.sites]
    balance = [
        _least_charge([(element(z).common, n) for z, n in counts.items()]),
        _least_charge([(element(z).known, n) for z, n in counts.items()]),
        *(need, highest - need, lowest - need, all_out - need, counts[anion]),
    ]
    return np.array(
        [
            *(valence / atoms, per_cell, per_cell % 2),
            *(each / atoms for each in balance),
            *(gene.n_atoms / cells, len(orbits) / len(counts), max(orbits) / gene.n_atoms, min(orbits) / cells),
        ]
    )


@cache
def element(number: int) -> _Element:
    """Valence electrons and oxidation states of an element, hydrogen to plutonium."""
    from pymatgen.core import Element

    if number > LAST_ELEMENT:
        raise ValueError(f"atomic number {number} given; known are 1 to {LAST_ELEMENT}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns about every unknown property; unknown is a case here
        found = Element.from_Z(number)
        common = tuple(found.common_oxidation_states) or (0,)
        known = tuple(found.icsd_oxidation_states) or common
    outer = number - max(core for core in _NOBLE_GASES if core < number)
    filled = 10 + 14 * (found.row == 6) if found.group == 12 else _FILLED.get((found.block, found.row), 0)
    return _Element(outer - filled, common, known)


@cache
def primitive_cells(number: int) -> int:
    """Primitive cells in the conventional one of a space group: 1 to 4."""
    return int((space_group(number).operators[:, :, :3] == np.eye(3, dtype=np.int64)).all((1, 2)).sum())


def _least_charge(parts: list[tuple[tuple[int, ...], int]]) -> int:
    """Least amount of the total charge that one oxidation state per element can add up to."""
    sums = {0}
    for states, n in parts:
        sums = {total + n * state for total in sums for state in states}
    return min(map(abs, sums))
