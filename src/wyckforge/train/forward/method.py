"""What stands behind a forward model: something fitted that says what it thinks of materials, in scaled units."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.material import Material
from wyckforge.data.property_scale import PropertyScale
from wyckforge.train.calibration import Votes

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]


class Method(ABC):
    """Something fitted.

    Attributes:
        kind: what it is called in the index of a folder.
        needs_structure: whether a gene alone is not enough.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def needs_structure(self) -> bool:
        """Whether a gene alone is not enough."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of properties."""

    @abstractmethod
    def votes(self, materials: Sequence[Material]) -> list[Votes]:
        """What it says about n materials, at least one; one item per property, NaN where the potential is silent."""

    @abstractmethod
    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material, in words, or ``None``."""

    @abstractmethod
    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """What is stated in an index, JSON-ready, and arrays by name."""

    @classmethod
    @abstractmethod
    def from_parts(cls, index: Mapping[str, Any], arrays: Arrays) -> Self:
        """Inverse of :meth:`to_parts`; ``arrays`` are not trusted.

        Raises:
            ValueError: a part is malformed.
        """


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learned.

    Attributes:
        materials: n of them.
        labels: (n,) by property, physical units, NaN where missing.
        train: rows to learn from.
        val: rows that choose settings and measure how wrong it is.
        seed: of everything random.
        shown: whether to show progress on standard error.
    """

    materials: Sequence[Material]
    labels: Mapping[str, Floats]
    train: Rows
    val: Rows
    seed: int = 0
    shown: bool = False
    scales: dict[str, PropertyScale] = field(init=False)

    def __post_init__(self) -> None:
        if lengths := {name: len(v) for name, v in self.labels.items() if len(v) != len(self.materials)}:
            raise ValueError(f"{len(self.materials)} materials, and labels of other numbers: {lengths}")
        scales = {name: PropertyScale.fit(name, values[self.train]) for name, values in self.labels.items()}
        object.__setattr__(self, "scales", scales)

    def scaled(self) -> Floats:
        """(n, t) labels of order one, NaN where missing."""
        return np.stack([scale.transform(self.labels[name]) for name, scale in self.scales.items()], 1)

    def zero_inflated(self) -> NDArray[np.bool_]:
        """(t,) whether a label can be exactly zero."""
        return np.array([scale.zero_inflated for scale in self.scales.values()])


M = TypeVar("M", bound=Method, covariant=True)


class Fitted(NamedTuple, Generic[M]):
    """A method, and what it says about rows that it did not learn from.

    Attributes:
        method: fitted.
        rows: (m,) of the task.
        votes: on these rows, one item per property.
    """

    method: M
    rows: Rows
    votes: list[Votes]


def part_of(arrays: Arrays, prefix: str) -> Arrays:
    """Arrays whose name begins with a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


Fit = Callable[[Task], Fitted[Method]]
