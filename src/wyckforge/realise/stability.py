"""How probable it is that DFT finds a crystal stable, by how high above their hulls potentials see it.

A logistic regression for each set of potentials and each limit, fitted by ``benchmarks/hull.py`` on crystals that the
potentials have not learned from. The energy above hull of each potential enters with its part below zero, with its part
above, each up to where more of it tells no more, and with the side of the hull that it is on. No weight is positive:
what lies higher is never more probably stable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.records import Evidence, Verdict

BUNDLED = "stability.json"

STABLE = "stable"
"""Stage of the evidence: the probability that DFT puts the crystal within 0.1 eV/atom of its hull."""

LIMITS = (0.1, 0.0)
"""What counts as stable, in eV/atom above the hull; the first is the value of the evidence."""

LOWEST, HIGHEST = -0.3, 0.5
"""Energies above hull beyond these (eV/atom) count as these."""

STEP = 0.02
"""Over so much (eV/atom) one side of the hull turns into the other."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """Probability of being stable by DFT, from the energies above hull of k potentials.

    Attributes:
        tools: the k potentials, in order.
        weights: by limit, the intercept and the weights of :func:`features`.
        known: what it was fitted on, in words.
    """

    tools: tuple[str, ...]
    weights: Mapping[float, tuple[float, ...]]
    known: str = ""

    def probability(self, above: Floats, limit: float) -> Floats:
        """(n,) probabilities of lying at most ``limit`` above the DFT hull, for (n, k) energies above hull."""
        intercept, *weights = self.weights[limit]
        odds: Floats = intercept + features(above) @ np.array(weights)
        return np.asarray(1 / (1 + np.exp(-odds)))

    def heard(self, limit: float) -> tuple[str, ...]:
        """The potentials that have a say in the probability for a limit: those with a weight that is not zero."""
        weights, k = self.weights[limit][1:], len(self.tools)
        return tuple(tool for number, tool in enumerate(self.tools) if any(weights[number::k]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        weights = {str(limit): list(numbers) for limit, numbers in self.weights.items()}
        return {"tools": list(self.tools), "weights": weights, "known": self.known}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        weights = {float(limit): tuple(map(float, numbers)) for limit, numbers in data["weights"].items()}
        return cls(tuple(data["tools"]), weights, str(data["known"]))


def features(above: Floats) -> Floats:
    """What the regression sees of (n, k) energies above hull (eV/atom): (n, 3 k)."""
    clipped = np.clip(above, LOWEST, HIGHEST)
    return np.hstack([np.minimum(clipped, 0), np.maximum(clipped, 0), np.tanh(clipped / STEP)])


@cache
def bundled() -> Mapping[frozenset[str], Stability]:
    """The fits of the package, by their potentials."""
    text = (files("wyckforge.realise") / BUNDLED).read_text(encoding="utf-8")
    fits = map(Stability.from_dict, json.loads(text))
    return {frozenset(fit.tools): fit for fit in fits}


def judge(above: Mapping[str, float], *, converged: bool) -> Evidence | None:
    """Evidence :data:`STABLE`, or ``None`` where no fit knows the potentials.

    Args:
        above: energy above hull in eV/atom, by tool.
        converged: whether the structure is a relaxed one; else the verdict is ``unknown``.
    """
    if (fit := bundled().get(frozenset(above))) is None:
        return None
    energies = np.array([[above[tool] for tool in fit.tools]])
    near, on = (float(fit.probability(energies, limit)[0]) for limit in LIMITS)
    on = min(on, near)  # the two are fitted apart, and cross where both are small
    by_near, by_on = (_names(above, fit.heard(limit)) for limit in LIMITS)
    by_on = "" if by_on == by_near else f" by {by_on},"
    reason = f"probability of at most {LIMITS[0]:g} eV/atom above the DFT hull, by {by_near}; "
    reason += f"of being on it,{by_on} {on:.2f}"
    verdict: Verdict = "unknown" if not converged else "pass" if near >= 0.5 else "fail"
    return Evidence(STABLE, verdict, near, "", reason, " + ".join(fit.heard(LIMITS[0])))


def _names(above: Mapping[str, float], tools: tuple[str, ...]) -> str:
    return " and ".join(f"{tool} ({above[tool]:+.3f})" for tool in tools)
