"""Rates in words, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wyckforge.evaluate.metrics import Rate, wilson_interval

Bounds = tuple[float, float]


def rate(outcomes: Sequence[bool]) -> str:
    """``92 of 100, 92 % [85, 96]``, with the Wilson interval; a dash for none."""
    of = Rate(sum(outcomes), len(outcomes))
    if of.value is None or of.interval is None:
        return "–"
    low, high = of.interval
    return f"{of.hits} of {of.n}, {100 * of.value:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def count(of: Rate, interval: Bounds | None = None) -> str:
    """``92 of 100 (85 to 96 %)``, with the Wilson interval unless another is given; a dash for none."""
    bounds = interval or of.interval
    return "–" if bounds is None else f"{of.hits} of {of.n} ({100 * bounds[0]:.0f} to {100 * bounds[1]:.0f} %)"


def percent(of: Rate, interval: Bounds | None = None) -> str:
    """``92.0 (85.0 to 95.9)``, with the Wilson interval unless another is given; a dash for none."""
    bounds = interval or of.interval
    if of.value is None or bounds is None:
        return "–"
    return f"{100 * of.value:.1f} ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"


def per(of: Rate, factor: int = 100) -> str:
    """``92.0 (85.0–95.9)`` of a hundred, or of another factor, with the Wilson interval."""
    low, high = of.interval or (0.0, 1.0)
    return f"{factor * (of.value or 0):.1f} ({factor * low:.1f}–{factor * high:.1f})"


def percent_of_n(of: Mapping[str, Any]) -> str:
    """``95.3 (94.2 to 96.1; n = 1,860)`` of what :meth:`Rate.to_dict` gives; a dash for none."""
    if of["value"] is None:
        return "–"
    low, high = of["interval"]
    return f"{100 * of['value']:.1f} ({100 * low:.1f} to {100 * high:.1f}; n = {of['n']:,})"


def bracketed(of: Mapping[str, Any]) -> str:
    """``92.1 % [90.3, 93.6]`` of what :meth:`Rate.to_dict` gives; a dash for none."""
    if of["value"] is None:
        return "–"
    low, high = of["interval"]
    return f"{100 * of['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def clustered(hits: Sequence[int], n: Sequence[int]) -> Bounds:
    """The interval of a rate over tries that come in groups, by a bootstrap over the groups.

    Tries of one compound or gene succeed and fail together; a Wilson interval would take each for a witness of its own.
    Where none or all succeed a bootstrap knows no doubt: there it is the Wilson interval of as many tries as groups.

    Args:
        hits: of every group.
        n: tries of every group, at least one each.
    """
    if sum(hits) in (0, sum(n)):
        return wilson_interval(len(n) if sum(hits) else 0, len(n))
    of = np.array([hits, n], float)
    drawn = np.random.default_rng(0).integers(of.shape[1], size=(2000, of.shape[1]))
    found, tried = of[:, drawn].sum(-1)
    low, high = np.quantile(found / tried, [0.025, 0.975])
    return float(low), float(high)
