"""Charts as SVG files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from wyckforge.report.lines import Dot, Line, curves

_STYLE = (
    "text{font:15px system-ui,sans-serif;fill:#334}.chart text{font-size:10px}.mid{text-anchor:middle}"
    ".end{text-anchor:end}.grid{stroke:#dde;fill:none}.mark{stroke:#b3403a;stroke-dasharray:5 4;fill:none}"
    ".line{stroke:#0b7a75;stroke-width:1.3;fill:none}.dot{fill:#0b7a75}"
)

KNOBS = {"cutoff_ev": "cutoff (eV)", "scf_k_spacing_per_angstrom": "spacing of the k mesh (Å⁻¹, with 2π)"}
"""Settings that a convergence study varies, and what stands below its curve."""


def whole_file(chart: Markup, title: str) -> str:
    """A chart with its title and a style of its own, as the text of an SVG file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 480" width="690"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/><text class="mid" x="345" y="20">{escape(title)}</text>'
        f'<svg y="28" width="690" height="450">{chart}</svg></svg>\n'
    )


def convergence_plot(found: Sequence[Mapping[str, Any]], knob: str, title: str) -> str:
    """Energy against a setting, relative to its best value: the highest cutoff, or the closest mesh.

    Args:
        found: records with ``value`` and ``energy_ev_per_atom``, at least one.
        knob: a key of :data:`KNOBS`.
        title: what stands above the curve.
    """
    by_value = sorted(found, key=lambda one: float(one["value"]))
    best = by_value[-1 if knob == "cutoff_ev" else 0]["energy_ev_per_atom"]
    points = [(float(one["value"]), 1000 * (one["energy_ev_per_atom"] - best)) for one in by_value]
    dots = [Dot(x, y, f"{x:g}: {y:.3f} meV/atom") for x, y in points]
    return whole_file(curves([Line(points)], KNOBS[knob], "energy (meV/atom)", dots=dots), title)
