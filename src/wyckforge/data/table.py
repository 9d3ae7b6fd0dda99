"""The table of genes that everything is trained on, evaluated with and compared to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wyckforge.data.labels import LabelColumn
from wyckforge.data.storage import read_columns, write_columns
from wyckforge.data.vintages import Vintage
from wyckforge.errors import TableError
from wyckforge.properties import LARGEST
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene


@dataclass(frozen=True, eq=False)
class GeneTable:
    """Genes with their labels and, optionally, structures.

    Attributes:
        ids: unique identifier of every row.
        genes: canonical gene of every row.
        labels: column by property name.
        crystals: structure of every row as it was given, or ``None`` for a table without structures.
        given_space_groups: (n,) number that the source stated, 0 where it stated none.
        provenance: JSON-ready account of where the table came from.

    Raises:
        TableError: columns differ in length, identifiers repeat, or a label is of a size that it cannot have.
    """

    ids: tuple[str, ...]
    genes: tuple[WyckoffGene, ...]
    labels: Mapping[str, LabelColumn]
    crystals: tuple[Crystal | None, ...] | None
    given_space_groups: NDArray[np.int64]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "given_space_groups", np.asarray(self.given_space_groups, dtype=np.int64))
        lengths = {
            "genes": len(self.genes),
            "given space groups": len(self.given_space_groups),
            **({} if self.crystals is None else {"structures": len(self.crystals)}),
            **{name: len(column.values) for name, column in self.labels.items()},
        }
        for name, length in lengths.items():
            if length != len(self.ids):
                raise TableError(f"{length} {name} for {len(self.ids)} rows; every column needs one entry per row")
        if len(set(self.ids)) != len(self.ids):
            twice = next(name for name, count in Counter(self.ids).items() if count > 1)
            raise TableError(f"the identifier {twice!r} occurs twice; every row needs its own")
        for name, column in self.labels.items():
            if len(absurd := np.flatnonzero(np.abs(column.values) >= LARGEST)):
                row = int(absurd[0])
                raise TableError(
                    f"{name} of row {self.ids[row]!r} is {column.values[row]:g}; allowed are magnitudes below "
                    f"{LARGEST:g}: check the value and its unit"
                )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """Reduced formula of every row."""
        return tuple(gene.formula for gene in self.genes)

    @cached_property
    def space_groups(self) -> NDArray[np.int64]:
        """(n,) detected space-group numbers."""
        return np.fromiter((gene.space_group for gene in self.genes), dtype=np.int64, count=len(self))

    def column(self, name: str) -> LabelColumn:
        """The column of a property.

        Raises:
            TableError: there is none of that name.
        """
        try:
            return self.labels[name]
        except KeyError:
            known = ", ".join(self.labels) or "none"
            raise TableError(f"the table has no label {name!r}; it has: {known}") from None

    def label(self, name: str) -> NDArray[np.float64]:
        """(n,) values of a property, NaN where missing.

        Raises:
            TableError: there is no label of that name.
        """
        return self.column(name).values

    def select(self, rows: ArrayLike) -> GeneTable:
        """The rows of an index array or a boolean mask, in that order."""
        rows = np.asarray(rows)
        if rows.dtype == np.bool_ and rows.shape != (len(self),):
            raise TableError(f"a mask of shape {rows.shape} for {len(self)} rows; give one entry per row")
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in index),
            genes=tuple(self.genes[i] for i in index),
            labels={name: column.select(index) for name, column in self.labels.items()},
            crystals=None if self.crystals is None else tuple(self.crystals[i] for i in index),
            given_space_groups=self.given_space_groups[index],
        )

    def require_labels(self, names: Sequence[str]) -> GeneTable:
        """The rows that have all of these labels."""
        keep = np.ones(len(self), dtype=np.bool_)
        for name in names:
            keep &= self.column(name).mask
        return self.select(keep)

    def with_vintage(self, vintage: Vintage) -> GeneTable:
        """The table in which labels of other vintages are missing; the sources named may from now on be used together.

        Args:
            vintage: accepted sources by property name, for example ``VINTAGES["modern"]``.

        Raises:
            TableError: a property is not in the table.
        """
        labels = dict(self.labels)
        for name, accepted in vintage.items():
            labels[name] = self.column(name).restricted_to(frozenset(accepted))
        together = {**self.provenance.get("accepted_vintages", {}), **{k: sorted(v) for k, v in vintage.items()}}
        return replace(self, labels=labels, provenance={**self.provenance, "accepted_vintages": together})

    def require_single_vintage(self, name: str) -> None:
        """Pass if the labels of a property come from one vintage, or from several accepted by :meth:`with_vintage`.

        Raises:
            TableError: they are mixed.
        """
        found = self.column(name).vintages()
        if len(found) > 1 and not set(found) <= set(self.provenance.get("accepted_vintages", {}).get(name, ())):
            listed = ", ".join(f"{source} ({count:,})" for source, count in found.items())
            raise TableError(f"{name} labels are of different vintages: {listed}; choose with a vintage which to use")

    def content_hash(self) -> str:
        """SHA-256 of identifiers, genes and labels.

        Structures and provenance do not enter: a table with and one without structures share their splits.
        """
        digest = hashlib.sha256()
        digest.update(json.dumps([self.ids, [str(gene) for gene in self.genes]]).encode())
        for name, column in sorted(self.labels.items()):
            digest.update(json.dumps([name, column.unit, column.sources.tolist()]).encode())
            digest.update(np.where(column.mask, column.values, 0.0).astype("<f8").tobytes())
        return digest.hexdigest()

    def write(self, path: Path | str) -> None:
        """Write one Parquet file; the layout is in :mod:`wyckforge.data.storage`."""
        write_columns(Path(path), **{column.name: getattr(self, column.name) for column in fields(self)})

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file of :meth:`write`.

        Raises:
            TableError: absent, truncated, foreign, or of a later version.
        """
        return cls(**read_columns(Path(path)))
