"""How far a step of Quantum ESPRESSO is, by what its programs have written so far."""

from __future__ import annotations

import re
from pathlib import Path

from wyckforge.dft.engine import Progress
from wyckforge.dft.running import newest_output

_KPT = re.compile(r"Computing kpt #:\s*(\d+)\s+of\s+(\d+)")
_REPRESENTATION = re.compile(r"Representation #\s*(\d+)")
_REPRESENTATIONS = re.compile(r"There are\s+(\d+)\s+irreducible representations")
_ITERATION = re.compile(r"iter(?:ation)? #\s*(\d+)")
_PRESSURE = re.compile(r"\(kbar\)\s+P=\s*(-?[\d.]+)")


def progress(folder: Path) -> Progress | None:
    """Of the program that wrote last in the folder of a step; None where nothing can be told.

    Geometries of a relaxation, iterations of a field, k points of bands, representations of a response: only the last
    two have a known end.
    """
    if (found := newest_output(folder)) is None:
        return None
    part, text = found
    if points := _KPT.findall(text):
        at, of = map(int, points[-1])
        return Progress(f"k point {at} of {of}", at / of)
    rounds = _ITERATION.findall(text)
    if (done := _REPRESENTATION.findall(text)) and (of_all := _REPRESENTATIONS.search(text)):
        at, of = int(done[-1]), int(of_all[1])
        return Progress(f"representation {at} of {of}, iteration {rounds[-1] if rounds else 0}", (at - 1) / of)
    if pressures := _PRESSURE.findall(text):
        left = abs(float(pressures[-1])) / 10
        return Progress(f"{part}: geometry {len(pressures)} done, {left:.2f} GPa are left")
    return Progress(f"{part}: iteration {rounds[-1]}") if rounds else None
