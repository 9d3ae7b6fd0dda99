"""Reliability diagrams: claimed probabilities against how often they came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

_SIDE, _LEFT, _BOTTOM, _TOP, _GAP = 220.0, 48.0, 46.0, 30.0, 24.0
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#334}.grid{stroke:#dde;stroke-width:1}"
    ".ideal{stroke:#99a;stroke-dasharray:4 4}.bar{stroke:#0b7a75;stroke-width:1.5}"
    ".dot{fill:#0b7a75}.mid{text-anchor:middle}.end{text-anchor:end}.name{font-weight:600}"
)


def reliability_diagrams(calibrations: Mapping[str, Mapping[str, Any]]) -> str:
    """One diagram per calibration, side by side, as a whole SVG file.

    A dot is a bin: its mean claim, how often the claims came true, the 95 % interval of that, and an area that grows
    with the number of cases. On the dashed line, claims are right.

    Args:
        calibrations: :meth:`wyckforge.evaluate.metrics.Calibration.to_dict` by name; at least one.
    """
    width = len(calibrations) * (_LEFT + _SIDE + _GAP)
    diagrams = [
        f'<g transform="translate({i * (_LEFT + _SIDE + _GAP) + _LEFT:g} {_TOP:g})">{_diagram(name, found)}</g>'
        for i, (name, found) in enumerate(calibrations.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {_TOP + _SIDE + _BOTTOM:g}" '
        f'width="{width:g}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(diagrams)}</svg>\n"
    )


def _diagram(name: str, found: Mapping[str, Any]) -> str:
    error = found["expected_calibration_error"]
    title = name if error is None else f"{name}, off by {error:.3f}"
    parts = [f'<text class="name mid" x="{_SIDE / 2:g}" y="-12">{escape(title)}</text>']
    for tenth in range(0, 11, 2):
        at = tenth / 10 * _SIDE
        parts.append(f'<path class="grid" d="M{at:g} 0V{_SIDE:g}M0 {at:g}H{_SIDE:g}"/>')
        parts.append(f'<text class="mid" x="{at:g}" y="{_SIDE + 16:g}">{tenth / 10:g}</text>')
        parts.append(f'<text class="end" x="-6" y="{_SIDE - at + 4:g}">{tenth / 10:g}</text>')
    parts.append(f'<path class="ideal" d="M0 {_SIDE:g}L{_SIDE:g} 0"/>')
    parts.append(f'<text class="mid" x="{_SIDE / 2:g}" y="{_SIDE + 36:g}">claimed (n {found["n"]:,})</text>')
    middle = _SIDE / 2
    parts.append(f'<text class="mid" transform="translate(-34 {middle:g}) rotate(-90)">achieved</text>')
    return "".join([*parts, *_dots(found["bins"], found["n"])])


def _dots(bins: Sequence[Mapping[str, Any]], n: int) -> list[str]:
    dots = []
    for one in bins:
        low, high = (_SIDE * (1 - bound) for bound in one["achieved"]["interval"])
        x, y = _SIDE * one["claimed"], _SIDE * (1 - one["achieved"]["value"])
        radius = 3 + 7 * (one["achieved"]["n"] / n) ** 0.5
        words = f"claimed {one['claimed']:.3f}, achieved {one['achieved']['hits']} of {one['achieved']['n']}"
        dots.append(
            f'<path class="bar" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{words}</title></circle>'
        )
    return dots
