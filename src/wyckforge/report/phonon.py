"""Phonon dispersions, from the records of ``wyckforge phonon``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import escape

from wyckforge.report.lines import Line, lines
from wyckforge.report.typography import zone_label

_STYLE = (
    "text{font:15px system-ui,sans-serif;fill:#334}.chart text{font-size:10px}.mid{text-anchor:middle}"
    ".end{text-anchor:end}.grid{stroke:#dde;fill:none}.mark{stroke:#b3403a;stroke-dasharray:5 4;fill:none}"
    ".line{stroke:#0b7a75;stroke-width:1.3;fill:none}"
)
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 480" width="690"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/><text class="mid" x="345" y="20">{escape(title)}</text>'
        f'<svg y="28" width="690" height="450">{chart}</svg></svg>\n'
    )
