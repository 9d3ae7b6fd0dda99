"""A forward model: properties of materials with their uncertainty, in physical units, in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from wyckforge.data.material import Material
from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError, TableError
from wyckforge.models.distribution import Distribution
from wyckforge.train.artefact import (
    CARD,
    FORWARD,
    MALFORMED,
    read_checked,
    read_index,
    require_format,
    stated_number,
    write_artefact,
)
from wyckforge.train.calibration import Calibration, Votes
from wyckforge.train.forward.method import Floats, Method, Task
from wyckforge.train.forward.methods import KINDS, RECIPES

VERSION = 1
_ARRAYS = "arrays.safetensors"


@dataclass(frozen=True, eq=False)
class ForwardModel:
    """A fitted model with everything that is needed to use it.

    Attributes:
        name: its name.
        method: what it asks.
        scales: of every property, by name.
        calibrations: of the uncertainty of every property, by name.
        errors: mean absolute error of each property on rows it did not learn from, physical units.
        provenance: JSON-ready account of data and training.
        card: model card, Markdown.
    """

    name: str
    method: Method
    scales: Mapping[str, PropertyScale]
    calibrations: Mapping[str, Calibration]
    errors: Mapping[str, float]
    provenance: Mapping[str, Any]
    card: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the properties it predicts."""
        return tuple(self.scales)

    @property
    def needs_structure(self) -> bool:
        """Whether a gene alone is not enough."""
        return self.method.needs_structure

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material, in words, or ``None``."""
        return self.method.problem(material)

    def distributions(self, materials: Sequence[Material]) -> dict[str, Distribution]:
        """The calibrated distribution of every property of n materials, physical units.

        Where the potential has no answer about a structure, neither has a model that builds on it: NaN.

        Raises:
            TableError: a material that it cannot be asked about.
        """
        for material in materials:
            if problem := self.problem(material):
                raise TableError(f"{material.gene} cannot be predicted by {self.name}: {problem}; leave it out")
        votes = self.method.votes(materials) if materials else [Votes(*np.zeros((3, 1, 0)))] * len(self.scales)
        return {
            name: self.calibrations[name].distribution(said, self.scales[name])
            for name, said in zip(self.scales, votes, strict=True)
        }

    def predict(self, materials: Sequence[Material]) -> dict[str, Floats]:
        """Properties of n materials in physical units, (n,) each.

        Raises:
            TableError: a material that it cannot be asked about.
        """
        return {name: found.value() for name, found in self.distributions(materials).items()}

    def save(self, folder: Path | str, *, half: bool = False) -> None:
        """Write one folder; ``half`` keeps single precision numbers in half precision. Reading it executes nothing.

        Raises:
            CheckpointError: a number is not finite.
        """
        stated, arrays = self.method.to_parts()
        index = {
            "format": FORWARD,
            "version": VERSION,
            "name": self.name,
            "kind": self.method.kind,
            "method": stated,
            "scales": [scale.to_dict() for scale in self.scales.values()],
            "calibrations": {name: found.to_dict() for name, found in self.calibrations.items()},
            "errors": dict(self.errors),
            "provenance": dict(self.provenance),
        }
        if half:
            arrays = {name: a.astype(np.float16) if a.dtype == np.float32 else a for name, a in arrays.items()}
        # safetensors writes memory as it lies: an array in columns would come back scrambled
        rows = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        write_artefact(Path(folder), index, {_ARRAYS: save_arrays(rows)}, self.card)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a folder of :meth:`save`.

        Raises:
            CheckpointError: absent, truncated, altered, foreign, or of a later version.
        """
        folder = Path(folder)
        index = read_index(folder)
        require_format(folder, index, FORWARD, VERSION)
        try:
            arrays = load_arrays(read_checked(folder, _ARRAYS, index))
            scales = [PropertyScale.from_dict(scale) for scale in index["scales"]]
            names = {scale.name for scale in scales}
            if names != set(index["calibrations"]) or names != set(index["errors"]):
                raise ValueError("scales, calibrations and errors are of different properties")
            method = KINDS[index["kind"]].from_parts(index["method"], arrays)
            if method.outputs != len(scales):
                raise ValueError(f"{method.outputs} properties in the method, {len(scales)} stated")
            return cls(
                name=str(index["name"]),
                method=method,
                scales={scale.name: scale for scale in scales},
                calibrations={
                    name: Calibration.from_dict({key: stated_number(key, value) for key, value in one.items()})
                    for name, one in index["calibrations"].items()
                },
                errors={name: stated_number(f"error of {name}", error) for name, error in index["errors"].items()},
                provenance=dict(index["provenance"]),
                card=(folder / CARD).read_text(),
            )
        except MALFORMED as error:
            raise CheckpointError(f"{folder} is not a usable model ({error}); fetch it again or fit one") from None


def fit_model(name: str, task: Task) -> ForwardModel:
    """Fit a forward model by name and calibrate it on rows that it did not learn from.

    Args:
        name: of one of :data:`~wyckforge.train.forward.methods.RECIPES`.
        task: what to learn.

    Raises:
        TableError: no model of that name, or a material that it cannot learn from.
    """
    if name not in RECIPES:
        raise TableError(f"there is no forward model {name!r}; choose one of {', '.join(RECIPES)}")
    method, rows, votes = RECIPES[name].fit(task)
    calibrations, errors = {}, {}
    for (property_, scale), said in zip(task.scales.items(), votes, strict=True):
        heard = np.isfinite(said.location).all(0)
        said = Votes(*(part[:, heard] for part in said))
        labels = task.labels[property_][rows][heard]
        calibrations[property_] = Calibration.fit(said, scale, labels)
        values = calibrations[property_].distribution(said, scale).value()
        errors[property_] = float(np.nanmean(np.abs(values - labels)))
    return ForwardModel(name, method, task.scales, calibrations, errors, {"seed": task.seed})
