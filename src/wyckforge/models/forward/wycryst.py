"""WyCryst: the encoder of the paper's autoencoder as a forward model, with and without structures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import (
    LAST_ELEMENT,
    Answer,
    Architecture,
    Arrays,
    Pace,
    Tensors,
    as_heads,
)
from wyckforge.models.forward.cell import MOST_ATOMS, cell_arrays, descriptions
from wyckforge.models.losses import PUBLISHED_BATCH, LossWeights, losses
from wyckforge.models.mpvae import MPVAE, MPVAEConfig, Output
from wyckforge.models.representation import Representation
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import MULTIPLICITY

_WEIGHTS = LossWeights(property=0)
"""The published balance of what is reconstructed; the errors of the properties are weighed outside."""


@dataclass(frozen=True)
class WyCryst(Architecture):
    """The Wyckoff array through convolutions to a latent vector, from which properties and the array are read.

    Attributes:
        augmented: whether it learns from all spellings of the letters, the paper's "+".
        max_elements: columns of the array.

    Source: Zhu et al., Matter 7, 3469 (2024); the paper's Methods.
    """

    augmented: bool = False
    max_elements: int = 3

    pace = Pace(epochs=100, learning_rate=1e-3, batch_size=64, weight_decay=1e-3)

    def describe(self, material: Material) -> list[Arrays]:
        """One Wyckoff array per spelling of the letters."""
        genes = material.gene.orbit() if self.augmented else (material.gene,)
        return [self._array(gene) for gene in genes]

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _WyCryst(self.representation.rows, self.max_elements, outputs)

    def problem(self, material: Material) -> str | None:
        """Why the network cannot be asked about a material."""
        return super().problem(material) or self.representation.problem(material.gene)

    @cached_property
    def representation(self) -> Representation:
        """The Wyckoff array of hydrogen to plutonium."""
        return Representation(tuple(range(1, LAST_ELEMENT + 1)), self.max_elements)

    def _array(self, gene: WyckoffGene) -> Arrays:
        x, group = self.representation.encode([gene])
        return {"x": x[0], "group": group[0]}


@dataclass(frozen=True)
class WyCrystL(WyCryst):
    """The Wyckoff array with the lattice and the coordinates of the atoms above it: the paper's WyCryst-L.

    Augmented, each normalizer operator renames the letters and moves the atoms at once, so that both agree.
    """

    needs_structure = True

    def describe(self, material: Material) -> list[Arrays]:
        """One array per operator of the normalizer."""
        found = descriptions(material.known_structure)
        return [self._with_cell(gene, cell_arrays(cell)) for cell, gene in (found if self.augmented else found[:1])]

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        rows = self.representation.rows + sum(cell_rows().values())
        return _WyCryst(rows, self.max_elements, outputs)

    def _with_cell(self, gene: WyckoffGene, cell: Arrays) -> Arrays:
        array = self._array(gene)
        above = np.concatenate([cell[name] for name in cell_rows()])
        padded = np.zeros((len(above), self.max_elements), np.float32)
        padded[:, :3] = above
        return array | {"x": np.concatenate([padded, array["x"]])}


class _WyCryst(nn.Module):
    multiplicity: Tensor

    def __init__(self, rows: int, max_elements: int, outputs: int) -> None:
        super().__init__()
        self.autoencoder = MPVAE(MPVAEConfig(rows, max_elements, targets=()))
        self.branch = property_branch(self.autoencoder.config.latent, outputs)
        self.register_buffer("multiplicity", torch.tensor(MULTIPLICITY, dtype=torch.float32), persistent=False)

    def forward(self, batch: Tensors) -> Answer:
        """Properties read from the latent mean, and what the reconstruction costs."""
        x, group = batch["x"], batch["group"]
        mean, log_variance = self.autoencoder.encode(x, group)
        heads = as_heads(self.branch(mean))
        if not self.training:
            return Answer(heads, mean.new_zeros(()))
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        nothing = mean.new_zeros(len(x), 0)
        output = Output(*self.autoencoder.decode(z), mean, log_variance, nothing)
        return Answer(heads, losses(output, x, group, nothing, self.multiplicity).total(_WEIGHTS) / PUBLISHED_BATCH)


def property_branch(latent: int, outputs: int) -> nn.Sequential:
    """From a latent vector to the heads of properties, as wide as the paper's branches."""
    return nn.Sequential(nn.Linear(latent, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 3 * outputs))


def cell_rows() -> dict[str, int]:
    """Rows that a cell adds to the array, by name."""

    return {"lattice": 2, "coords": MOST_ATOMS}
