"""What a predicted uncertainty is worth: calibrated on crystals that no network learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError
from wyckforge.models.distribution import Distribution
from wyckforge.properties import LARGEST

Floats = NDArray[np.float64]
LEVEL = 0.9
"""Share of the labels that a conformal interval is to hold."""

SURE = 0.9
"""Probability of zero from which it is all but sure."""

_TEMPERATURES = np.exp(np.linspace(np.log(0.3), np.log(4), 60))
_FEWEST = 20
_RANGES = {
    "spread": (1 / LARGEST, LARGEST),
    "temperature": (1 / LARGEST, LARGEST),
    "level": (0, 1),
    "level_zero": (0, 1),  # 0 where zeros that are all but sure need no room beside them
    "disagreement": (0, LARGEST),
    "level_unsure": (0, 1),
}
"""What each number of a calibration can be, from the first on and below the second."""


class Votes(NamedTuple):
    """What m networks say about one property of n genes, scaled units.

    Attributes:
        location: (m, n).
        log_scale: (m, n).
        zero: (m, n) log-odds of exactly zero.
    """

    location: Floats
    log_scale: Floats
    zero: Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """Corrections of the uncertainty of one property.

    Attributes:
        spread: factor on the scale.
        temperature: divisor of the log-odds of zero.
        level: central share of the distribution that holds :data:`LEVEL` of the labels, where zero is the less likely
            case.
        level_zero: the same where zero is all but sure, see :data:`SURE`.
        disagreement: weight of the variance between the networks; 0 where every label was judged by one network, as
            in cross-validation, so that nothing is known of what their disagreement is worth.
        level_unsure: the level where zero is the likelier case, but not sure.
    """

    spread: float = 1.0
    temperature: float = 1.0
    level: float = LEVEL
    level_zero: float = LEVEL
    disagreement: float = 1.0
    level_unsure: float = LEVEL

    @classmethod
    def fit(cls, votes: Votes, scale: PropertyScale, labels: Floats) -> Self:
        """Calibrate on labels (n,) in physical units, NaN where missing.

        The factor makes the Laplace distribution as wide as the errors are (its likelihood is highest there), the
        temperature minimises the cross-entropy of "zero or not", and the levels are the conformal quantiles of the
        central share that is needed to hold a label, apart for crystals that are rather not zero, likely, and all but
        surely: the sure ones need no room beside zero, and in one class with them the likely ones would get none.

        Source: Angelopoulos and Bates, arXiv:2107.07511 (split conformal prediction, section 1; Mondrian, 4.1).
        """
        known = ~np.isnan(scale.transform(labels))  # a label that the scale has no place for tells nothing
        labels, votes = labels[known], Votes(*(part[:, known] for part in votes))
        found = cls()
        if scale.zero_inflated:
            found = replace(found, temperature=_temperature(votes.zero, labels == 0))
        raw = found.distribution(votes, scale)
        continuous = labels != 0 if scale.zero_inflated else np.full(len(labels), True)
        target = np.log(labels) if scale.logarithmic else labels
        if continuous.sum() >= _FEWEST:
            ratio = np.abs(target - raw.location)[continuous] / raw.scale[continuous]
            found = replace(found, spread=float(ratio.mean()))
        calibrated = found.distribution(votes, scale)
        needed = needed_level(calibrated, labels)
        level, level_unsure, level_zero = (_conformal(needed[one], LEVEL) for one in _classes(calibrated))
        return replace(found, level=level, level_unsure=level_unsure, level_zero=level_zero)

    def distribution(self, votes: Votes, scale: PropertyScale) -> Distribution:
        """The calibrated distribution (physical units) of the property of n genes."""
        variance = (np.exp(votes.log_scale) ** 2).mean(0) + self.disagreement * votes.location.var(0)
        chance = 1 / (1 + np.exp(-np.clip(votes.zero / self.temperature, -50, 50)))
        n = votes.location.shape[1]
        return Distribution(
            location=scale.inverse(votes.location.mean(0)),
            scale=self.spread * np.sqrt(variance) * scale.deviation,
            zero=chance.mean(0) if scale.zero_inflated else np.zeros(n),
            non_negative=scale.non_negative and not scale.logarithmic,
            logarithmic=scale.logarithmic,
        )

    def interval(self, distribution: Distribution) -> tuple[Floats, Floats]:
        """(n,) bounds that hold :data:`LEVEL` of the labels of crystals like those of the calibration."""
        bounds = [distribution.interval(level) for level in (self.level, self.level_unsure, self.level_zero)]
        low, high = (np.select(_classes(distribution), [one[side] for one in bounds]) for side in (0, 1))
        return low, high

    def to_dict(self) -> dict[str, float]:
        """JSON-ready form."""
        return asdict(self)

    def _require_ranges(self) -> None:
        for name, (least, below) in _RANGES.items():
            if not least <= (value := getattr(self, name)) < below:
                raise ValueError(f"{name} is {value}, allowed are numbers from {least:g} to below {below:g}")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`.

        Raises:
            CheckpointError: malformed, or a number out of range.
        """
        try:
            # checkpoints made before the likely zeros had a level of their own calibrated them with the sure ones
            early = {"level_unsure": data["level_zero"]} if "level_zero" in data else {}
            found = cls(**{name: float(value) for name, value in {**early, **data}.items()})
            found._require_ranges()
            return found
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{dict(data)!r} is no calibration ({error}); fetch the checkpoint again") from None


def needed_level(distribution: Distribution, labels: Floats) -> Floats:
    """(n,) central share of the distribution that is just wide enough to hold the label."""
    at_most, less = distribution.below(labels), distribution.below(labels, inclusive=False)
    return np.clip(np.maximum(1 - 2 * at_most, 2 * less - 1), 0, 1)


def _classes(distribution: Distribution) -> list[NDArray[np.bool_]]:
    """(n,) whether zero is the less likely case, the likelier one, and all but sure; every gene is one of these."""
    likely, sure = distribution.zero > 0.5, distribution.zero > SURE
    return [~likely, likely & ~sure, sure]


def _conformal(scores: Floats, level: float) -> float:
    """The quantile of n scores that a new one does not exceed with the probability ``level``."""
    if len(scores) < _FEWEST:
        return level
    rank = min(int(np.ceil((len(scores) + 1) * level)), len(scores))
    return float(min(np.sort(scores)[rank - 1], 1 - 1e-6))


def _temperature(log_odds: Floats, is_zero: NDArray[np.bool_]) -> float:
    """The divisor of the log-odds (m, n) with which their mean probability has the least cross-entropy."""
    losses = []
    for temperature in _TEMPERATURES:
        chance = (1 / (1 + np.exp(-np.clip(log_odds / temperature, -50, 50)))).mean(0).clip(1e-9, 1 - 1e-9)
        losses.append(-np.where(is_zero, np.log(chance), np.log(1 - chance)).mean())
    return float(_TEMPERATURES[int(np.argmin(losses))])
