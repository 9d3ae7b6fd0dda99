"""How far a step of GPAW is, by the parts begun and by what the program has written so far."""

from __future__ import annotations

import re
from pathlib import Path

from wyckforge.dft.engine import Progress
from wyckforge.dft.running import newest_output

_ITERATION = re.compile(r"^iter:\s+(\d+)", re.MULTILINE)


def progress(folder: Path) -> Progress | None:
    """Of the part that was begun last in the folder of a step; None where nothing can be told.

    Parts are geometries of a relaxation and displacements of atoms. How many there will be is not known before.
    """
    if (found := newest_output(folder)) is None:
        return None
    part, text = found
    rounds = _ITERATION.findall(text)
    return Progress(f"{part}: iteration {rounds[-1]}" if rounds else f"{part}: begun")
