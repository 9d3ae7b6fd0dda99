"""The chemical elements: symbols, electronegativities and the classes a target can name."""

from __future__ import annotations

import json
from importlib.resources import files

from wyckforge.errors import InvalidGeneError

MAX_ATOMIC_NUMBER = 118
UNDEFINED_ELECTRONEGATIVITY = 5.0  # above fluorine: elements without a Pauling value come last in a formula

_ROWS = json.loads((files("wyckforge.symmetry") / "elements.json").read_text(encoding="utf-8"))
_SYMBOLS: tuple[str, ...] = tuple(row["symbol"] for row in _ROWS)
_NUMBERS = {name: number for number, name in enumerate(_SYMBOLS, start=1)}
_ELECTRONEGATIVITIES = tuple(
    UNDEFINED_ELECTRONEGATIVITY if row["electronegativity"] is None else row["electronegativity"] for row in _ROWS
)

RADIOACTIVE = frozenset(number for number, row in enumerate(_ROWS, start=1) if row["radioactive"])
F_BLOCK = frozenset(number for number, row in enumerate(_ROWS, start=1) if row["f_block"])
NAMED_ELEMENTS = {"radioactive": RADIOACTIVE, "f-block": F_BLOCK}


def symbol(number: int) -> str:
    """Symbol of an atomic number.

    Raises:
        InvalidGeneError: not between 1 and 118.
    """
    if not 1 <= number <= MAX_ATOMIC_NUMBER:
        raise InvalidGeneError(f"atomic number {number} given; allowed are 1 to {MAX_ATOMIC_NUMBER}")
    return _SYMBOLS[number - 1]


def atomic_number(name: str) -> int:
    """Atomic number of a symbol.

    Raises:
        InvalidGeneError: no element has this symbol.
    """
    number = _NUMBERS.get(name)
    if number is None:
        raise InvalidGeneError(f"element {name!r} given; allowed are the symbols H to Og, written like 'Na'")
    return number


def electronegativity(number: int) -> float:
    """Pauling electronegativity; :data:`UNDEFINED_ELECTRONEGATIVITY` for helium, neon, argon and beyond lawrencium."""
    symbol(number)
    return float(_ELECTRONEGATIVITIES[number - 1])
