"""What a forward model is worth: errors, intervals and order on crystals that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.material import Material
from wyckforge.evaluate.predictions import Prediction
from wyckforge.evaluate.uncertainty import mean, uncertainty_metrics
from wyckforge.train.forward.model import ForwardModel

Floats = NDArray[np.float64]


def predict_materials(model: ForwardModel, materials: Sequence[Material]) -> dict[str, Prediction]:
    """Every property of n materials with its 90 % interval, by name.

    Raises:
        TableError: a material that the model cannot be asked about.
    """
    found = {}
    for name, distribution in model.distributions(materials).items():
        low, high = model.calibrations[name].interval(distribution)
        zero = distribution.zero if model.scales[name].zero_inflated else None
        found[name] = Prediction(distribution.value(), low, high, zero)
    return found


def forward_metrics(
    name: str, true: Floats, predicted: Prediction, constant: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Errors of one property on held-out rows, each with its interval and n.

    Args:
        name: of the property.
        true: (n,) labels, NaN where missing.
        predicted: n predictions.
        constant: what the simplest model says of every crystal: the median of the training labels.
        rng: of the bootstrap.
    """
    known = np.isfinite(true)
    labels, values = true[known], predicted.value[known]
    reason = "" if known.any() else f"no row has a label {name}"
    error = values - labels
    metrics = mean("mae", np.abs(error), rng, reason)
    metrics |= mean("mae_of_median", np.abs(constant - labels), rng, reason)
    if known.sum() > 1:
        metrics["rmse"] = float(np.sqrt((error**2).mean()))
        metrics["r2"] = float(1 - (error**2).sum() / max(((labels - labels.mean()) ** 2).sum(), 1e-300))
        metrics["spearman"] = _rank_correlation(labels, values)
    return metrics | uncertainty_metrics(name, true, predicted, rng)


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import spearmanr

    if len(np.unique(one)) < 2 or len(np.unique(other)) < 2:
        return 0.0
    return float(spearmanr(one, other).statistic)
