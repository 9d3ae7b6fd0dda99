"""What a forward model is worth: errors, intervals and order on crystals that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.material import Material
from wyckforge.evaluate.predictions import Prediction, from_distributions, predict
from wyckforge.evaluate.uncertainty import mean, uncertainty_metrics
from wyckforge.train.artefact import FORWARD, INDEX, read_index
from wyckforge.train.forward.model import ForwardModel
from wyckforge.train.model import GeneModel, checkpoint_folder, load_checkpoint

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Asked:
    """A model of either kind, of genes or of materials, that is asked for predictions.

    Attributes:
        model: the one that was loaded.
    """

    model: GeneModel | ForwardModel

    @property
    def errors(self) -> Mapping[str, float]:
        """Mean absolute error of each property on rows it did not learn from."""
        return self.model.errors

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material, in words, or ``None``."""
        if isinstance(self.model, ForwardModel):
            return self.model.problem(material)
        return self.model.problem(material.gene)

    def predict(self, materials: Sequence[Material]) -> dict[str, Prediction]:
        """Every property of n materials, by name."""
        if isinstance(self.model, ForwardModel):
            return predict_materials(self.model, materials)
        return predict(self.model, [material.gene for material in materials])


def load_asked(given: Path | str | None) -> Asked:
    """A forward model from its folder, or a model of genes by name or folder; the default one for ``None``.

    Raises:
        CheckpointError: absent, truncated, altered, foreign, or of a later version.
    """
    folder = checkpoint_folder(given)
    if (folder / INDEX).is_file() and read_index(folder)["format"] == FORWARD:
        return Asked(ForwardModel.load(folder))
    return Asked(load_checkpoint(folder))


def predict_materials(model: ForwardModel, materials: Sequence[Material]) -> dict[str, Prediction]:
    """Every property of n materials with its 90 % interval, by name.

    Raises:
        TableError: a material that the model cannot be asked about.
    """
    return from_distributions(model.distributions(materials), model.calibrations, model.scales)


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
    from scipy.stats import spearmanr

    known = np.isfinite(true) & np.isfinite(predicted.value)
    labels, values = true[known], predicted.value[known]
    reason = "" if known.any() else f"no row has a label {name}"
    error = values - labels
    metrics = mean("mae", np.abs(error), rng, reason)
    metrics |= mean("mae_of_median", np.abs(constant - labels), rng, reason)
    if known.any():
        metrics["rmse"] = float(np.sqrt((error**2).mean()))
    if len(np.unique(labels)) > 1:
        metrics["r2"] = float(1 - (error**2).sum() / ((labels - labels.mean()) ** 2).sum())
        if len(np.unique(values)) > 1:
            metrics["spearman"] = float(spearmanr(labels, values).statistic)
    return metrics | uncertainty_metrics(name, labels, predicted.rows(known), rng)
