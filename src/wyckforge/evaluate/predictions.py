"""What a model predicts, with how sure it is where it says so, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.property_scale import PropertyScale
from wyckforge.models.distribution import Distribution
from wyckforge.properties import BAND_GAP
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.calibration import Calibration
from wyckforge.train.model import GeneModel, ProbabilisticModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """One property of n genes, physical units.

    Attributes:
        value: (n,) predictions.
        low: (n,) lower bounds of the 90 % intervals; ``None`` of a model that does not say how sure it is.
        high: (n,) upper bounds.
        zero: (n,) probabilities of exactly zero; ``None`` too for a property that has no such case.
    """

    value: Floats
    low: Floats | None = None
    high: Floats | None = None
    zero: Floats | None = None

    def rows(self, chosen: NDArray[np.bool_]) -> Self:
        """The predictions of some of the genes."""
        low, high, zero = (None if part is None else part[chosen] for part in (self.low, self.high, self.zero))
        return type(self)(self.value[chosen], low, high, zero)

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """(n,) bounds of the 90 % intervals.

        Raises:
            ValueError: of a model that does not say how sure it is.
        """
        if self.low is None or self.high is None:
            raise ValueError("the model does not say how sure it is")
        return self.low, self.high

    def columns(self, name: str) -> dict[str, Floats]:
        """What is known beside the value, by column: ``name_low``, ``name_high`` and that of :func:`zero_column`."""
        found = {f"{name}_low": self.low, f"{name}_high": self.high, zero_column(name): self.zero}
        return {column: values for column, values in found.items() if values is not None}


def zero_column(name: str) -> str:
    """Column of the probability that a property is exactly zero; of the band gap, that the crystal is a metal."""
    return f"{name}_{'metal' if name == BAND_GAP else 'zero'}_probability"


def predict(model: GeneModel, genes: Sequence[WyckoffGene]) -> dict[str, Prediction]:
    """Every property of n genes, by name.

    Raises:
        InvalidGeneError: a gene that the model cannot hold.
    """
    if not isinstance(model, ProbabilisticModel):
        return {name: Prediction(values) for name, values in model.predict(genes).items()}
    return from_distributions(model.distributions(genes), model.calibrations, model.scales)


def from_distributions(
    distributions: Mapping[str, Distribution],
    calibrations: Mapping[str, Calibration],
    scales: Mapping[str, PropertyScale],
) -> dict[str, Prediction]:
    """Values with their 90 % intervals, by property."""
    found = {}
    for name, distribution in distributions.items():
        low, high = calibrations[name].interval(distribution)
        zero = distribution.zero if scales[name].zero_inflated else None
        found[name] = Prediction(distribution.value(), low, high, zero)
    return found


def table(predictions: Mapping[str, Prediction]) -> dict[str, Floats]:
    """(n,) by column: the values of every property, each followed by what else is known of it."""
    return {
        column: values
        for name, found in predictions.items()
        for column, values in {name: found.value, **found.columns(name)}.items()
    }
