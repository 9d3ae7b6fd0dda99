"""Networks that see the composition only: ElemNet, Roost and CrabNet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import (
    LAST_ELEMENT,
    Answer,
    Architecture,
    Arrays,
    ElementVectors,
    Pace,
    ResidualReadOut,
    Tensors,
    as_heads,
    composition_arrays,
)

MOST_ELEMENTS = 10


@dataclass(frozen=True)
class _OfComposition(Architecture):
    most_elements: int = MOST_ELEMENTS

    def describe(self, material: Material) -> list[Arrays]:
        """Elements and fractions; there is one description."""
        return [composition_arrays(material, self.most_elements)]

    def problem(self, material: Material) -> str | None:
        """Why the network cannot be asked about a material."""
        if (n := len(material.gene.elements)) > self.most_elements:
            return f"it has {n} elements, at most {self.most_elements} are allowed"
        return super().problem(material)


class ElemNet(_OfComposition):
    """Seventeen fully connected layers on the vector of atomic fractions.

    Source: Jha et al., Sci. Rep. 8, 17593 (2018), Table 1 (layer sizes and shares kept by dropout).
    """

    pace = Pace(epochs=150, learning_rate=3e-4, batch_size=64)

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _ElemNet(outputs)


class _ElemNet(nn.Module):
    _SIZES = (*[1024] * 4, *[512] * 3, *[256] * 3, *[128] * 3, *[64] * 2, 32)
    _DROPPED: ClassVar = {3: 0.2, 6: 0.1, 9: 0.3, 12: 0.2}

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for k, (a, b) in enumerate(pairwise((LAST_ELEMENT, *self._SIZES))):
            linear = nn.Linear(a, b)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            self.layers.extend((linear, nn.ReLU(), nn.Dropout(self._DROPPED.get(k, 0.0))))
        self.layers.append(nn.Linear(self._SIZES[-1], 3 * outputs))

    def forward(self, batch: Tensors) -> Answer:
        """Properties of compositions."""
        numbers, fractions = batch["numbers"], batch["fractions"]
        x = fractions.new_zeros(len(numbers), LAST_ELEMENT + 1).scatter_add_(1, numbers, fractions)[:, 1:]
        return Answer(as_heads(self.layers(x)), fractions.new_zeros(()))


class Roost(_OfComposition):
    """Messages between the elements of a composition, gathered with soft attention.

    Source: Goodall and Lee, Nat. Commun. 11, 6280 (2020), Methods and Supplementary Table 3.
    """

    pace = Pace(epochs=100, learning_rate=1e-3, batch_size=128, weight_decay=1e-6)

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _Roost(outputs)


class _Roost(nn.Module):
    _WIDTH, _LAYERS, _HEADS, _HIDDEN = 64, 3, 3, 256

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.vectors = ElementVectors()
        self.embed = nn.Linear(200, self._WIDTH - 1)
        self.messages = nn.ModuleList(
            nn.ModuleList(_WeightedAttention(2 * self._WIDTH, self._WIDTH, self._HIDDEN) for _ in range(self._HEADS))
            for _ in range(self._LAYERS)
        )
        self.pool = nn.ModuleList(
            _WeightedAttention(self._WIDTH, self._WIDTH, self._HIDDEN) for _ in range(self._HEADS)
        )
        self.read_out = ResidualReadOut(self._WIDTH, 1024, 512, 256, 128, 64, outputs=3 * outputs)

    def forward(self, batch: Tensors) -> Answer:
        """Properties of compositions."""
        numbers, fractions = trimmed(batch)
        present = numbers > 0
        x = torch.cat([self.embed(self.vectors(numbers)), fractions[..., None]], -1)
        n, k, width = x.shape
        # an element hears the others; alone, it hears itself
        alone = present.sum(1) == 1
        other = ~torch.eye(k, dtype=torch.bool, device=x.device)
        heard = present[:, None, :] & present[:, :, None] & (other | alone[:, None, None])
        weights = fractions[:, None, :].expand(n, k, k)
        for layer in self.messages:
            pairs = torch.cat([x[:, :, None].expand(n, k, k, width), x[:, None].expand(n, k, k, width)], -1)
            x = x + torch.stack([head(pairs, weights, heard) for head in layer.children()]).mean(0)
        pooled = torch.stack([head(x, fractions, present) for head in self.pool]).mean(0)
        return Answer(as_heads(self.read_out(pooled)), pooled.new_zeros(()))


class _WeightedAttention(nn.Module):
    """A soft attention whose weights are multiplied by a learned power of the atomic fraction."""

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(), nn.Linear(hidden, 1))
        self.message = nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(), nn.Linear(hidden, outputs))
        self.power = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, fractions: Tensor, present: Tensor) -> Tensor:
        """(…, k, inputs) to (…, outputs), a weighted mean over those of k that are present."""
        gate = self.gate(x)[..., 0] + self.power * fractions.clamp(min=1e-9).log()
        share = gate.masked_fill(~present, -1e9).softmax(-1) * present
        found: Tensor = (share[..., None] * self.message(x)).sum(-2)
        return found


class CrabNet(_OfComposition):
    """A transformer over the elements of a composition, with encodings of their fractions.

    Half as wide (256) as published (512), to suit processors.

    Source: Wang, Kauwe, Murdock and Sparks, npj Comput. Mater. 7, 77 (2021), Methods.
    """

    pace = Pace(epochs=60, learning_rate=5e-4, batch_size=64, weight_decay=1e-2)

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _CrabNet(outputs)


class _CrabNet(nn.Module):
    _WIDTH, _LAYERS, _HEADS = 256, 3, 4

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.vectors = ElementVectors(normalised=False)
        self.embed = nn.Linear(200, self._WIDTH)
        self.scale = nn.Parameter(torch.zeros(3))
        layer = nn.TransformerEncoderLayer(self._WIDTH, self._HEADS, 4 * self._WIDTH, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, self._LAYERS, enable_nested_tensor=False)
        self.read_out = ResidualReadOut(self._WIDTH, 512, 256, 128, outputs=3 * outputs + 1)

    def forward(self, batch: Tensors) -> Answer:
        """Properties of compositions: the mean over the elements of what each contributes, weighted by a gate."""
        numbers, fractions = trimmed(batch)
        absent = numbers == 0
        linear, logarithmic = _waves(fractions, self._WIDTH // 2), _waves(_as_log(fractions), self._WIDTH // 2)
        element, first, second = torch.exp2(self.scale)
        x = element * self.embed(self.vectors(numbers)) + torch.cat([first * linear, second * logarithmic], -1)
        found = self.read_out(self.layers(x, src_key_padding_mask=absent))
        share = found[..., -1].sigmoid() * ~absent
        mean = (share[..., None] * found[..., :-1]).sum(1) / (~absent).sum(1, keepdim=True)
        return Answer(as_heads(mean), mean.new_zeros(()))


def trimmed(batch: Tensors) -> tuple[Tensor, Tensor]:
    """Elements and fractions (n, k) without columns that are empty in the whole batch."""
    most = int((batch["numbers"] > 0).sum(1).max())
    return batch["numbers"][:, :most], batch["fractions"][:, :most]


def _as_log(fractions: Tensor) -> Tensor:
    """Fractions on a logarithmic scale, so that a dopant is told from nothing: 1 is 0, a millionth and less is 1."""
    return (fractions.clamp(1e-6, 1).log10() / -6).clamp(0, 1)


def _waves(x: Tensor, width: int, resolution: float = 100.0) -> Tensor:
    """(n, k) numbers from 0 to 1 as sines and cosines (n, k, width) of decreasing frequency."""
    rates = torch.exp(torch.arange(0, width, 2, device=x.device) * (-math.log(50.0 * resolution) / width))
    phases = (x * resolution)[..., None] * rates
    return torch.cat([phases.sin(), phases.cos()], -1) / math.sqrt(2)
