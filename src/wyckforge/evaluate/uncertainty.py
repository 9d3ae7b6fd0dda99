"""What is said of how sure a model is, against labels: coverage of intervals, telling metals, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.evaluate.metrics import bootstrap_interval, calibration, wilson_interval
from wyckforge.evaluate.predictions import Prediction, zero_column
from wyckforge.properties import BAND_GAP

Mask = NDArray[np.bool_]


def uncertainty_metrics(
    name: str, true: NDArray[np.float64], predicted: Prediction, rng: np.random.Generator
) -> dict[str, Any]:
    """What the uncertainty of one property is worth.

    ``name_coverage`` is the share of labels inside the 90 % intervals, ``name_width`` their mean width. Where a
    property can be exactly zero, ``name_coverage_nonzero`` is the coverage where zero is the less likely case, and the
    two cases, of the band gap called ``metal`` and ``semiconductor``, come with the precision and recall of telling
    them by the likelier one, and with the expected calibration error of the probability.

    Args:
        name: of the property.
        true: (n,) labels, NaN where missing.
        predicted: n predictions, with intervals.
        rng: of the bootstrap.
    """
    known = ~np.isnan(true)
    true, predicted = true[known], predicted.rows(known)
    if predicted.low is None or predicted.high is None:
        return {}
    inside = (predicted.low <= true) & (true <= predicted.high)
    unlabelled = "" if known.any() else f"no row has a label {name}"
    metrics = rate(f"{name}_coverage", inside, unlabelled)
    metrics |= mean(f"{name}_width", predicted.high - predicted.low, rng, unlabelled)
    if predicted.zero is None:
        return metrics
    likely_zero = predicted.zero > 0.5
    none_nonzero = unlabelled or "no row with a label is predicted to be other than zero"
    metrics |= rate(f"{name}_coverage_nonzero", inside[~likely_zero], none_nonzero)
    kinds = ("metal", "semiconductor") if name == BAND_GAP else (f"{name}_zero", f"{name}_nonzero")
    for kind, predicted_so, is_so in ((kinds[0], likely_zero, true == 0), (kinds[1], ~likely_zero, true != 0)):
        metrics |= rate(
            f"{kind}_precision", is_so[predicted_so], unlabelled or f"no row with a label is predicted {kind}"
        )
        metrics |= rate(f"{kind}_recall", predicted_so[is_so], unlabelled or f"no row is {kind} by its label")
    found = calibration(np.clip(predicted.zero, 0, 1), true == 0)
    error = f"{kinds[0]}_calibration_error"
    reason = {} if found.n else {f"{error}_reason": unlabelled}
    return metrics | {
        error: found.error,
        f"{error}_n": found.n,
        **reason,
        f"{zero_column(name)}_calibration": found.to_dict(),
    }


def rate(name: str, found: Mask, reason: str) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson) and n, or ``None`` and the reason why there is none."""
    if not len(found):
        return {name: None, f"{name}_reason": reason}
    return {
        name: float(found.mean()),
        f"{name}_interval": list(wilson_interval(int(found.sum()), len(found))),
        f"{name}_n": len(found),
    }


def mean(name: str, values: NDArray[np.float64], rng: np.random.Generator, reason: str) -> dict[str, Any]:
    """A mean with its 95 % interval (bootstrap) and n, or ``None`` and the reason why there is none."""
    if not len(values):
        return {name: None, f"{name}_reason": reason}
    return {
        name: float(values.mean()),
        f"{name}_interval": list(bootstrap_interval(values, rng)),
        f"{name}_n": len(values),
    }
