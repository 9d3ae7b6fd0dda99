"""Phonon dispersions, from the records of ``wyckforge phonon``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wyckforge.report.lines import Line, lines
from wyckforge.report.plot import whole_file
from wyckforge.report.typography import zone_label

_UNTOUCHED = 0.5
"""cm⁻¹: so little below zero is rounding, and shall not look like an instability."""


def dispersion_plot(study: Mapping[str, Any], title: str) -> str:
    """Frequencies along the path through the Brillouin zone, imaginary ones below zero, as a whole SVG file.

    Args:
        study: one of the ``studies`` of a record, with a dispersion.
        title: what stands above the plot.
    """
    curves: list[Line] = []
    places: list[tuple[float, str]] = []
    at, end = 0.0, ""
    for segment in study["dispersion"]:
        first, last = (zone_label(name) for name in segment["labels"])
        places = [*places[:-1], (at, first if end in ("", first) else f"{end}|{first}")]
        shifted = [at + distance for distance in segment["distances"]]
        for band in zip(*segment["frequencies_per_cm"], strict=True):
            heights = (0.0 if -_UNTOUCHED < value < 0 else value for value in band)
            curves.append(Line(list(zip(shifted, heights, strict=True))))
        at, end = shifted[-1], last
        places.append((at, end))
    chart = lines(curves, places, "frequency (cm⁻¹), imaginary below zero")
    return whole_file(chart, title)
