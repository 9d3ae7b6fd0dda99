"""One labelled property: values, unit, and the vintage of every value."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TableError


@dataclass(frozen=True, eq=False)
class LabelColumn:
    """One property of every row.

    Attributes:
        values: (n,) float64, NaN where missing, in ``unit``.
        unit: ``eV/atom``; empty where unknown or dimensionless.
        sources: (n,) text, the vintage of each value, empty where the value is missing.

    Raises:
        TableError: lengths differ, a value is infinite, or a value and its source do not go together.
    """

    values: NDArray[np.float64]
    unit: str
    sources: NDArray[np.str_]

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        sources = np.asarray(self.sources, dtype=np.str_)
        if values.ndim != 1 or values.shape != sources.shape:
            raise TableError(f"{values.shape} label values with {sources.shape} sources; give one source per value")
        if np.isinf(values).any():
            raise TableError("a label is infinite; give a finite number, or NaN for a missing label")
        if (self_contradicting := (np.isnan(values) != (sources == ""))).any():
            raise TableError(
                f"{int(self_contradicting.sum())} labels have a value without a source or a source without a value; "
                "every label needs its vintage"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "sources", sources)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(n,) True where there is a label."""
        return ~np.isnan(self.values)

    def vintages(self) -> dict[str, int]:
        """Labels of each vintage, the most frequent first."""
        names, counts = np.unique(self.sources[self.mask], return_counts=True)
        return {str(names[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable")}

    def select(self, index: NDArray[np.int64]) -> LabelColumn:
        """The rows of ``index``."""
        return replace(self, values=self.values[index], sources=self.sources[index])

    def restricted_to(self, accepted: frozenset[str]) -> LabelColumn:
        """The column in which labels of other vintages are missing."""
        keep = np.isin(self.sources, sorted(accepted))
        return replace(self, values=np.where(keep, self.values, np.nan), sources=np.where(keep, self.sources, ""))
