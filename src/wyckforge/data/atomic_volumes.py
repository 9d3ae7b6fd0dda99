"""How much room an atom of each element takes in known crystals."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def atomic_volumes() -> dict[str, float]:
    """Volume in Å³ that an atom of each element takes in known crystals, by symbol.

    Non-negative least squares on relative errors over 31,000 crystals; their sum is right to 16 % for 80 % of these.
    """
    table: dict[str, float] = json.loads(files("wyckforge.data").joinpath("atomic_volumes.json").read_text())
    return table
