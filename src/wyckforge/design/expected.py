"""How many of a set of candidates are expected to meet the target, by what the model claims about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected hit rate.

    Attributes:
        n: candidates.
        rate: mean of the claimed probabilities.
        low: share of hits below which 2.5 % of all outcomes lie, were the claims true and independent.
        high: share of hits above which 2.5 % lie.
    """

    n: int
    rate: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def expected_hits(claimed: Sequence[float]) -> Expected | None:
    """The hit rate that n claimed probabilities lead one to expect; ``None`` for none of them.

    The number of hits follows the Poisson binomial distribution; the interval is that of its central 95 %.
    """
    if not len(claimed):
        return None
    cumulative = np.cumsum(poisson_binomial(np.asarray(claimed, np.float64)))
    tail, n = (1 - LEVEL) / 2, len(claimed)
    low, high = (int(np.searchsorted(cumulative, share - 1e-12)) for share in (tail, 1 - tail))
    return Expected(n, float(np.mean(claimed)), min(low, n) / n, min(high, n) / n)


def poisson_binomial(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n + 1,) probabilities of 0 to n successes in n independent trials with these chances."""
    found = np.ones(1)
    for chance in chances:
        found = np.append(found * (1 - chance), 0.0) + np.append(0.0, found * chance)
    return found
