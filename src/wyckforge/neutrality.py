"""Charge neutrality of a formula by SMACT oxidation states; SMACT itself is loaded when first asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal

from wyckforge.symmetry.elements import symbol

OxidationStates = Literal["icsd24", "icsd16", "smact14", "pymatgen_sp"]
Composition = tuple[tuple[int, int], ...]


def unknown_elements(numbers: Iterable[int]) -> tuple[str, ...]:
    """Symbols of the elements that SMACT has no data for: rutherfordium and beyond."""
    return tuple(name for name in map(symbol, numbers) if name not in _known_symbols())


@lru_cache(maxsize=100_000)
def is_neutral(
    composition: Composition, *, oxidation_states: OxidationStates = "icsd24", pauling: bool = True, alloys: bool = True
) -> bool:
    """Whether some choice of one oxidation state per element makes the formula neutral.

    Source: SMACT (Davies et al., J. Open Source Softw. 4, 1361 (2019)), ``smact_validity``. An element without any
    state in the set makes the answer no, and so does one of :func:`unknown_elements`; it never falls back to another
    set.

    Args:
        composition: ``(atomic number, atoms in the formula unit)`` pairs.
        oxidation_states: SMACT's name of the set.
        pauling: demand also that no anion is less electronegative than a cation.
        alloys: count compounds of metals only as neutral.
    """
    from smact.screening import smact_validity

    if unknown_elements(number for number, _ in composition):
        return False
    formula = "".join(f"{symbol(number)}{count}" for number, count in composition)
    return bool(
        smact_validity(formula, use_pauling_test=pauling, include_alloys=alloys, oxidation_states_set=oxidation_states)
    )


@cache
def _known_symbols() -> frozenset[str]:
    from smact import element_dictionary

    return frozenset(element_dictionary())


def tool(oxidation_states: OxidationStates) -> str:
    """Name and version of what decides, with the set: ``SMACT 4.0.2, icsd24``."""
    return f"SMACT {version('SMACT')}, {oxidation_states}"
