"""Properties of genes, with a measure of how sure the network is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wyckforge.models.orbitvae.blocks import Block, Embedding, Tables, mlp
from wyckforge.models.orbitvae.vocabulary import Orbits
from wyckforge.symmetry.tables import MULTIPLICITY

_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE = -6.0, 3.0


@dataclass(frozen=True)
class PredictorConfig:
    """Sizes of a predictor.

    Attributes:
        elements: vocabulary.
        features: numbers that describe an element.
        outputs: properties, in the order of the heads.
        width: of the vectors inside.
        layers: attention blocks.
        dropout: share of numbers set to zero while learning.
    """

    elements: int
    features: int
    outputs: tuple[str, ...]
    width: int = 160
    layers: int = 3
    dropout: float = 0.1


class Heads(NamedTuple):
    """What a predictor says about n genes and t properties, in scaled units.

    Attributes:
        location: (n, t) middle of the distribution of the property where it is not zero.
        log_scale: (n, t) logarithm of the mean absolute deviation from it.
        zero: (n, t) log-odds that the property is exactly zero, as the gap of a metal is.
    """

    location: Tensor
    log_scale: Tensor
    zero: Tensor


class Predictor(nn.Module):
    """A transformer over the set of orbits.

    Every orbit attends to the others with a weight proportional to their multiplicities: the sum over orbits is a sum
    over atoms. There is no order among orbits, and genes enter in their canonical description, so that predictions are
    the same for all descriptions of a crystal.
    """

    multiplicity: Tensor

    def __init__(self, config: PredictorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embedding = Embedding(config.elements, config.features, width)
        self.site = mlp(3 * width + 2, 2 * width, width)
        self.blocks = nn.ModuleList(
            Block(width, width // 32, growth=2, dropout=config.dropout) for _ in range(config.layers)
        )
        self.normalise = nn.LayerNorm(2 * width)
        self.heads = nn.ModuleDict({name: _head(width, config.dropout) for name in config.outputs})
        self.register_buffer("multiplicity", torch.from_numpy(MULTIPLICITY.astype("float32")), persistent=False)

    def forward(self, orbits: Orbits) -> Heads:
        """Distributions of the properties of n genes."""
        return self.read(self.pooled(orbits))

    @torch.inference_mode()
    def answer(self, orbits: Orbits, *, batch: int = 1024) -> Tensor:
        """(3, n, t) heads of any number of genes; like lengths are read together, because padding costs time."""
        tables = self.embedding()
        found = torch.zeros(3, len(orbits.group), len(self.config.outputs))
        by_length = orbits.n_sites.argsort(stable=True)
        for start in range(0, len(by_length), batch):
            rows = by_length[start : start + batch]
            found[:, rows] = torch.stack(self.read(self.pooled(orbits.rows(rows), tables)))
        return found

    def read(self, pooled: Tensor) -> Heads:
        """Distributions of the properties from what the heads see."""
        found = torch.stack([self.heads[name](pooled) for name in self.config.outputs], 1).float()
        return Heads(found[..., 0], found[..., 1].clamp(_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE), found[..., 2])

    def pooled(self, orbits: Orbits, tables: Tables | None = None) -> Tensor:
        """(n, 2 width) what the heads see of n genes; ``tables`` of the embedding are made anew if not given."""
        tables = tables or self.embedding()
        present = orbits.present
        atoms = self.multiplicity[orbits.group[:, None], orbits.letter.clamp(min=0)] * present
        share = atoms / atoms.sum(1, keepdim=True)
        element, position = self.embedding.sites(tables, orbits)
        group = tables.group[orbits.group][:, None].expand_as(element)
        counts = torch.stack([share, atoms.clamp(min=1).log() / 3], -1)
        x = self.site(torch.cat([element, position, group, counts], -1))
        bias = share.clamp(min=1e-12).log().masked_fill(~present, -1e4)[:, None, None, :].to(x.dtype)
        for block in self.blocks:
            x = block(x, bias=bias)
        mean = (x * share[..., None]).sum(1)
        largest = x.masked_fill(~present[..., None], -1e4).amax(1)
        pooled: Tensor = self.normalise(torch.cat([mean, largest], -1))
        return pooled


class Pupil(nn.Module):
    """A predictor while it learns: it also guesses the geometry of every crystal, and drops that in the end."""

    def __init__(self, config: PredictorConfig, n_geometry: int) -> None:
        super().__init__()
        self.predictor = Predictor(config)
        self.geometry = mlp(2 * config.width, 2 * config.width, n_geometry) if n_geometry else None

    def forward(self, orbits: Orbits) -> tuple[Heads, Tensor]:
        """Distributions of the properties of n genes, and guesses (n, g) of their geometry."""
        pooled = self.predictor.pooled(orbits)
        guessed = pooled.new_zeros(len(pooled), 0) if self.geometry is None else self.geometry(pooled)
        return self.predictor.read(pooled), guessed.float()


def geometry_loss(guessed: Tensor, geometry: Tensor) -> Tensor:
    """Mean smooth absolute error of guesses (n, g), a scalar; 0 where nothing (NaN) is known."""
    known = ~geometry.isnan()
    error = F.smooth_l1_loss(guessed, geometry.nan_to_num(), beta=0.05, reduction="none")
    return (error * known).sum() / known.sum().clamp(min=1)


def predictor_loss(heads: Heads, labels: Tensor, zero_inflated: Tensor, weights: Tensor) -> Tensor:
    """Mean loss per gene, a scalar.

    The location learns from a smooth absolute error; the scale from the Laplace likelihood around a location that it
    cannot move, so that being unsure is no way out; the zero of a zero-inflated property from the cross-entropy, and
    its location only from labels that are not zero.

    Args:
        heads: of n genes.
        labels: (n, t) scaled, NaN where missing.
        zero_inflated: (t,) whether a label can be exactly zero.
        weights: (t,) of the properties.
    """
    known = ~labels.isnan()
    filled = labels.nan_to_num()
    is_zero = (filled == 0) & zero_inflated & known
    learned = known & ~is_zero
    error = F.smooth_l1_loss(heads.location, filled, beta=0.05, reduction="none")
    deviation = (filled - heads.location.detach()).abs()
    scale = deviation * torch.exp(-heads.log_scale) + heads.log_scale
    zero = F.binary_cross_entropy_with_logits(heads.zero, is_zero.float(), reduction="none")
    per_property = _mean(error + 0.05 * scale, learned) + 0.2 * _mean(zero, known & zero_inflated)
    return (per_property * weights).sum()


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """(t,) column means where the mask holds; 0 for a column without."""
    return (values * mask).sum(0) / mask.sum(0).clamp(min=1)


def _head(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, 3))
