"""Charts of lines: along a path, over two plain axes, and sticks that stand for levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from wyckforge.report.axes import CHART, Axis, Frame


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y) of a line and its look.

    ``line``; ``line second``, another channel; ``line other`` and ``line third`` beside it; ``area``, filled.
    """

    points: Sequence[tuple[float, float]]
    look: str = "line"


@dataclass(frozen=True, slots=True)
class Dot:
    """A point on a line: position, hover text, and its look: ``kept``, ``other``, ``third`` or ``edge``."""

    x: float
    y: float
    text: str = ""
    look: str = "kept"
    size: float = 2.5


@dataclass(frozen=True, slots=True)
class Stick:
    """A level: where it lies, how high it stands, its hover text and its look."""

    x: float
    height: float
    text: str
    look: str = "stick"


def lines(
    curves: Iterable[Line],
    places: Sequence[tuple[float, str]],
    y_label: str,
    y_range: tuple[float, float] | None = None,
    dots: Sequence[Dot] = (),
    frame: Frame = CHART,
) -> Markup:
    """Lines over a horizontal axis on which some places have names, and a dashed line at zero.

    Args:
        curves: the lines.
        places: x and name of every named place, ascending; at least two, the first and the last being the ends.
        y_label: label of the vertical axis, with its unit.
        y_range: what is shown; left out, all that is there.
        dots: points to be marked.
        frame: size and margins.

    Returns:
        An ``<svg>`` element.
    """
    curves = list(curves)
    x_axis = frame.across(places[0][0], places[-1][0])
    y_axis = frame.up(*y_range) if y_range else frame.vertical([0.0, *(y for curve in curves for _, y in curve.points)])
    parts = [f'<path class="mark" d="M{frame.left:g} {y_axis(0):.1f}H{frame.wall:g}"/>']
    for x, name in places:
        parts.append(f'<path class="grid" d="M{x_axis(x):.1f} {frame.top:g}V{frame.floor:g}"/>')
        parts.append(f'<text class="tick mid" x="{x_axis(x):.1f}" y="{frame.floor + 17:g}">{escape(name)}</text>')
    parts.append(frame.inside(_paths(curves, x_axis, y_axis)))
    parts += [_dot(dot, x_axis, y_axis) for dot in dots]
    return frame.around(x_axis, y_axis, "", y_label, parts, x_ticks=False)


def curves(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    dots: Sequence[Dot] = (),
    frame: Frame = CHART,
) -> Markup:
    """Lines and dots over two plain axes, and a dashed line at zero where that is inside.

    Args:
        lines: at least one.
        x_label: label of the horizontal axis, with its unit.
        y_label: label of the vertical axis, with its unit; without one it has no numbers either.
        x_range: what is shown; left out, all that is there.
        y_range: likewise.
        dots: points that the lines were made for.
        frame: size and margins.

    Returns:
        An ``<svg>`` element.
    """
    points = [*((dot.x, dot.y) for dot in dots), *(point for one in lines for point in one.points)]
    x_axis = frame.across(*x_range) if x_range else frame.horizontal(x for x, _ in points)
    y_axis = frame.up(*y_range) if y_range else frame.vertical(y for _, y in points)
    parts = []
    if y_axis.low <= 0 <= y_axis.high:
        parts.append(f'<path class="mark" d="M{frame.left:g} {y_axis(0):.1f}H{frame.wall:g}"/>')
    inside = _paths(lines, x_axis, y_axis) + "".join(_dot(dot, x_axis, y_axis) for dot in dots)
    return frame.around(x_axis, y_axis, x_label, y_label, [*parts, frame.inside(inside)])


def sticks(levels: Sequence[Stick], x_label: str, y_label: str, frame: Frame = CHART) -> Markup:
    """Levels as sticks that stand on the line at zero.

    Args:
        levels: at least one.
        x_label: label of the horizontal axis, with its unit.
        y_label: label of the vertical axis.
        frame: size and margins.

    Returns:
        An ``<svg>`` element.
    """
    x_axis = frame.horizontal([0.0, *(one.x for one in levels)])
    y_axis = frame.up(0.0, 1.15 * max(one.height for one in levels))
    parts = [f'<path class="base" d="M{frame.left:g} {y_axis(0):.1f}H{frame.wall:g}"/>']
    parts += [
        f'<path class="{one.look}" d="M{x_axis(one.x):.1f} {y_axis(0):.1f}V{y_axis(one.height):.1f}">'
        f"<title>{escape(one.text)}</title></path>"
        for one in levels
    ]
    return frame.around(x_axis, y_axis, x_label, y_label, parts, whole_y=True)


def _paths(lines: Iterable[Line], x_axis: Axis, y_axis: Axis) -> str:
    return "".join(
        f'<path class="{one.look}" d="M{"L".join(f"{x_axis(x):.1f} {y_axis(y):.1f}" for x, y in one.points)}"/>'
        for one in lines
    )


def _dot(dot: Dot, x_axis: Axis, y_axis: Axis) -> str:
    place = f'cx="{x_axis(dot.x):.1f}" cy="{y_axis(dot.y):.1f}" r="{dot.size:g}"'
    return f'<circle class="dot {dot.look}" {place}>{f"<title>{escape(dot.text)}</title>" if dot.text else ""}</circle>'
