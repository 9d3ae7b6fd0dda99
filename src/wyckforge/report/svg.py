"""Charts as inline SVG: sharp on paper, small, and coloured by the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 460.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 14.0, 14.0, 46.0


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


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def clip(self, value: float) -> float:
        return self(min(max(value, self.low), self.high))

    @property
    def ticks(self) -> list[float]:
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two bounds, four to ten of them."""
    return _Axis(low, high, 0, 1).ticks


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
    x_axis = _horizontal([p.x for p in points] + [b for b in finite[:2] if math.isfinite(b)])
    y_axis = _vertical([p.y for p in points] + [b for b in finite[2:] if math.isfinite(b)])
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
    return _frame(x_axis, y_axis, x_label, y_label, parts)


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
    x_axis, y_axis = _horizontal(shown), _vertical(shown)
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
    return _frame(x_axis, y_axis, f"{scale}label, {axis_label}", f"{scale}prediction", parts)


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
    x_axis = _horizontal([x for x, _ in places])
    y_axis = _vertical([0.0, *(y for _, y in places)])
    line = "L".join(f"{x_axis(x):.1f} {y_axis(y):.1f}" for x, y in places)
    parts = [f'<path class="line" d="M{line}"/>']
    for (x, y), (given, _) in zip(places, points, strict=True):
        parts.append(
            f'<circle class="dot kept" cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="4">'
            f"<title>{given:,.0f}: {y:.4g}</title></circle>"
            f'<text class="tick mid" x="{x_axis(x):.1f}" y="{_HEIGHT - _BOTTOM + 17}">{given:,.0f}</text>'
        )
    return _frame(x_axis, y_axis, x_label, y_label, parts, x_ticks=False)


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y) of a line and its look: ``line``, ``line second`` (another channel) or ``line thin``."""

    points: Sequence[tuple[float, float]]
    look: str = "line"


def lines(
    curves: Iterable[Line],
    places: Sequence[tuple[float, str]],
    y_label: str,
    y_range: tuple[float, float] | None = None,
) -> Markup:
    """Lines over a horizontal axis on which some places have names, and a dashed line at zero.

    Args:
        curves: the lines.
        places: x and name of every named place, ascending; at least two, the first and the last being the ends.
        y_label: label of the vertical axis, with its unit.
        y_range: what is shown; left out, all that is there.

    Returns:
        An ``<svg>`` element.
    """
    curves = list(curves)
    x_axis = _Axis(places[0][0], places[-1][0], _LEFT, _WIDTH - _RIGHT)
    y_axis = _vertical([0.0, *(y for curve in curves for _, y in curve.points)])
    if y_range is not None:
        y_axis = _Axis(*y_range, _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<path class="mark" d="M{_LEFT} {y_axis(0):.1f}H{_WIDTH - _RIGHT}"/>']
    for x, name in places:
        parts.append(f'<path class="grid" d="M{x_axis(x):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="tick mid" x="{x_axis(x):.1f}" y="{_HEIGHT - _BOTTOM + 17}">{escape(name)}</text>')
    parts.append(_drawn(curves, x_axis, y_axis))
    return _frame(x_axis, y_axis, "", y_label, parts, x_ticks=False)


def curves(
    lines: Sequence[Line],
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    dots: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Lines and dots over two plain axes.

    Args:
        lines: at least one.
        x_label: label of the horizontal axis, with its unit.
        y_label: label of the vertical axis, with its unit.
        y_range: what is shown; left out, all that is there.
        dots: points that the lines were made for.

    Returns:
        An ``<svg>`` element.
    """
    points = [*dots, *(point for one in lines for point in one.points)]
    x_axis, y_axis = _horizontal([x for x, _ in points]), _vertical([y for _, y in points])
    if y_range is not None:
        y_axis = _Axis(*y_range, _HEIGHT - _BOTTOM, _TOP)
    parts = [_drawn(lines, x_axis, y_axis)]
    parts += [f'<circle class="dot kept" cx="{x_axis(x):.1f}" cy="{y_axis(y):.1f}" r="2.5"/>' for x, y in dots]
    return _frame(x_axis, y_axis, x_label, y_label, parts)


def _drawn(lines: Iterable[Line], x_axis: _Axis, y_axis: _Axis) -> str:
    """Paths, cut off where the frame ends."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    shift = f'<g transform="translate({-_LEFT} {-_TOP})">'
    paths = "".join(
        f'<path class="{one.look}" d="M{"L".join(f"{x_axis(x):.1f} {y_axis(y):.1f}" for x, y in one.points)}"/>'
        for one in lines
    )
    # a nested picture hides what reaches beyond its edges
    return f'<svg x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}">{shift}{paths}</g></svg>'


def histogram(values: Sequence[float], x_label: str, mark: float | None = None) -> Markup:
    """Histogram of finite values with a dashed line at ``mark``; bins have round edges.

    Args:
        values: what is counted.
        x_label: label of the horizontal axis, with its unit.
        mark: a threshold to show.

    Returns:
        An ``<svg>`` element.
    """
    x_axis = _horizontal([*values, *([] if mark is None else [mark])])
    width = _step((x_axis.high - x_axis.low) / 2.5)
    first = math.floor(x_axis.low / width)
    x_axis = _Axis(first * width, math.ceil(x_axis.high / width) * width, x_axis.start, x_axis.end)
    counts: dict[int, int] = {}
    for value in values:
        index = math.floor(value / width + 1e-9)
        counts[index] = counts.get(index, 0) + 1
    y_axis = _Axis(0, max(counts.values(), default=1) * 1.08, _HEIGHT - _BOTTOM, _TOP)
    parts = []
    for index, count in sorted(counts.items()):
        left, right, top = x_axis(index * width), x_axis((index + 1) * width), y_axis(count)
        parts.append(
            f'<rect class="bar" x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}" '
            f'height="{y_axis(0) - top:.1f}">'
            f"<title>{index * width:g} to {(index + 1) * width:g}: {count}</title></rect>"
        )
    if mark is not None:
        parts.append(f'<path class="mark" d="M{x_axis(mark):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
    return _frame(x_axis, y_axis, x_label, "Candidates", parts, whole_y=True)


def bars(rows: Sequence[Bar], *, width: float = 2 * _WIDTH, note_width: float = 0.0) -> Markup:
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


def _step(span: float) -> float:
    """The round step (1, 2 or 5 times a power of ten) that divides a span into four to ten parts."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(step * power for step in (5, 2, 1) if span / (step * power) > 4 - 1e-9)


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    values = list(values) or [0.0]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - pad, high + pad


def _horizontal(values: Iterable[float]) -> _Axis:
    return _Axis(*_bounds(values), _LEFT, _WIDTH - _RIGHT)


def _vertical(values: Iterable[float]) -> _Axis:
    return _Axis(*_bounds(values), _HEIGHT - _BOTTOM, _TOP)


def _frame(
    x_axis: _Axis,
    y_axis: _Axis,
    x_label: str,
    y_label: str,
    parts: list[str],
    *,
    whole_y: bool = False,
    x_ticks: bool = True,
) -> Markup:
    """Grid, ticks and labels around the drawn parts."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    grid = []
    for value in x_axis.ticks if x_ticks else ():
        x = x_axis(value)
        grid.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        grid.append(f'<text class="tick mid" x="{x:.1f}" y="{bottom + 17}">{_text(value)}</text>')
    for value in y_axis.ticks:
        if whole_y and value != int(value):
            continue
        y = y_axis(value)
        grid.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>')
        grid.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4:.1f}">{_text(value)}</text>')
    labels = (
        f'<text class="label mid" x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}">{escape(x_label)}</text>'
        f'<text class="label mid" transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)">{escape(y_label)}</text>'
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{escape(y_label)} against {escape(x_label)}">{"".join(grid)}{"".join(parts)}{labels}</svg>'
    )


def _text(value: float) -> str:
    return f"{round(value, 10):g}".replace("-", "−")
