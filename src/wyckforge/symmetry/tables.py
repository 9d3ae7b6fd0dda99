"""Space groups in the standard setting: unique axis b, cell choice 1, hexagonal axes, origin choice 2.

Operators and Wyckoff representatives are exact: integer arrays of shape (3, 4) whose last column is the translation
in 24ths. The tables are built from PyXtal by ``tools/build_symmetry_tables.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import InvalidGeneError

DENOMINATOR = 24
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
CRYSTAL_SYSTEMS = {
    "triclinic": range(1, 3),
    "monoclinic": range(3, 16),
    "orthorhombic": range(16, 75),
    "tetragonal": range(75, 143),
    "trigonal": range(143, 168),
    "hexagonal": range(168, 195),
    "cubic": range(195, 231),
}
ENANTIOMORPHIC_PAIRS = (
    *((76, 78), (91, 95), (92, 96), (144, 145), (151, 153), (152, 154)),
    *((169, 170), (171, 172), (178, 179), (180, 181), (212, 213)),
)
"""The groups whose mirror image is another group; in the standard settings both name their positions alike."""

_MIRROR_IMAGES = {one: other for pair in ENANTIOMORPHIC_PAIRS for one, other in (pair, pair[::-1])}


@dataclass(frozen=True, slots=True)
class WyckoffPosition:
    """One Wyckoff position.

    Attributes:
        letter: ``a`` to ``z``, and ``A`` for the 27th position of group 47.
        multiplicity: atoms in the conventional cell.
        degrees_of_freedom: free coordinates, 0 to 3.
        site_symmetry: oriented symbol, ``.2/m``.
        representative: (3, 4) first coordinate triplet as an operator on (x, y, z), translation in 24ths.
    """

    letter: str
    multiplicity: int
    degrees_of_freedom: int
    site_symmetry: str
    representative: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpaceGroup:
    """A space group and its Wyckoff positions.

    Attributes:
        number: 1 to 230.
        symbol: short Hermann–Mauguin symbol, ``R-3m``.
        positions: by letter, ascending.
        operators: (k, 3, 4) general position with centring, translations in 24ths within [0, 24).
    """

    number: int
    symbol: str
    positions: dict[str, WyckoffPosition]
    operators: NDArray[np.int64]

    @property
    def letters(self) -> str:
        """All letters, ascending: ``abc…``; those of group 47 end in ``zA``."""
        return "".join(self.positions)

    @property
    def crystal_system(self) -> str:
        """One of :data:`CRYSTAL_SYSTEMS`."""
        return crystal_system(self.number)

    def position(self, letter: str) -> WyckoffPosition:
        """The position of a letter.

        Raises:
            InvalidGeneError: the group has no such letter.
        """
        found = self.positions.get(letter)
        if found is None:
            raise InvalidGeneError(
                f"Wyckoff letter {letter!r} does not exist in space group {self.number}; allowed are {self.letters}"
            )
        return found

    def multiplicity(self, letter: str) -> int:
        """Atoms of one orbit in the conventional cell."""
        return self.position(letter).multiplicity

    def degrees_of_freedom(self, letter: str) -> int:
        """Free coordinates of one orbit."""
        return self.position(letter).degrees_of_freedom

    def site_symmetry(self, letter: str) -> str:
        """Oriented site-symmetry symbol."""
        return self.position(letter).site_symmetry

    def representative(self, letter: str) -> NDArray[np.int64]:
        """(3, 4) first coordinate triplet, translation in 24ths."""
        return self.position(letter).representative


def checked_number(number: int) -> int:
    """A space-group number as a plain ``int``.

    Raises:
        InvalidGeneError: not a whole number between 1 and 230.
    """
    if type(number) is int and 1 <= number <= 230:
        return number
    if isinstance(number, np.integer) and 1 <= number <= 230:
        return int(number)
    raise InvalidGeneError(f"space group {number!r} given; allowed are the whole numbers 1 to 230")


@cache
def space_group(number: int) -> SpaceGroup:
    """The space group of that number.

    Raises:
        InvalidGeneError: not between 1 and 230.
    """
    row = _rows()[checked_number(number) - 1]
    positions = {
        entry["letter"]: WyckoffPosition(**{**entry, "representative": _frozen(entry["representative"], (3, 4))})
        for entry in row["positions"]
    }
    return SpaceGroup(number, row["symbol"], positions, _frozen(row["operators"], (-1, 3, 4)))


def crystal_system(number: int) -> str:
    """Crystal system of a space group, a key of :data:`CRYSTAL_SYSTEMS`.

    Raises:
        InvalidGeneError: not between 1 and 230.
    """
    checked = checked_number(number)
    return next(system for system, numbers in CRYSTAL_SYSTEMS.items() if checked in numbers)


def mirror_group(number: int) -> int:
    """The space group of the mirror image of a crystal: the other of an enantiomorphic pair, or the group itself.

    Raises:
        InvalidGeneError: not between 1 and 230.
    """
    return _MIRROR_IMAGES.get(checked_number(number), number)


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((files("wyckforge.symmetry") / "tables.json").read_text(encoding="utf-8"))
    return rows


def _frozen(values: list[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.int64).reshape(shape)
    array.setflags(write=False)
    return array


def _by_letter(key: str, absent: int) -> NDArray[np.int64]:
    array = np.full((230, len(LETTERS)), absent, dtype=np.int64)
    for row in _rows():
        for entry in row["positions"]:
            array[row["number"] - 1, LETTERS.index(entry["letter"])] = entry[key]
    array.setflags(write=False)
    return array


MULTIPLICITY = _by_letter("multiplicity", absent=0)
"""(230, 27) atoms of one orbit by group and letter; 0 where the letter does not exist."""

DEGREES_OF_FREEDOM = _by_letter("degrees_of_freedom", absent=-1)
"""(230, 27) free coordinates by group and letter; -1 where the letter does not exist."""
