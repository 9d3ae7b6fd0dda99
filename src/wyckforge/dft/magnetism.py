"""Which elements may be magnetic, where calculations begin, which shells get a Hubbard U: one table for all engines.

Source: the scheme of the Materials Project, as the paper has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wyckforge.potential.contract import Array
from wyckforge.symmetry.elements import atomic_number, symbol

MIN_MOMENT_BOHR = 0.15
"""A crystal is magnetic when an atom keeps at least this moment (the paper's threshold)."""

HUBBARD_EV = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""Dudarev U of d shells in oxides and fluorides, as the Materials Project fitted them."""

HUBBARD_ANIONS = ("F", "O")

_F_SHELLS = dict(zip(range(58, 71), (1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1), strict=True)) | dict(
    zip(range(91, 103), (2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1), strict=True)
)
"""Of trivalent ions, by Hund's rule."""

_WIDE = ("Zr", "Nb", "Tc", "Ru", "Rh", "Pd", "Hf", "Ta", "Re", "Os", "Ir", "Pt")

STARTING_MOMENT_BOHR: dict[str, float] = (
    {symbol(number): float(moment) for number, moment in _F_SHELLS.items()}
    | {"Ti": 2.0, "Cu": 1.0}
    | dict.fromkeys(_WIDE, 2.0)
    | dict.fromkeys(("V", "Cr", "Mn", "Fe", "Co", "Ni", "Mo", "W", "Ce"), 5.0)
    | {"Eu": 10.0}
)
"""Of elements with an open shell, in the ferromagnetic high-spin start of VASP.

Where the Materials Project has a moment for the element, it is that one, save for Co, which it starts at low spin. Else
it is what Hund's rule gives the free ion, and less for the wide 4d and 5d shells.
"""

_HELD_BOHR = {"Ti": 2, "V": 3, "Cr": 4, "Mn": 5, "Fe": 4, "Co": 3, "Ni": 2, "Cu": 1, "Mo": 4, "W": 4, "Ce": 1, "Eu": 7}
"""What the open shell can hold: of the free divalent d ion, and of the f shell, by Hund's rule."""


def hubbard_ev(numbers: Sequence[int]) -> dict[str, float]:
    """Dudarev U by element; empty for anything but oxides and fluorides.

    Args:
        numbers: atomic numbers of a crystal.
    """
    if {atomic_number(one) for one in HUBBARD_ANIONS}.isdisjoint(numbers):
        return {}
    names = sorted({symbol(int(number)) for number in numbers})
    return {name: HUBBARD_EV[name] for name in names if name in HUBBARD_EV}


def starting_moment_bohr(number: int) -> float:
    """Moment of an atom in the ferromagnetic high-spin start of an engine; 0 for elements without an open d or f shell.

    Never more than the shell holds: VASP takes what is too much back, but GPAW lost all moments of NiO from 5 μB on Ni.
    """
    name = symbol(number)
    return min(STARTING_MOMENT_BOHR.get(name, 0.0), float(_HELD_BOHR.get(name, np.inf)))


def may_be_magnetic(numbers: Sequence[int]) -> bool:
    """Whether any of these elements has an open d or f shell."""
    return any(starting_moment_bohr(int(number)) > 0 for number in numbers)


def is_magnetic(moments_bohr: Array) -> bool:
    """Whether an atom is, by the (n,) moments of all."""
    return bool(np.abs(moments_bohr).max() >= MIN_MOMENT_BOHR)
