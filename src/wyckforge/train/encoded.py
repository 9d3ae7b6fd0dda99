"""Crystals as tensors, every crystal with the members of its normalizer orbit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wyckforge.models.representation import Representation
from wyckforge.symmetry.augmentation import augment_genes
from wyckforge.symmetry.gene import WyckoffGene


class Batch(NamedTuple):
    """A batch of n crystals.

    Attributes:
        x: (n, rows, max_elements) Wyckoff arrays.
        group: (n,) zero-based space groups.
        properties: (n, n_targets) labels on the min-max scale, NaN where missing.
    """

    x: Tensor
    group: Tensor
    properties: Tensor


@dataclass(frozen=True)
class EncodedCrystals:
    """Encoded orbit members of all crystals, crystal by crystal.

    Attributes:
        x: (m, rows, max_elements) Wyckoff arrays of all members.
        group: (m,) zero-based space groups.
        properties: (n, n_targets) labels of the crystals on the min-max scale, NaN where missing.
        start: (n,) first member of each crystal.
        size: (n,) members of each crystal.
    """

    x: Tensor
    group: Tensor
    properties: Tensor
    start: Tensor
    size: Tensor

    @classmethod
    def build(
        cls,
        representation: Representation,
        genes: Sequence[WyckoffGene],
        properties: NDArray[np.float64],
        *,
        augment: bool,
    ) -> EncodedCrystals:
        """Encode genes (n) with scaled labels (n, n_targets); with ``augment``, their whole orbits."""
        if augment:
            members, owner, _ = augment_genes(genes)
            size = np.bincount(owner, minlength=len(genes))
        else:
            members, size = list(genes), np.ones(len(genes), np.int64)
        x, group = representation.encode(members)
        return cls(
            x=torch.from_numpy(x),
            group=torch.from_numpy(group),
            properties=torch.from_numpy(properties.astype(np.float32)),
            start=torch.from_numpy(np.cumsum(size) - size),
            size=torch.from_numpy(size),
        )

    def __len__(self) -> int:
        return len(self.start)

    def random_batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """Every crystal once, in random order, each as one random member of its orbit.

        The expected gradient is that of all members with weights 1/|orbit|, at the cost of one.
        """
        for crystals in torch.randperm(len(self), generator=generator).split(batch_size):
            chance = torch.rand(len(crystals), generator=generator, dtype=torch.float64)
            yield self._take(crystals, (chance * self.size[crystals]).long())

    def ordered_batches(self, batch_size: int) -> Iterator[Batch]:
        """Every crystal once, in order, each as the first member of its orbit."""
        for crystals in torch.arange(len(self)).split(batch_size):
            yield self._take(crystals, torch.zeros_like(crystals))

    def _take(self, crystals: Tensor, member: Tensor) -> Batch:
        index = self.start[crystals] + member
        return Batch(self.x[index], self.group[index], self.properties[crystals])
