"""Crystals from CIF and POSCAR text and from pymatgen and ASE objects; whatever is wrong becomes a :class:`Problem`.

The one way back that others need, to pymatgen, is here too.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from wyckforge.data.rows import Problem, Rule
from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Composition, Structure

_OCCUPANCY = "_atom_site_occupancy"
_FORMULA = "_chemical_formula_sum"
_FRACTION_TOLERANCE = 0.005
_TYPE_SYMBOL = "_atom_site_type_symbol"
_GROUP_NUMBER_TAGS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")


class RejectedStructure(Exception):
    """Carries the :class:`Problem` from where it is found to where the row is made."""

    def __init__(self, rule: Rule, detail: str) -> None:
        self.problem = Problem(rule, detail)
        super().__init__(str(self.problem))


def from_pymatgen(structure: Structure) -> Crystal:
    """The crystal of an ordered pymatgen structure; deuterium and tritium count as hydrogen.

    Raises:
        RejectedStructure: a site is disordered or holds no element, or the cell is impossible.
    """
    for site in structure:
        if not site.is_ordered:
            raise RejectedStructure(Rule.DISORDERED, f"a site holds {site.species_string}")
        if not 1 <= getattr(site.specie, "Z", 0) <= MAX_ATOMIC_NUMBER:
            raise RejectedStructure(Rule.UNKNOWN_ELEMENT, f"{site.species_string} is no chemical element")
    return _crystal(structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords)


def to_pymatgen(crystal: Crystal) -> Structure:
    """A crystal as a pymatgen structure."""
    from pymatgen.core import Structure

    return Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)


def from_ase(atoms: Atoms) -> Crystal:
    """The crystal of an ASE ``Atoms`` that is periodic in three directions.

    Raises:
        RejectedStructure: not a crystal, or an atom of no element (``X``).
    """
    if not atoms.pbc.all():
        raise RejectedStructure(Rule.UNREADABLE, "not periodic in three directions")
    if len(atoms) and not 1 <= atoms.numbers.min() <= atoms.numbers.max() <= MAX_ATOMIC_NUMBER:
        raise RejectedStructure(Rule.UNKNOWN_ELEMENT, f"{atoms.get_chemical_formula()} holds an atom of no element")
    return _crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions(wrap=False))


def parse_cif(text: str) -> tuple[Crystal, int]:
    """The crystal of a CIF with exactly one structure, and the space-group number it states (0 for none).

    Raises:
        RejectedStructure: with what is wrong.
    """
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parser = CifParser.from_str(text)
            structures = parser.parse_structures(primitive=False, symmetrized=False, on_error="raise")
            blocks = [block for block in parser.as_dict().values() if _atom_symbols(block)]
        except Exception as error:  # a parser fed with arbitrary text raises whatever it stumbles over
            raise RejectedStructure(Rule.UNREADABLE, _one_line(error)) from None
    if len(structures) != 1 or len(blocks) != 1:
        raise RejectedStructure(Rule.UNREADABLE, f"{len(structures)} structures in one CIF; give one per file")
    _check_nothing_lost(blocks[0], structures[0])
    return from_pymatgen(structures[0]), _stated_group(blocks[0])


def parse_poscar(text: str) -> Crystal:
    """The crystal of a POSCAR that names its elements.

    Raises:
        RejectedStructure: with what is wrong.
    """
    from pymatgen.io.vasp.inputs import Poscar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            poscar = Poscar.from_str(text)
        except Exception as error:  # a parser fed with arbitrary text raises whatever it stumbles over
            raise RejectedStructure(Rule.UNREADABLE, _one_line(error)) from None
    if not poscar.true_names:
        raise RejectedStructure(Rule.UNREADABLE, "the POSCAR names no elements; add the line of element symbols")
    return from_pymatgen(poscar.structure)


def _crystal(lattice: Any, numbers: Any, frac_coords: Any) -> Crystal:
    try:
        return Crystal(np.asarray(lattice), np.asarray(numbers), np.asarray(frac_coords))
    except StructureError as error:
        raise RejectedStructure(Rule.UNREADABLE, str(error)) from None


def _atom_symbols(block: dict[str, Any]) -> list[str]:
    return _column(block, _TYPE_SYMBOL) or _column(block, "_atom_site_label")


def _column(block: dict[str, Any], tag: str) -> list[str]:
    values = block.get(tag, [])
    return [values] if isinstance(values, str) else list(values)


def _check_nothing_lost(block: dict[str, Any], structure: Structure) -> None:
    """Refuse what the parser accepts with atoms missing: odd occupancies, a file cut short, unplaced hydrogens."""
    for text in _column(block, _OCCUPANCY):
        try:
            occupancy = 1.0 if text == "?" else float(text.partition("(")[0])
        except ValueError:
            occupancy = math.nan
        if not 0 < occupancy < math.inf:
            raise RejectedStructure(Rule.UNREADABLE, f"occupancy {text!r} of an atom site is not a positive number")
    if structure.is_ordered and (stated := _stated_fractions(block)):
        found = _fractions(structure.composition)
        if any(abs(found.get(z, 0) - stated.get(z, 0)) > _FRACTION_TOLERANCE for z in {*found, *stated}):
            formulas = f"{structure.composition.reduced_formula}, the stated formula is {block[_FORMULA]}"
            raise RejectedStructure(Rule.UNREADABLE, f"the atom sites make {formulas}")


def _stated_fractions(block: dict[str, Any]) -> dict[int, float]:
    from pymatgen.core import Composition

    try:
        return _fractions(Composition(" ".join(_column(block, _FORMULA))))
    except ValueError:  # formulas with commas, ranges or words cannot be compared
        return {}


def _fractions(composition: Composition) -> dict[int, float]:
    """Share of every atomic number, isotopes together."""
    shares: dict[int, float] = defaultdict(float)
    for element, amount in composition.items():
        shares[getattr(element, "Z", 0)] += amount / composition.num_atoms
    return shares


def _stated_group(block: dict[str, Any]) -> int:
    for tag in _GROUP_NUMBER_TAGS:
        stated = str(block.get(tag, "")).strip("'\" ")
        if stated.isdecimal() and 1 <= int(stated) <= 230:
            return int(stated)
    return 0


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        text = f"{text} is absent"
    return text if len(text) <= 160 else text[:157] + "…"
