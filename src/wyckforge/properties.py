"""Names, labels and units of the properties wyckforge knows by itself; any other column can be a property too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Property:
    """A quantity a table can hold and a model can learn.

    Attributes:
        name: column name and command-line spelling, ``band_gap``.
        label: text for people, ``Band gap``.
        unit: ``eV``; empty where unknown or dimensionless.
        non_negative: whether a value below zero cannot be right.
        usual: size that the median of a large table can be expected to have, without sign; ``None`` where unknown.
    """

    name: str
    label: str
    unit: str
    non_negative: bool = False
    usual: tuple[float, float] | None = None

    @property
    def in_a_sentence(self) -> str:
        """Label as it stands within a sentence."""
        return self.label if self.label.startswith("Debye") else self.label[:1].lower() + self.label[1:]

    @property
    def axis_label(self) -> str:
        """Label with its unit, for plots and tables."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_KNOWN = (
    Property("formation_energy", "Formation energy", "eV/atom", usual=(0.02, 6)),
    Property("band_gap", "Band gap", "eV", non_negative=True, usual=(0.02, 12)),
    Property("energy_above_hull", "Energy above hull", "eV/atom"),
    Property("bulk_modulus", "Bulk modulus", "GPa", non_negative=True, usual=(3, 600)),
    Property("shear_modulus", "Shear modulus", "GPa", non_negative=True, usual=(1, 600)),
    Property("debye_temperature", "Debye temperature", "K", non_negative=True, usual=(40, 2500)),
    Property("thermal_conductivity", "Thermal conductivity (300 K)", "W/(m K)", non_negative=True, usual=(0.05, 500)),
    Property("thermal_expansion", "Thermal expansion (300 K)", "1/K", usual=(1e-6, 1e-3)),
)
KNOWN = {known.name: known for known in _KNOWN}
FORMATION_ENERGY = "formation_energy"
BAND_GAP = "band_gap"
LARGEST = 1e30
"""Magnitude that no value of a property reaches, in whatever unit."""


def describe(name: str) -> Property:
    """The known property of that name, or a plain one made from the column name."""
    return KNOWN.get(name, Property(name, name.replace("_", " ").capitalize(), ""))
