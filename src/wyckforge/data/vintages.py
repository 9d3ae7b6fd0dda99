"""Label vintages: which database computed a label, and which of them may stand beside one another.

The same crystal has different formation energies in different years of one database, because the corrections and the
reference energies changed. A table keeps the vintage of every label. Using several together is a decision that is
made by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from wyckforge.properties import BAND_GAP, FORMATION_ENERGY

Vintage = Mapping[str, frozenset[str]]
"""Accepted sources by property name; properties not named are unrestricted."""

VINTAGES: Mapping[str, Vintage] = {
    # Formation energies with the MP2020 corrections: 99.8 % within 0.02 eV/atom on shared identifiers. The corrections
    # do not touch gaps, so gaps of older years are accepted where the newer source has none (all PBE).
    "modern": {
        FORMATION_ENERGY: frozenset({"mp_20", "mpts_52", "wbm"}),
        BAND_GAP: frozenset({"mp_20", "wbm", "aviary_mp_2020", "megnet_mp_2018"}),
    },
}


def resolve_vintage(name: str, properties: tuple[str, ...]) -> Vintage:
    """The named vintage of :data:`VINTAGES`, or the source of that name for every property."""
    return VINTAGES.get(name, {prop: frozenset({name}) for prop in properties})
