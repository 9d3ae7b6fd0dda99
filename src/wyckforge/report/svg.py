"""Charts as inline SVG: sharp on paper, small, and coloured by the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from wyckforge.report.axes import CHART, Axis, round_step


@dataclass(frozen=True, slots=True)
class Point:
    """A dot of a scatter plot: position, hover text, and the anchor that a click leads to."""

    x: float
    y: float
    text: str
    link: str = ""
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled count; ``note`` stands behind it in small type."""

    label: str
    count: int
    note: str = ""


def scatter(
    points: Sequence[Point],
    x_label: str,
    y_label: str,
    box: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Markup:
    """Scatter plot with the target as a shaded box.

    Args:
        points: the dots; those with ``kept=False`` are drawn faintly beneath the others.
        x_label: label of the horizontal axis, with its unit.
        y_label: label of the vertical axis, with its unit.
        box: target interval of x and of y; infinite bounds reach the frame.

    Returns:
        An ``<svg>`` element.
    """
    finite = [bound for pair in (box or ()) for bound in pair]
    x_axis = CHART.horizontal([p.x for p in points] + [b for b in finite[:2] if math.isfinite(b)])
    y_axis = CHART.vertical([p.y for p in points] + [b for b in finite[2:] if math.isfinite(b)])
    parts = []
    if box is not None:
        (x_low, x_high), (y_low, y_high) = box
        left, right = x_axis.clip(x_low), x_axis.clip(x_high)
        top, bottom = y_axis.clip(y_high), y_axis.clip(y_low)
        parts.append(
            f'<rect class="target" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}"><title>target</title></rect>'
        )
    for point in sorted(points, key=lambda p: p.kept):
        dot = (
            f'<circle class="dot {"kept" if point.kept else "lost"}" cx="{x_axis(point.x):.1f}" '
            f'cy="{y_axis(point.y):.1f}" r="{5 if point.kept else 3}"><title>{escape(point.text)}</title></circle>'
        )
        parts.append(f'<a href="#{escape(point.link)}">{dot}</a>' if point.link else dot)
    return CHART.around(x_axis, y_axis, x_label, y_label, parts)


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction with its interval beside the label."""

    label: float
    value: float
    low: float
    high: float
    text: str


def parity(points: Sequence[Judged], axis_label: str, *, logarithmic: bool = False) -> Markup:
    """Predictions with their intervals against labels, and the line on which both agree.

    Args:
        points: at least one.
        axis_label: name of the property with its unit.
        logarithmic: whether both axes show decimal logarithms; all labels and values are positive then.

    Returns:
        An ``<svg>`` element.
    """
    turn = (lambda v: math.log10(max(v, 1e-12))) if logarithmic else float
    shown = [turn(v) for point in points for v in (point.label, point.value)]
    x_axis, y_axis = CHART.horizontal(shown), CHART.vertical(shown)
    low, high = x_axis.low, x_axis.high
    parts = [f'<path class="mark" d="M{x_axis(low):.1f} {y_axis(low):.1f}L{x_axis(high):.1f} {y_axis(high):.1f}"/>']
    for point in points:
        x = x_axis(turn(point.label))
        top, bottom = (y_axis.clip(turn(v)) for v in (point.high, point.low))
        parts.append(f'<path class="interval" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')
    for point in points:
        parts.append(
            f'<circle class="dot kept" cx="{x_axis(turn(point.label)):.1f}" cy="{y_axis(turn(point.value)):.1f}" '
            f'r="2.5"><title>{escape(point.text)}</title></circle>'
        )
    scale = "log₁₀ of " if logarithmic else ""
    return CHART.around(x_axis, y_axis, f"{scale}label, {axis_label}", f"{scale}prediction", parts)


def curve(points: Sequence[tuple[float, float]], x_label: str, y_label: str) -> Markup:
    """A line through points, with logarithmic horizontal spacing.

    Args:
        points: (x, y) with positive x, ascending; at least one.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis, with its unit.

    Returns:
        An ``<svg>`` element.
    """
    places = [(math.log2(x), y) for x, y in points]
    x_axis = CHART.horizontal([x for x, _ in places])
    y_axis = CHART.vertical([0.0, *(y for _, y in places)])
    line = "L".join(f"{x_axis(x):.1f} {y_axis(y):.1f}" for x, y in places)
    parts = [f'<path class="line" d="M{line}"/>']
    for (x, y), (given, _) in zip(places, points, strict=True):
        parts.append(
            f'<circle class="dot kept" cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="4">'
            f"<title>{given:,.0f}: {y:.4g}</title></circle>"
            f'<text class="tick mid" x="{x_axis(x):.1f}" y="{CHART.floor + 17}">{given:,.0f}</text>'
        )
    return CHART.around(x_axis, y_axis, x_label, y_label, parts, x_ticks=False)


def histogram(values: Sequence[float], x_label: str, mark: float | None = None) -> Markup:
    """Histogram of finite values with a dashed line at ``mark``; bins have round edges.

    Args:
        values: what is counted.
        x_label: label of the horizontal axis, with its unit.
        mark: a threshold to show.

    Returns:
        An ``<svg>`` element.
    """
    x_axis = CHART.horizontal([*values, *([] if mark is None else [mark])])
    width = round_step((x_axis.high - x_axis.low) / 2.5)
    first = math.floor(x_axis.low / width)
    x_axis = Axis(first * width, math.ceil(x_axis.high / width) * width, x_axis.start, x_axis.end)
    counts: dict[int, int] = {}
    for value in values:
        index = math.floor(value / width + 1e-9)
        counts[index] = counts.get(index, 0) + 1
    y_axis = Axis(0, max(counts.values(), default=1) * 1.08, CHART.floor, CHART.top)
    parts = []
    for index, count in sorted(counts.items()):
        left, right, top = x_axis(index * width), x_axis((index + 1) * width), y_axis(count)
        parts.append(
            f'<rect class="bar" x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}" '
            f'height="{y_axis(0) - top:.1f}">'
            f"<title>{index * width:g} to {(index + 1) * width:g}: {count}</title></rect>"
        )
    if mark is not None:
        parts.append(f'<path class="mark" d="M{x_axis(mark):.1f} {CHART.top}V{CHART.floor}"/>')
    return CHART.around(x_axis, y_axis, x_label, "Candidates", parts, whole_y=True)


def bars(rows: Sequence[Bar], *, width: float = 2 * CHART.width, note_width: float = 0.0) -> Markup:
    """Horizontal bars, one per row, with the count at the end: a funnel or a ranking of categories.

    Args:
        rows: at least one bar.
        width: of the chart, in the units its text is 14 high in.
        note_width: room kept for the notes behind the counts.

    Returns:
        An ``<svg>`` element.
    """
    label_width = 7.4 * max(len(row.label) for row in rows) + 16
    room = width - label_width - note_width - 60
    largest = max(max(row.count for row in rows), 1)
    step = 26.0
    parts = []
    for index, row in enumerate(rows):
        y, length = index * step, max(room * row.count / largest, 1.0)
        note = f'<tspan class="note" dx="8">{escape(row.note)}</tspan>' if row.note else ""
        parts.append(
            f'<text class="name" x="{label_width - 10:g}" y="{y + 17:g}">{escape(row.label)}</text>'
            f'<rect class="bar" x="{label_width:g}" y="{y + 4:g}" width="{length:.1f}" height="{step - 8:g}" rx="2"/>'
            f'<text class="count" x="{label_width + length + 8:.1f}" y="{y + 17:g}">{row.count:,}{note}</text>'
        )
    return Markup(f'<svg class="chart bars" viewBox="0 0 {width:g} {step * len(rows):g}">{"".join(parts)}</svg>')
