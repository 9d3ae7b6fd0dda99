"""Which elements may be magnetic, where calculations begin, and which shells get a Hubbard U."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wyckforge.potential.contract import Array
from wyckforge.symmetry.elements import atomic_number, symbol

MIN_MOMENT_BOHR = 0.15
"""A crystal is magnetic when an atom keeps at least this moment (the paper's threshold)."""

HUBBARD_EV = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Mo": 4.38, "Ni": 6.2, "V": 3.25, "W": 6.2}
"""Dudarev U of d shells in oxides and fluorides, as the Materials Project fitted them."""

_ANIONS = frozenset({atomic_number("O"), atomic_number("F")})

_WIDE = ("Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt")

_OPEN_D_BOHR = {"Ti": 2, "V": 3, "Cr": 4, "Mn": 5, "Fe": 4, "Co": 3, "Ni": 2, "Cu": 1} | dict.fromkeys(_WIDE, 2)
"""Moments to start from: of free divalent 3d ions by Hund's rule, and lower ones for the wide 4d and 5d shells."""

_OPEN_F = frozenset(range(58, 71)) | frozenset(range(91, 103))


def hubbard_ev(numbers: Sequence[int]) -> dict[str, float]:
    """Dudarev U by element; empty for anything but oxides and fluorides.

    Args:
        numbers: atomic numbers of a crystal.
    """
    if _ANIONS.isdisjoint(numbers):
        return {}
    names = sorted({symbol(int(number)) for number in numbers})
    return {name: HUBBARD_EV[name] for name in names if name in HUBBARD_EV}


def starting_moment_bohr(number: int) -> float:
    """Moment of an atom in the ferromagnetic high-spin start; 0 for elements without an open d or f shell."""
    return 7.0 if number in _OPEN_F else float(_OPEN_D_BOHR.get(symbol(number), 0))


def may_be_magnetic(numbers: Sequence[int]) -> bool:
    """Whether any of these elements has an open d or f shell."""
    return any(starting_moment_bohr(int(number)) > 0 for number in numbers)


def is_magnetic(site_moments_bohr: Array) -> bool:
    """Whether an atom keeps a moment that counts, :data:`MIN_MOMENT_BOHR` or more.

    Args:
        site_moments_bohr: (n,) of the atoms.
    """
    return bool(np.abs(site_moments_bohr).max() >= MIN_MOMENT_BOHR)
