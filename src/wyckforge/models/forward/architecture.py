"""What every network from crystals to properties offers, so that one loop trains them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load
from torch import Tensor, nn

from wyckforge.data.material import Material
from wyckforge.models.orbitvae.predictor import Heads
from wyckforge.symmetry.elements import symbol

LAST_ELEMENT = 94
"""The networks know hydrogen to plutonium."""

Arrays = dict[str, NDArray[np.float32] | NDArray[np.int64]]
Tensors = dict[str, Tensor]


class Answer(NamedTuple):
    """What a network says about n crystals.

    Attributes:
        heads: distributions of the properties, scaled units.
        penalty: what it pays beside the errors of its properties, a scalar: an autoencoder for what it reconstructs.
    """

    heads: Heads
    penalty: Tensor


@dataclass(frozen=True, slots=True)
class Pace:
    """For how long and how fast a network learns, unless the caller says otherwise.

    Attributes:
        epochs: passes over the crystals.
        learning_rate: highest, reached after a tenth of the updates.
        batch_size: crystals per update.
        weight_decay: of AdamW.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 1e-2


class Architecture(ABC):
    """How a material becomes numbers, and the network that reads them.

    Attributes:
        needs_structure: whether a gene alone is not enough.
        pace: how long and how fast it learns by default.
    """

    needs_structure: ClassVar[bool] = False
    pace: ClassVar[Pace]

    @abstractmethod
    def describe(self, material: Material) -> list[Arrays]:
        """The descriptions of a material that are worth learning from, the first as it is given."""

    @abstractmethod
    def network(self, outputs: int) -> nn.Module:
        """A network with fresh weights: tensors of n descriptions in, an :class:`Answer` for ``outputs`` properties."""

    def problem(self, material: Material) -> str | None:
        """Why the network cannot be asked about a material, in words, or ``None``."""
        return (lacks_structure(material) if self.needs_structure else None) or too_heavy(material)


def lacks_structure(material: Material) -> str | None:
    """That a material has no structure, in words, or ``None``."""
    return "it needs a structure, and only a gene is given" if material.structure is None else None


def too_heavy(material: Material) -> str | None:
    """That an element of a material is unknown to networks and potential, in words, or ``None``."""
    if (heaviest := max(material.gene.elements)) > LAST_ELEMENT:
        return f"{symbol(heaviest)} is beyond plutonium, the last element it knows"
    return None


class Batches(Protocol):
    """Materials as tensors, from which a network takes some at a time."""

    def __len__(self) -> int: ...

    def given(self, index: Tensor, /) -> Tensors:
        """The materials of an index array, as they are given."""

    def drawn(self, index: Tensor, generator: torch.Generator, /) -> Tensors:
        """The same in descriptions drawn at random."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """Descriptions of n materials, those of one behind each other.

    Attributes:
        tensors: (m, …) by name.
        first: (n,) row of the first description of each.
        count: (n,) number of its descriptions.
    """

    tensors: Tensors
    first: Tensor
    count: Tensor

    @classmethod
    def of(cls, architecture: Architecture, materials: Sequence[Material], *, all_descriptions: bool) -> Encoded:
        """Encode materials, with all their descriptions or only the first."""
        described = [architecture.describe(material)[: None if all_descriptions else 1] for material in materials]
        count = torch.tensor([len(descriptions) for descriptions in described])
        rows = [row for descriptions in described for row in descriptions]
        tensors = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
        return cls(tensors, count.cumsum(0) - count, count)

    def __len__(self) -> int:
        return len(self.first)

    def given(self, index: Tensor) -> Tensors:
        """The first description of each of the materials of an index array."""
        return self._rows(self.first[index])

    def drawn(self, index: Tensor, generator: torch.Generator) -> Tensors:
        """One description of each, every one as likely as the other."""
        chosen = (torch.rand(len(index), generator=generator) * self.count[index]).long()
        return self._rows(self.first[index] + chosen)

    def _rows(self, rows: Tensor) -> Tensors:
        return {name: tensor[rows] for name, tensor in self.tensors.items()}


def as_heads(numbers: Tensor) -> Heads:
    """(n, 3 t) outputs of a network as the heads of t properties."""
    location, log_scale, zero = numbers.float().unflatten(1, (3, -1)).unbind(1)
    return Heads(location, log_scale.clamp(-6.0, 3.0), zero)


def composition_arrays(material: Material, most: int) -> Arrays:
    """Elements (most,), 0 for none, and their atomic fractions (most,), by descending fraction."""
    parts = sorted(material.gene.composition.items(), key=lambda part: (-part[1], part[0]))
    numbers, fractions = np.zeros(most, np.int64), np.zeros(most, np.float32)
    for k, (number, count) in enumerate(parts):
        numbers[k], fractions[k] = number, count / material.gene.n_atoms
    return {"numbers": numbers, "fractions": fractions}


@cache
def element_vectors(*, normalised: bool) -> Tensor:
    """(95, 200) vectors of the elements by atomic number, learned from the words around them in abstracts; row 0 zero.

    Args:
        normalised: whether they are of length 1, as Roost's authors use them, or as they were learned (2.5 to 5.3).

    Source: mat2vec, Tshitoyan et al., Nature 571, 95 (2019), as carried by ElementEmbeddings (MIT licence).
    """
    content = (files("wyckforge.models.forward") / "mat2vec.safetensors").read_bytes()
    vectors = load(content)["vectors"].astype(np.float32)
    if normalised:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.from_numpy(np.concatenate([np.zeros((1, vectors.shape[1]), np.float32), vectors]))


class ElementVectors(nn.Module):
    """Looks up the fixed vectors of elements: (…) atomic numbers to (…, 200)."""

    vectors: Tensor

    def __init__(self, *, normalised: bool = True) -> None:
        super().__init__()
        self.register_buffer("vectors", element_vectors(normalised=normalised), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """Vectors of atomic numbers, zero for 0."""
        return self.vectors[numbers]


class ResidualReadOut(nn.Module):
    """Fully connected layers, each with a linear map of its input added; the read-out of Roost and CrabNet."""

    def __init__(self, *sizes: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.passes = nn.ModuleList(
            nn.Linear(a, b, bias=False) if a != b else nn.Identity() for a, b in pairwise(sizes)
        )
        self.last = nn.Linear(sizes[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(…, sizes[0]) to (…, outputs)."""
        for layer, by in zip(self.layers, self.passes, strict=True):
            x = torch.relu(layer(x)) + by(x)
        found: Tensor = self.last(x)
        return found
