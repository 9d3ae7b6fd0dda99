"""Axes of the charts: round ticks, and the grid and labels around what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Axis:
    """Where values lie in a picture.

    Attributes:
        low: value at ``start``.
        high: value at ``end``.
        start: in the units of the picture.
        end: likewise; below ``start`` for an axis that points up.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def clip(self, value: float) -> float:
        """The place of a value, or the end of the axis that it lies beyond."""
        return self(min(max(value, self.low), self.high))

    @property
    def ticks(self) -> list[float]:
        """Round numbers on the axis, four to ten of them."""
        step = round_step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and the margins of what is drawn in it."""

    width: float = 460.0
    height: float = 300.0
    left: float = 56.0
    right: float = 14.0
    top: float = 14.0
    bottom: float = 46.0

    @property
    def floor(self) -> float:
        """Where the vertical axis begins."""
        return self.height - self.bottom

    @property
    def wall(self) -> float:
        """Where the horizontal axis ends."""
        return self.width - self.right

    def across(self, low: float, high: float) -> Axis:
        """The horizontal axis between two values."""
        return Axis(low, high, self.left, self.wall)

    def up(self, low: float, high: float) -> Axis:
        """The vertical axis between two values."""
        return Axis(low, high, self.floor, self.top)

    def horizontal(self, values: Iterable[float]) -> Axis:
        """The horizontal axis that shows all values, with room beside them."""
        return self.across(*_bounds(values))

    def vertical(self, values: Iterable[float]) -> Axis:
        """The vertical axis that shows all values, with room beside them."""
        return self.up(*_bounds(values))

    def inside(self, parts: str) -> str:
        """What is drawn, cut off where the frame ends."""
        width, height = self.wall - self.left, self.floor - self.top
        shift = f'<g transform="translate({-self.left:g} {-self.top:g})">'
        # a nested picture hides what reaches beyond its edges
        return f'<svg x="{self.left:g}" y="{self.top:g}" width="{width:g}" height="{height:g}">{shift}{parts}</g></svg>'

    def around(
        self,
        x_axis: Axis,
        y_axis: Axis,
        x_label: str,
        y_label: str,
        parts: Sequence[str],
        *,
        whole_y: bool = False,
        x_ticks: bool = True,
    ) -> Markup:
        """Grid, ticks and labels around the drawn parts; numbers only on a vertical axis that has a label."""
        grid = []
        for value in x_axis.ticks if x_ticks else ():
            x = x_axis(value)
            grid.append(f'<path class="grid" d="M{x:.1f} {self.top:g}V{self.floor:g}"/>')
            grid.append(f'<text class="tick mid" x="{x:.1f}" y="{self.floor + 17:g}">{_text(value)}</text>')
        for value in y_axis.ticks:
            if whole_y and value != int(value):
                continue
            y = y_axis(value)
            grid.append(f'<path class="grid" d="M{self.left:g} {y:.1f}H{self.wall:g}"/>')
            if y_label:
                grid.append(f'<text class="tick end" x="{self.left - 8:g}" y="{y + 4:.1f}">{_text(value)}</text>')
        middle = (self.left + self.wall) / 2, (self.top + self.floor) / 2
        labels = (
            f'<text class="label mid" x="{middle[0]:g}" y="{self.height - 8:g}">{escape(x_label)}</text>'
            f'<text class="label mid" transform="translate(14 {middle[1]:g}) rotate(-90)">{escape(y_label)}</text>'
        )
        name = " against ".join(escape(label) for label in (y_label, x_label) if label)
        return Markup(
            f'<svg class="chart" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{name}">{"".join(grid)}{"".join(parts)}{labels}</svg>'
        )


CHART = Frame()
"""The usual one."""


def round_step(span: float) -> float:
    """The round step (1, 2 or 5 times a power of ten) that divides a span into four to ten parts."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(step * power for step in (5, 2, 1) if span / (step * power) > 4 - 1e-9)


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    values = list(values) or [0.0]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    return low - pad, high + pad


def _text(value: float) -> str:
    return f"{round(value, 10):g}".replace("-", "−")
