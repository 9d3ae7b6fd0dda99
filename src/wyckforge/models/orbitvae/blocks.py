"""The two parts that encoder and decoder share: tables of vectors, and the attention block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from wyckforge.models.orbitvae import descriptors
from wyckforge.models.orbitvae.vocabulary import Orbits


class Tables(NamedTuple):
    """Vectors of everything a gene is made of.

    Attributes:
        element: (E, d).
        group: (230, d).
        position: (p, d).
    """

    element: Tensor
    group: Tensor
    position: Tensor


class Embedding(nn.Module):
    """Vectors of elements, space groups and Wyckoff positions, made from what is physical about them.

    Elements and groups have a learned part of their own beside it; positions have none, so that what is learned about
    a site symmetry in one group serves all.
    """

    index: Tensor
    position_group: Tensor
    position_features: Tensor
    site_symmetry: Tensor
    group_features: Tensor
    element_features: Tensor

    def __init__(self, n_elements: int, n_features: int, width: int) -> None:
        super().__init__()
        found, groups = descriptors.positions(), descriptors.groups()
        for name, array in {
            "index": found.row,
            "position_group": found.group,
            "position_features": found.features,
            "site_symmetry": found.site_symmetry,
            "group_features": groups,
        }.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.register_buffer("element_features", torch.zeros(n_elements, n_features))
        self.element = mlp(n_features, width, width)
        self.own_element = nn.Parameter(0.1 * torch.randn(n_elements, width))
        self.group = nn.Linear(groups.shape[1], width)
        self.own_group = nn.Parameter(0.3 * torch.randn(230, width))
        self.symmetry = nn.Embedding(int(found.site_symmetry.max()) + 1, width // 2)
        self.position = mlp(found.features.shape[1] + width // 2 + width, width, width)

    def describe_elements(self, features: NDArray[np.float32]) -> None:
        """Set the (E, f) features of the elements; they are kept with the weights."""
        self.element_features.copy_(torch.from_numpy(features))

    def forward(self) -> Tables:
        """All vectors."""
        group = self.group(self.group_features) + self.own_group
        described = [self.position_features, self.symmetry(self.site_symmetry), group[self.position_group]]
        return Tables(
            element=self.element(self.element_features) + self.own_element,
            group=group,
            position=self.position(torch.cat(described, -1)),
        )

    def sites(self, tables: Tables, orbits: Orbits) -> tuple[Tensor, Tensor]:
        """(n, k, d) vectors of the element and of the position of every orbit; those of empty places mean nothing."""
        rows = self.index[orbits.group[:, None], orbits.letter.clamp(min=0)]
        return tables.element[orbits.element.clamp(min=0)], tables.position[rows]


class Block(nn.Module):
    """Attention and a feed-forward layer, each added to its normalised input."""

    def __init__(self, width: int, heads: int, *, growth: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = mlp(width, growth * width, width)

    def forward(self, x: Tensor, *, bias: Tensor | None = None, causal: bool = False) -> Tensor:
        """(n, t, d) to (n, t, d); ``bias`` (n, 1, t, t) is added to the attention, ``causal`` hides what follows."""
        query, key, value = self._projected(x)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=causal)
        return self._finish(x, attended)

    def step(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """One more place (n, 1, d) behind those of ``past`` (2, n, h, t, d/h); gives the new past too."""
        query, key, value = self._projected(x)
        now = torch.stack([key, value])
        past = now if past is None else torch.cat([past, now], 3)
        return self._finish(x, F.scaled_dot_product_attention(query, past[0], past[1])), past

    def _projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n, places, width = x.shape
        parts = self.project(self.before_attention(x)).view(n, places, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        return query, key, value

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self._drop(self.merge(attended.transpose(1, 2).reshape(x.shape)))
        return x + self._drop(self.feed(self.before_feed(x)))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two layers with a GELU between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))
