"""What a run learns from: the main table with its split, more crystals from extra tables, vocabulary and scales."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from wyckforge.data.fingerprint import SIZE, fingerprint
from wyckforge.data.property_scale import PropertyScale
from wyckforge.data.split import Split, rows_apart
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import Vintage, resolve_vintage
from wyckforge.errors import TableError
from wyckforge.models.orbitvae import descriptors
from wyckforge.models.orbitvae.vocabulary import Orbits, Vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.data import split_as_set
from wyckforge.train.orbitvae.config import OrbitConfig

OTHER = "@other"
"""Suffix of the output that learns the labels of other vintages."""

_FEWEST = 10
_SLOW = 2_000
"""Structures from which a bar is shown."""


class Crystals(NamedTuple):
    """n encoded crystals with what is known about them.

    Attributes:
        orbits: their genes.
        labels: (n, outputs) scaled labels, NaN where missing.
        geometry: (n, g) standardised fingerprints of the structures, NaN where a table holds none; g is 0 for crystals
            to measure with.
    """

    orbits: Orbits
    labels: Tensor
    geometry: Tensor

    @classmethod
    def of(cls, orbits: Orbits, labels: Tensor) -> Crystals:
        """Crystals of whose structures nothing is to be learned."""
        return cls(orbits, labels, labels.new_zeros(len(labels), 0))

    def rows(self, index: Tensor) -> Crystals:
        """The crystals of an index array."""
        return Crystals(self.orbits.rows(index), self.labels[index], self.geometry[index])

    def to(self, device: torch.device) -> Crystals:
        """The same on a device."""
        orbits = Orbits(*(part.to(device) for part in self.orbits))
        return Crystals(orbits, self.labels.to(device), self.geometry.to(device))

    @property
    def lengths(self) -> Tensor:
        """(n,) orbits of every gene."""
        return self.orbits.present.sum(1)

    @property
    def size(self) -> int:
        """n."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class OrbitData:
    """Crystals of one run.

    Attributes:
        table: the main table, all rows, labels of the accepted vintage.
        split: its parts.
        vocabulary: elements of both tables and the limits on genes.
        features: (E, f) chemistry of the elements.
        targets: properties.
        outputs: what a predictor puts out: the targets, then those of them that have labels of other vintages, with
            the suffix :data:`OTHER`.
        scales: by target, from the training labels.
        train: the training rows of the main table, then those of the extra tables; labels by output.
        val: validation rows; labels of other vintages are missing.
        test: test rows, likewise.
        learned_genes: genes of :attr:`train`, in its order.
        extra_genes: those of them that come from the extra tables.
        counts: JSON-ready numbers of crystals, used and left out.
        hashes: content hashes of the main table and of the extra ones, then that of the fingerprints of the structures,
            which are no part of those.
    """

    table: GeneTable
    split: Split
    vocabulary: Vocabulary
    features: NDArray[np.float32]
    targets: tuple[str, ...]
    outputs: tuple[str, ...]
    scales: Mapping[str, PropertyScale]
    train: Crystals
    val: Crystals
    test: Crystals
    learned_genes: tuple[WyckoffGene, ...]
    extra_genes: tuple[WyckoffGene, ...]
    counts: Mapping[str, int]
    hashes: tuple[str, ...]

    @classmethod
    def prepare(cls, config: OrbitConfig) -> OrbitData:
        """Read the tables, split the main one, keep held-out crystals out of the extra ones, fit the scales, encode.

        Raises:
            TableError: too few crystals, a label column is absent, its vintages are mixed, a part has no label of a
                target, or the saved split is of another table.
        """
        given = GeneTable.read(config.table)
        extras = [GeneTable.read(path) for path in config.extra]
        accepted = _accepted(given, config)
        table = given.with_vintage(accepted)
        if len(table) < _FEWEST:
            raise TableError(f"{config.table} has {len(table)} crystals; training needs {_FEWEST} or more")
        split = split_as_set(table, config.split, config.seed)
        short = (gene for each in (table, *extras) for gene in each.genes if len(gene.sites) <= config.longest_learned)
        vocabulary = Vocabulary.of(short, max_sites=config.max_sites)
        more = rows_apart(table, split, extras)
        sources = [given.select(split.train), *(extra.select(rows) for extra, rows in zip(extras, more, strict=True))]
        learned_from = replace(vocabulary, max_sites=config.longest_learned)
        held = [source.select(_representable(learned_from, source.genes)) for source in sources]
        learned, other = _labels(held, accepted, config.targets)
        others = [name for name in config.targets if not np.isnan(other[name]).all()]
        scales = {name: _fitted(name, learned[name]) for name in config.targets}
        outputs = (*config.targets, *(name + OTHER for name in others))
        columns = [scales[name].transform(learned[name]) for name in config.targets]
        columns += [scales[name].transform(other[name]) for name in others]
        geometry = _geometry(held) if config.predictor.geometry_weight else torch.zeros(len(columns[0]), 0)
        encode = _Encoder(table, vocabulary, scales, outputs)
        learned_genes = tuple(gene for each in held for gene in each.genes)
        return cls(
            table=table,
            split=split,
            vocabulary=vocabulary,
            features=descriptors.elements(vocabulary.elements),
            targets=config.targets,
            outputs=outputs,
            scales=scales,
            train=Crystals(
                vocabulary.encode(learned_genes),
                _tensor(columns),
                geometry,
            ),
            val=encode(split.val, "validation"),
            test=encode(split.test, None),
            learned_genes=learned_genes,
            extra_genes=learned_genes[len(held[0]) :],
            counts={
                "rows": len(table),
                "left_out": sum(vocabulary.problem(gene) is not None for gene in table.genes),
                "extra": sum(len(each) for each in held[1:]),
                "extra_rows": sum(len(each) for each in extras),
                "with_geometry": int((~geometry.isnan()).all(1).sum()) if geometry.shape[1] else 0,
            },
            hashes=(table.content_hash(), *(each.content_hash() for each in extras), _digest(geometry)),
        )

    @property
    def zero_inflated(self) -> Tensor:
        """(outputs,) whether a label can be exactly zero."""
        return torch.tensor([self.scales[name.removesuffix(OTHER)].zero_inflated for name in self.outputs])

    def rows(self, part: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of a part of the split that the model can hold, as in :attr:`val` and :attr:`test`."""
        return part[_representable(self.vocabulary, [self.table.genes[row] for row in part])]


@dataclass(frozen=True)
class _Encoder:
    """Encodes held-out rows of the main table."""

    table: GeneTable
    vocabulary: Vocabulary
    scales: Mapping[str, PropertyScale]
    outputs: tuple[str, ...]

    def __call__(self, part: NDArray[np.int64], needed: str | None) -> Crystals:
        """The rows of a part; if ``needed`` names it, every target must have a label there."""
        held = self.table.select(part)
        held = held.select(_representable(self.vocabulary, held.genes))
        columns = [self.scales[name].transform(held.label(name)) for name in self.scales]
        for name, column in zip(self.scales, columns, strict=True):
            if needed and np.isnan(column).all():
                raise TableError(
                    f"none of the {len(held)} {needed} crystals has a label {name}, so its error cannot be measured; "
                    "use a table with more of these labels, or a larger validation fraction"
                )
        columns += [np.full(len(held), np.nan)] * (len(self.outputs) - len(columns))
        return Crystals.of(self.vocabulary.encode(held.genes), _tensor(columns))


def _accepted(table: GeneTable, config: OrbitConfig) -> Vintage:
    """Sources of the main table's labels that count, by target."""
    named = resolve_vintage(config.vintage, config.targets) if config.vintage else {}
    for name in config.targets:
        if name not in named:
            table.require_single_vintage(name)
    return {name: named[name] if name in named else frozenset(table.column(name).vintages()) for name in config.targets}


def _representable(vocabulary: Vocabulary, genes: Sequence[WyckoffGene]) -> NDArray[np.bool_]:
    return np.array([vocabulary.problem(gene) is None for gene in genes], bool)


def _labels(
    tables: Sequence[GeneTable], accepted: Vintage, targets: Sequence[str]
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Labels of the accepted vintage and of all others, (n,) by target, of the rows of all tables in turn."""
    learned, other = {}, {}
    for name in targets:
        values, right = [], []
        for table in tables:
            known = name in table.labels
            values.append(table.label(name) if known else np.full(len(table), np.nan))
            right.append(np.isin(table.column(name).sources, sorted(accepted[name])) if known else np.zeros(len(table)))
        labels, mask = np.concatenate(values), np.concatenate(right).astype(bool)
        learned[name], other[name] = np.where(mask, labels, np.nan), np.where(mask, np.nan, labels)
    return learned, other


def _geometry(tables: Sequence[GeneTable]) -> Tensor:
    """(n, g) standardised fingerprints of the structures of all tables in turn; g is 0 if no table has structures."""
    crystals = [crystal for table in tables for crystal in table.crystals or [None] * len(table)]
    if not any(crystals):
        return torch.zeros(len(crystals), 0)
    unknown = np.full(SIZE, np.nan)
    shown = tqdm(crystals, desc="structures", unit=" crystals", disable=len(crystals) < _SLOW, file=sys.stderr)
    found = np.array([unknown if crystal is None else fingerprint(crystal) for crystal in shown])
    found[~np.isfinite(found).all(1)] = np.nan  # atoms on top of each other
    return torch.from_numpy(((found - np.nanmean(found, 0)) / (np.nanstd(found, 0) + 1e-9)).astype(np.float32))


def _digest(geometry: Tensor) -> str:
    """SHA-256 of fingerprints."""
    return sha256(geometry.numpy().tobytes()).hexdigest()


def _fitted(name: str, labels: NDArray[np.float64]) -> PropertyScale:
    if np.isnan(labels).all():
        raise TableError(f"no training crystal has a label {name} of the accepted vintage; choose another vintage")
    return PropertyScale.fit(name, labels)


def _tensor(columns: Sequence[NDArray[np.float64]]) -> Tensor:
    return torch.from_numpy(np.stack(columns, 1).astype(np.float32))
