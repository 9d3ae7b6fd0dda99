"""FTCP: a crystal as what stands in its CIF, beside Fourier transforms of the properties of its elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wyckforge.data.material import Material
from wyckforge.models.features import element_features
from wyckforge.models.forward.architecture import LAST_ELEMENT, Answer, Architecture, Arrays, Pace, Tensors, as_heads
from wyckforge.models.forward.cell import MOST_ATOMS, cell_arrays, descriptions
from wyckforge.models.forward.wycryst import property_branch
from wyckforge.symmetry.elements import electronegativity

N_POINTS = 59
"""Points of the reciprocal lattice, those of lowest indices."""

_WEIGHT = 1 / 64
"""Of the squared error of the reconstructed array, summed over a crystal; of WyCryst, which follows FTCP in this."""

_KL_WEIGHT = 4 / 512


@dataclass(frozen=True)
class FTCP(Architecture):
    """Real space and reciprocal space side by side, through convolutions to a latent vector.

    Columns of the array: one per element, then one per reciprocal point. Rows of real space: the one-hot element, the
    lattice, the sites' coordinates, which site holds which element, and the properties of the element. Those of
    reciprocal space: moduli of the Fourier transforms of these properties, per atom.

    Attributes:
        augmented: whether it learns from the cell under all operators of the normalizer, the paper's "+".
        max_elements: columns of real space.

    Source: Ren et al., Matter 5, 314 (2022), Figure 1 and Methods.
    """

    augmented: bool = False
    max_elements: int = 3

    needs_structure = True
    pace = Pace(epochs=80, learning_rate=1e-3, batch_size=64, weight_decay=1e-3)

    def describe(self, material: Material) -> list[Arrays]:
        """One cell per operator of the normalizer; the network itself makes the array of it."""
        found = descriptions(material.known_structure)
        elements = np.zeros(self.max_elements, np.int64)
        order = sorted(material.gene.elements, key=electronegativity)
        elements[: len(order)] = order
        return [{"elements": elements, **cell_arrays(cell)} for cell, _ in (found if self.augmented else found[:1])]

    def network(self, outputs: int) -> nn.Module:
        """Fresh weights."""
        return _FTCP(self.max_elements, outputs)

    def problem(self, material: Material) -> str | None:
        """Why the network cannot be asked about a material."""
        if (n := len(material.gene.elements)) > self.max_elements:
            return f"it has {n} elements, at most {self.max_elements} are allowed"
        return super().problem(material)


class _FTCP(nn.Module):
    features: Tensor
    points: Tensor

    def __init__(self, max_elements: int, outputs: int) -> None:
        super().__init__()
        features = np.concatenate([np.zeros((1, element_features([1]).shape[1])), _features()]).astype(np.float32)
        self.register_buffer("features", torch.from_numpy(features), persistent=False)
        self.register_buffer("points", torch.from_numpy(reciprocal_points()), persistent=False)
        self.max_elements = max_elements
        rows = LAST_ELEMENT + 2 + 2 * MOST_ATOMS + features.shape[1]
        self.autoencoder = _ConvolutionalVAE(rows, max_elements + N_POINTS)
        self.branch = property_branch(_ConvolutionalVAE.LATENT, outputs)

    def forward(self, batch: Tensors) -> Answer:
        """Properties read from the latent mean, and what the reconstruction costs."""
        array = self.array(batch)
        mean, log_variance = self.autoencoder.encode(array)
        heads = as_heads(self.branch(mean))
        if not self.training:
            return Answer(heads, mean.new_zeros(()))
        decoded = self.autoencoder.decode(mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        error = (decoded - array).square().sum((1, 2)).mean()
        return Answer(heads, _WEIGHT * error + _KL_WEIGHT * divergence.mean())

    def array(self, batch: Tensors) -> Tensor:
        """(n, max_elements + N_POINTS, rows) the representation, columns as channels."""
        elements, sites = batch["elements"], batch["site_numbers"]
        one_hot = nn.functional.one_hot(elements, LAST_ELEMENT + 1)[..., 1:].transpose(1, 2)
        holds = (sites[:, :, None] == elements[:, None]) & (sites[:, :, None] > 0)
        cell = torch.cat([batch["lattice"], batch["coords"]], 1)
        cell = nn.functional.pad(cell, (0, max(0, self.max_elements - 3)))[..., : max(3, self.max_elements)]
        real = torch.cat([one_hot, cell, holds, self.features[elements].transpose(1, 2)], 1)
        phases = 2 * torch.pi * batch["coords"] @ self.points.T
        described = self.features[sites]
        n_atoms = (sites > 0).sum(1)[:, None, None]
        parts = [torch.einsum("nsk,nsf->nfk", wave, described) for wave in (phases.cos(), phases.sin())]
        reciprocal = torch.linalg.vector_norm(torch.stack(parts), dim=0) / n_atoms
        below = nn.functional.pad(reciprocal, (0, 0, 0, real.shape[1] - reciprocal.shape[1]))
        return torch.cat([real.float(), below], 2).transpose(1, 2)


class _ConvolutionalVAE(nn.Module):
    LATENT, _DENSE = 256, 1024
    _LAYERS = ((32, 5, 2), (64, 3, 2), (128, 3, 1))  # channels, width, step

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.encoder, decoder, before, length = nn.Sequential(), [], columns, rows
        for channels, width, step in self._LAYERS:
            after = -(-length // step)
            self.encoder.extend(
                (nn.Conv1d(before, channels, width, step, width // 2), nn.BatchNorm1d(channels), nn.ReLU())
            )
            extra = length - ((after - 1) * step - 2 * (width // 2) + width)
            back = nn.ConvTranspose1d(channels, before, width, step, width // 2, output_padding=extra)
            decoder.append([back] if before == columns else [back, nn.BatchNorm1d(before), nn.ReLU()])
            before, length = channels, after
        self.encoder.extend((nn.Flatten(), nn.Linear(before * length, self._DENSE), nn.ReLU()))
        self.latent = nn.Linear(self._DENSE, 2 * self.LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(self.LATENT, before * length), nn.ReLU(), nn.Unflatten(1, (before, length))
        )
        for layers in reversed(decoder):
            self.decoder.extend(layers)

    def encode(self, array: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.latent(self.encoder(array)).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        found: Tensor = self.decoder(z)
        return found


def reciprocal_points() -> NDArray[np.float32]:
    """(N_POINTS, 3) integer indices by ascending length, the origin first, one of each pair ±h."""
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    half = [h for h in grid.tolist() if h == [0, 0, 0] or next(i for i in h if i) > 0]
    return np.array(sorted(half, key=lambda h: (sum(i * i for i in h), [-i for i in h]))[:N_POINTS], np.float32)


def _features() -> NDArray[np.float32]:
    return element_features(range(1, LAST_ELEMENT + 1))
