"""Rates in words."""

from __future__ import annotations

from collections.abc import Sequence

from wyckforge.evaluate.metrics import wilson_interval


def rate(outcomes: Sequence[bool]) -> str:
    """``92 of 100, 92 % [85, 96]``, with the 95 % Wilson interval; a dash for none."""
    if not outcomes:
        return "–"
    hits, n = sum(outcomes), len(outcomes)
    low, high = wilson_interval(hits, n)
    return f"{hits} of {n}, {100 * hits / n:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
