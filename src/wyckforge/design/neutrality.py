"""Charge neutrality of a formula by SMACT oxidation states."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from wyckforge.symmetry.elements import symbol

if TYPE_CHECKING:
    from wyckforge.design.config import OxidationStates

Composition = tuple[tuple[int, int], ...]


@lru_cache(maxsize=100_000)
def is_neutral(
    composition: Composition, *, oxidation_states: OxidationStates = "icsd24", pauling: bool = True, alloys: bool = True
) -> bool:
    """Whether some choice of one oxidation state per element makes the formula neutral.

    Source: SMACT (Davies et al., J. Open Source Softw. 4, 1361 (2019)), ``smact_validity``. An element without any
    state in the set makes the answer no; it never falls back to another set.

    Args:
        composition: ``(atomic number, atoms in the formula unit)`` pairs.
        oxidation_states: SMACT's name of the set.
        pauling: demand also that no anion is less electronegative than a cation.
        alloys: count compounds of metals only as neutral.
    """
    from smact.screening import smact_validity

    formula = "".join(f"{symbol(number)}{count}" for number, count in composition)
    return bool(
        smact_validity(formula, use_pauling_test=pauling, include_alloys=alloys, oxidation_states_set=oxidation_states)
    )


def tool(oxidation_states: OxidationStates) -> str:
    """Name and version of what decides, with the set: ``SMACT 4.0.2, icsd24``."""
    return f"SMACT {version('SMACT')}, {oxidation_states}"
