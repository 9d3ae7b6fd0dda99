"""A transformer over the environments of a crystal's atoms, each as the potential sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wyckforge.models.forward.architecture import LAST_ELEMENT, Answer, ElementVectors, Pace, Tensors, as_heads
from wyckforge.models.orbitvae.blocks import mlp
from wyckforge.potential.environments import SHELLS, Environments

_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True, eq=False)
class EncodedEnvironments:
    """Environments of n crystals, those of one behind each other, as batches of a network.

    Attributes:
        numbers: (e,) atomic numbers.
        share: (e,) share of the atoms of the crystal.
        features: (e, f) standardised.
        neighbours: (p, SHELLS) of the pairs of environments of every crystal, row by row.
        context: (n, c) standardised descriptors of the crystals.
        count: (n,) environments of every crystal.
    """

    numbers: Tensor
    share: Tensor
    features: Tensor
    neighbours: Tensor
    context: Tensor
    count: Tensor

    @classmethod
    def of(
        cls, environments: Sequence[Environments], features: NDArray[np.float32], context: NDArray[np.float32]
    ) -> EncodedEnvironments:
        """Those of n crystals; ``features`` are theirs, (e, f), standardised."""
        return cls(
            torch.from_numpy(np.concatenate([one.numbers for one in environments])),
            torch.from_numpy(np.concatenate([one.share for one in environments]).astype(np.float32)),
            torch.from_numpy(features),
            torch.from_numpy(np.concatenate([one.neighbours.reshape(-1, SHELLS) for one in environments])).float(),
            torch.from_numpy(context),
            torch.tensor([len(one.numbers) for one in environments]),
        )

    def __len__(self) -> int:
        return len(self.count)

    def given(self, index: Tensor) -> Tensors:
        """The crystals of an index array.

        ``crystal`` (e,) tells to which of them an environment belongs, ``centre`` and ``other`` (p,) which environments
        make a pair.
        """
        count = self.count[index]
        rows = _ranges(self._first[index], count)
        crystal = torch.arange(len(index)).repeat_interleave(count)
        own, start = count[crystal], (count.cumsum(0) - count)[crystal]
        return {
            "numbers": self.numbers[rows],
            "share": self.share[rows],
            "features": self.features[rows],
            "neighbours": self.neighbours[_ranges(self._first_pair[index], count**2)],
            "context": self.context[index],
            "crystal": crystal,
            "centre": torch.arange(len(rows)).repeat_interleave(own),
            "other": _ranges(start, own),
        }

    def drawn(self, index: Tensor, _generator: torch.Generator) -> Tensors:
        """The same: there is one description of each."""
        return self.given(index)

    @cached_property
    def _first(self) -> Tensor:
        return self.count.cumsum(0) - self.count

    @cached_property
    def _first_pair(self) -> Tensor:
        squares = self.count**2
        return squares.cumsum(0) - squares


@dataclass(frozen=True)
class EnvironmentTransformer:
    """Sizes of the network.

    Attributes:
        features: numbers about an environment.
        context: descriptors of a crystal.
        width: of the vectors inside.
        layers: attention blocks.
    """

    features: int
    context: int
    width: int = 160
    layers: int = 3

    pace: ClassVar = Pace(epochs=60, learning_rate=1.4e-3, batch_size=128, weight_decay=0.02)

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _Network(self, outputs)


class _Network(nn.Module):
    _HEAD, _OWN, _CONTEXT = 256, 64, 256

    def __init__(self, sizes: EnvironmentTransformer, outputs: int) -> None:
        super().__init__()
        width = sizes.width
        self.vectors = ElementVectors()
        self.own = nn.Embedding(LAST_ELEMENT + 1, self._OWN)
        self.unsure = nn.Dropout(0.1)
        self.site = mlp(sizes.features + self._OWN + 200 + 1, 2 * width, width)
        self.blocks = nn.ModuleList(_Block(width, width // 32) for _ in range(sizes.layers))
        self.normalise = nn.LayerNorm(2 * width)
        self.context = nn.Sequential(
            nn.Dropout(0.1),
            nn.Linear(sizes.context, self._CONTEXT),
            nn.LayerNorm(self._CONTEXT),
            nn.SiLU(),
            nn.Dropout(0.3),
        )
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(2 * width + self._CONTEXT, self._HEAD), nn.SiLU(), nn.Dropout(0.3), nn.Linear(self._HEAD, 3)
            )
            for _ in range(outputs)
        )

    def forward(self, batch: Tensors) -> Answer:
        """Properties of crystals."""
        numbers, share, crystal = batch["numbers"], batch["share"], batch["crystal"]
        log_share = share.clamp(min=_SMALLEST_SHARE).log()
        seen = [self.unsure(batch["features"]), self.own(numbers), self.vectors(numbers), log_share[:, None]]
        x = self.site(torch.cat(seen, -1))
        for block in self.blocks:
            x = block(x, batch, log_share)
        empty = x.new_zeros(len(batch["context"]), x.shape[1])
        mean = empty.index_add(0, crystal, x * share[:, None])
        largest = empty.scatter_reduce(0, crystal[:, None].expand_as(x), x, "amax", include_self=False)
        seen_by_heads = torch.cat([self.normalise(torch.cat([mean, largest], -1)), self.context(batch["context"])], -1)
        found = torch.stack([head(seen_by_heads) for head in self.heads], -1)
        return Answer(as_heads(found.flatten(1)), found.new_zeros(()))


class _Block(nn.Module):
    """Attention between the environments of a crystal, weighted by their shares and by who is near whom."""

    def __init__(self, width: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.near = mlp(SHELLS, 32, heads)
        self.feed = mlp(width, 2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, batch: Tensors, log_share: Tensor) -> Tensor:
        """(e, d) to (e, d)."""
        centre, other = batch["centre"], batch["other"]
        query, key, value = self.project(self.before_attention(x)).view(len(x), 3, self.heads, -1).unbind(1)
        close = (query[centre] * key[other]).sum(-1) / key.shape[-1] ** 0.5
        weight = _softmax(close + self.near(batch["neighbours"]) + log_share[other, None], centre, len(x))
        attended = torch.zeros_like(value).index_add(0, centre, weight[..., None] * value[other])
        x = x + self.drop(self.merge(attended.flatten(1)))
        fed: Tensor = x + self.drop(self.feed(self.before_feed(x)))
        return fed


def _softmax(logits: Tensor, centre: Tensor, n: int) -> Tensor:
    """(p, h) logits to weights that sum to 1 over the pairs of each of n centres."""
    where = centre[:, None].expand_as(logits)
    largest = logits.new_zeros(n, logits.shape[1]).scatter_reduce(0, where, logits, "amax", include_self=False)
    weight = (logits - largest[centre].detach()).exp()
    total = torch.zeros_like(largest).index_add(0, centre, weight)
    return weight / total[centre]


def _ranges(first: Tensor, count: Tensor) -> Tensor:
    """The numbers ``first[i]``, …, ``first[i] + count[i] - 1``, one range behind the other."""
    before = count.cumsum(0) - count
    return torch.arange(int(count.sum())) + (first - before).repeat_interleave(count)
