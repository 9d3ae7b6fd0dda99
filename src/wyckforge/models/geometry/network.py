"""The network: a transformer that reads the gene whole and the numbers of the crystal one after the other.

The gene is read by attention over its orbits in both directions; the numbers by causal attention, so that training is
one parallel pass and drawing one pass per number. Every number has an exact density: those of the cell a mixture of
normal distributions, coordinates a mixture of von Mises distributions, one around each multiple of 1/24.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wyckforge.models.geometry.sequence import FIXED, N_KINDS, PADDING, X
from wyckforge.models.geometry.surroundings import GRID
from wyckforge.models.orbitvae.blocks import Block, Embedding, mlp
from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits

_NORMALS = 8
_HARMONICS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_RADIAL = 20
_NARROWEST, _WIDEST = 0.003, 0.06
"""Standard deviations of a component, in units of a coordinate."""

_UNIFORM = 1e-3
"""Share of a coordinate's density that is the same everywhere."""

_ROOM = 8


@dataclass(frozen=True)
class NetworkSizes:
    """What fixes the shapes of the weights.

    Attributes:
        elements: number of elements known.
        features: numbers that describe an element.
        width: of the vectors inside.
        heads: of each attention block.
        gene_layers: attention blocks over the orbits.
        layers: attention blocks over the numbers.
    """

    elements: int
    features: int
    width: int = 192
    heads: int = 6
    gene_layers: int = 4
    layers: int = 6


class Asked(NamedTuple):
    """What is known about numbers before they are drawn; n crystals, t numbers.

    Attributes:
        kind: (n, t) as in :mod:`~wyckforge.models.geometry.sequence`; ``PADDING`` behind the last.
        orbit: (n, t) place of the orbit in the gene, -1 for the cell.
        cell: (n, 6) logarithms of the edges in Å, cosines of the angles; used once the cell is complete.
        room: (n, t, 24) how much room there is at each value of the grid; negative where nobody looked.
    """

    kind: Tensor
    orbit: Tensor
    cell: Tensor
    room: Tensor


class Told(NamedTuple):
    """What is known once numbers are drawn.

    Attributes:
        kind: (n, t).
        number: (n, t).
        point: (n, t, 3) fractional coordinates of the orbit's atom, as far as they are settled.
        known: (n, t, 3) whether they are.
        near: (n, t, m) distances to the nearest atoms placed before in Å, infinite where there is none.
        near_element: (n, t, m) their elements, as indices into the vocabulary.
    """

    kind: Tensor
    number: Tensor
    point: Tensor
    known: Tensor
    near: Tensor
    near_element: Tensor


class Mixtures(NamedTuple):
    """Densities of numbers: of each both kinds, of which one applies.

    Attributes:
        coordinate: (…, 3, 24) log weights, offsets of the centres, log concentrations.
        cell: (…, 3, 8) log weights, means, log standard deviations.
    """

    coordinate: Tensor
    cell: Tensor


class GeometryNetwork(nn.Module):
    """Densities of all numbers of a crystal, given its gene."""

    grid: Tensor
    spread: Tensor

    def __init__(self, sizes: NetworkSizes, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.embedding = Embedding(sizes.elements, sizes.features, width)
        self.site = mlp(2 * width + 1, 2 * width, width)
        self.gene_blocks = nn.ModuleList(Block(width, sizes.heads, dropout=dropout) for _ in range(sizes.gene_layers))
        self.kind = nn.Embedding(N_KINDS, width)
        self.context = nn.Linear(width, width)
        self.cell = mlp(6, width, width)
        self.room = nn.Linear(GRID, width)
        self.room_missing = nn.Parameter(torch.zeros(width))
        self.number = nn.Linear(6, width)
        self.point = mlp(3 + 6 * len(_HARMONICS), 2 * width, width)
        self.near_distance = nn.Linear(_RADIAL, width)
        self.near_element = nn.Linear(width, width)
        self.near = nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width, sizes.heads, dropout=dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(width)
        self.coordinate_head = nn.Linear(width, 3 * GRID)
        self.cell_head = nn.Linear(width, 3 * _NORMALS)
        self.room_value = mlp(3, 16, _ROOM)
        self.room_use = nn.Linear(width, _ROOM)
        self.register_buffer("grid", torch.arange(GRID) / GRID, persistent=False)
        self.register_buffer("spread", torch.linspace(-1.5, 1.5, _NORMALS), persistent=False)

    def read(self, orbits: Orbits) -> Tensor:
        """(n, 1 + k, d) the gene: a vector for the whole, then one for each orbit."""
        tables = self.embedding()
        elements, positions = self.embedding.sites(tables, orbits)
        rank = 0.2 * _places_among_equals(orbits).to(elements.dtype)
        sites = self.site(torch.cat([elements, positions, rank[..., None]], -1))
        x = torch.cat([tables.group[orbits.group][:, None], sites], 1)
        present = F.pad(orbits.element != ABSENT, (1, 0), value=True)
        absent = ~present[:, None, None].expand(-1, 1, x.shape[1], -1)
        bias = torch.zeros(absent.shape, dtype=x.dtype, device=x.device).masked_fill(absent, -1e4)
        for block in self.gene_blocks:
            x = block(x, bias=bias)
        return x

    def forward(self, gene: Tensor, asked: Asked, told: Told) -> Mixtures:
        """Densities of (n, t) numbers, each given those before it.

        Args:
            gene: what :meth:`read` gave.
            asked: about every number.
            told: about every number; only what lies before one enters into its density.
        """
        x = self._ask(gene, asked) + F.pad(self._tell(told)[:, :-1], (0, 0, 1, 0))
        for block in self.blocks:
            x = block(x, causal=True)
        return self._mixtures(x, asked.room)

    def step(self, gene: Tensor, asked: Asked, before: Told | None, past: list[Tensor | None]) -> Mixtures:
        """Density of the next number, of n drafts: (n, 1); ``before`` is about the one before; ``past`` is renewed."""
        x = self._ask(gene, asked)
        if before is not None:
            x = x + self._tell(before)
        for k, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, past[k] = block.step(x, past[k])
        return self._mixtures(x, asked.room)

    def _ask(self, gene: Tensor, asked: Asked) -> Tensor:
        index = (asked.orbit + 1).clamp(min=0)[..., None].expand(-1, -1, gene.shape[-1])
        seen = (asked.room[..., :1] >= 0).to(gene.dtype)
        room = seen * self.room(asked.room) + (1 - seen) * self.room_missing
        in_cell = (asked.kind >= X).to(gene.dtype)[..., None]
        cell: Tensor = in_cell * self.cell(asked.cell)[:, None]
        found: Tensor = self.kind(asked.kind) + self.context(gene.gather(1, index)) + room + cell
        return found

    def _tell(self, told: Told) -> Tensor:
        one_hot = F.one_hot(told.kind.clamp(max=X), X + 1)[..., :X].to(told.number.dtype)
        number = self.number(one_hot * told.number[..., None])
        known = told.known.to(told.point.dtype)
        angles = 2 * math.pi * told.point[..., None] * told.point.new_tensor(_HARMONICS)
        waves = torch.cat([angles.cos(), angles.sin()], -1) * known[..., None]
        placed = (told.kind >= X).to(number.dtype)[..., None]
        point = placed * self.point(torch.cat([known, waves.flatten(-2)], -1))
        seen = torch.isfinite(told.near)
        centres = torch.linspace(0.8, 5.0, _RADIAL, device=told.near.device)
        apart = torch.where(seen, told.near, 0.0)[..., None] - centres
        radial = torch.exp(-0.5 * (apart / 0.2).square())
        vectors = self.embedding.element(self.embedding.element_features) + self.embedding.own_element
        kinds = self.near_element(vectors)[told.near_element]
        atoms = F.gelu(self.near_distance(radial) + kinds) * seen[..., None]
        told_all: Tensor = number + point + self.near(atoms.sum(-2))
        return told_all

    def _mixtures(self, x: Tensor, room: Tensor) -> Mixtures:
        x = self.norm(x)
        coordinate = self.coordinate_head(x).float().unflatten(-1, (3, GRID))
        around = torch.stack([room.roll(1, -1), room, room.roll(-1, -1)], -1)
        bias = (self.room_value(around) * self.room_use(x)[..., None, :]).sum(-1).float()
        weights = coordinate[..., 0, :] + torch.where(room >= 0, bias, 0.0)
        offsets = coordinate[..., 1, :].tanh() / GRID
        low, high = math.log(_NARROWEST), math.log(_WIDEST)
        deviation = (low + (high - low) * torch.sigmoid(coordinate[..., 2, :])).exp()
        concentration = -2 * (2 * math.pi * deviation).log()
        cell = self.cell_head(x).float().unflatten(-1, (3, _NORMALS))
        means = cell[..., 1, :] + 0.2 * self.spread
        widths = -2.0 + cell[..., 2, :].clamp(-4.0, 4.0)
        return Mixtures(
            torch.stack([weights.log_softmax(-1), offsets, concentration], -2),
            torch.stack([cell[..., 0, :].log_softmax(-1), means, widths], -2),
        )

    def log_density(self, mixtures: Mixtures, kind: Tensor, number: Tensor) -> Tensor:
        """(n, t) log densities of numbers; 0 where there is nothing to predict."""
        of_cell = normal_log_density(mixtures.cell, number)
        of_coordinate = wrapped_log_density(mixtures.coordinate, self.grid, number)
        found = torch.where(kind < X, of_cell, of_coordinate)
        return torch.where((kind == FIXED) | (kind == PADDING), 0.0, found)


def _places_among_equals(orbits: Orbits) -> Tensor:
    """(n, k) how many orbits with the same element and letter come right before each."""
    new = torch.ones_like(orbits.element, dtype=torch.bool)
    for part in (orbits.element, orbits.letter):
        new[:, 1:] &= part[:, 1:] == part[:, :-1]
    new = ~new
    new[:, 0] = True
    place = torch.arange(new.shape[1], device=new.device).expand(new.shape)
    return place - torch.where(new, place, 0).cummax(1).values


def normal_log_density(mixture: Tensor, number: Tensor) -> Tensor:
    """Log density of numbers (…) under mixtures (…, 3, k) of normal distributions."""
    weights, means, widths = mixture.unbind(-2)
    apart = (number[..., None] - means) / widths.exp()
    return (weights - 0.5 * apart.square() - widths - 0.5 * math.log(2 * math.pi)).logsumexp(-1)


def wrapped_log_density(mixture: Tensor, grid: Tensor, number: Tensor) -> Tensor:
    """Log density of numbers (…) in [0, 1) under mixtures (…, 3, k) of von Mises distributions around a grid."""
    weights, offsets, concentration = mixture.unbind(-2)
    kappa = concentration.exp()
    angle = 2 * math.pi * (number[..., None] - grid - offsets)
    peak = kappa * (angle.cos() - 1) - torch.special.i0e(kappa).log()
    mixed = (weights + peak).logsumexp(-1)
    return torch.logaddexp(mixed + math.log1p(-_UNIFORM), mixed.new_tensor(math.log(_UNIFORM)))
