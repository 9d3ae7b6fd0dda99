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

_MP2020 = frozenset({"mp_20", "mpts_52", "wbm"})
"""Formation energies with the MP2020 corrections: 99.8 % within 0.02 eV/atom on shared identifiers."""

_OLDER = frozenset({"aviary_mp_2020", "megnet_mp_2018"})

VINTAGES: Mapping[str, Vintage] = {
    # mpts_52 has no gaps of its own; older PBE gaps stand in (the corrections concern energies only). Against gaps of
    # 2018, those of mp_20 lie within 0.1 eV for 87 % of 8,196 crystals, and 91 % agree on metal or not.
    "modern": {
        FORMATION_ENERGY: _MP2020,
        BAND_GAP: frozenset({"mp_20", "wbm"}) | _OLDER,
    },
    "modern_strict": {FORMATION_ENERGY: _MP2020, BAND_GAP: frozenset({"mp_20", "wbm"})},
    # more crystals for labels that disagree: against mp_20, the older energies are off by 0.25 eV/atom in one of twenty
    "all": {FORMATION_ENERGY: _MP2020 | _OLDER, BAND_GAP: frozenset({"mp_20", "wbm"}) | _OLDER},
}


def resolve_vintage(name: str, properties: tuple[str, ...]) -> Vintage:
    """The named vintage of :data:`VINTAGES`, or the source of that name for every property."""
    return VINTAGES.get(name, {prop: frozenset({name}) for prop in properties})
