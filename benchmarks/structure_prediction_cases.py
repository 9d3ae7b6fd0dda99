"""The known crystals that ``structure_prediction.py`` looks for: small cells, many systems and structure types."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A known crystal, and what is told of it.

    Attributes:
        id: in the shared structures.
        name: of the structure type or mineral.
        formula: told.
        z: told: formula units in the conventional cell.
        space_group: told.
    """

    id: str
    name: str
    formula: str
    z: int
    space_group: int


CASES = (
    Case("mp-22862", "rock salt", "NaCl", 4, 225),
    Case("mp-2741", "fluorite", "CaF2", 4, 225),
    Case("mp-2657", "rutile", "TiO2", 2, 136),
    Case("mp-804", "wurtzite", "GaN", 2, 186),
    Case("mp-6930", "quartz, low", "SiO2", 3, 154),
    Case("mp-1143", "corundum", "Al2O3", 6, 167),
    Case("mp-2815", "molybdenite", "MoS2", 2, 194),
    Case("mp-22526", "α-NaFeO₂", "LiCoO2", 3, 166),
    Case("mp-4820", "zircon", "ZrSiO4", 4, 141),
    Case("mp-4019", "perovskite", "CaTiO3", 4, 62),
    Case("mp-3536", "spinel", "MgAl2O4", 8, 227),
    Case("mp-2895", "olivine", "Mg2SiO4", 4, 62),
)
