"""Known phases from the Materials Project, for whoever has a key."""

from __future__ import annotations

import os
import re
from itertools import combinations

from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.realise.phases import Phase

KEY = "MP_API_KEY"
"""Environment variable with the key."""

NEAR_HULL_EV_PER_ATOM = 0.02
"""Phases that lie higher above the hull of the Materials Project are left out; elements are all kept."""


def fetch(system: str) -> list[Phase]:
    """The phases of a chemical system and of all systems within it.

    Args:
        system: elements joined by ``-``, ``Li-Fe-O``.

    Raises:
        ConfigError: that is no chemical system, or there is no key.
        WyckforgeError: the Materials Project did not answer, or refused the key.
    """
    from pymatgen.ext.matproj import MPRester, MPRestError

    from wyckforge.data.readers import rows_from_objects

    systems = subsystems(system)
    if not (key := os.environ.get(KEY)):
        raise ConfigError(
            f"{KEY} is not set; put the key that https://materialsproject.org/dashboard shows you into that variable"
        )
    try:
        with MPRester(key) as rester:
            fields = ["material_id", "structure", "energy_above_hull", "nelements"]
            found = rester.get_summary({"chemsys": ",".join(systems)}, fields=fields)
    except ValueError as error:
        raise ConfigError(f"the key in {KEY} is refused: {error}") from error
    except MPRestError as error:
        reason = str(error).splitlines()[0][:200]
        raise WyckforgeError(
            f"the Materials Project did not give {system} ({reason}); check the network and the key in {KEY}, or give "
            "structures as files"
        ) from error
    near = [one for one in found if one["nelements"] == 1 or one["energy_above_hull"] <= NEAR_HULL_EV_PER_ATOM]
    rows = rows_from_objects([one["structure"] for one in near], ids=[str(one["material_id"]) for one in near])
    return [Phase(row.id, row.crystal) for row in rows if row.crystal is not None]


def subsystems(system: str) -> list[str]:
    """All chemical systems within one, itself last: ``Li-O`` gives ``Li``, ``O`` and ``Li-O``.

    Raises:
        ConfigError: it is none.
    """
    elements = sorted(set(system.split("-")))
    if not all(re.fullmatch(r"[A-Z][a-z]?", element) for element in elements):
        raise ConfigError(f"chemical system {system!r} given; write elements joined by '-', like Li-Fe-O")
    return ["-".join(part) for size in range(1, len(elements) + 1) for part in combinations(elements, size)]
