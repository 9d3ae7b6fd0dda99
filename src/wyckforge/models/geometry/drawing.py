"""Drawing crystals number by number, with a look at the room that is left before an orbit takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wyckforge.models.geometry.network import Asked, GeometryNetwork, Mixtures, Told
from wyckforge.models.geometry.sequence import FIXED, VOLUME, Layout, X, cell_features
from wyckforge.models.geometry.surroundings import GRID, NEIGHBOURS, Placed, Reals, with_last
from wyckforge.models.orbitvae.vocabulary import Orbits
from wyckforge.symmetry.lattice import metric_tensor
from wyckforge.symmetry.parameters import free_axes, place
from wyckforge.symmetry.tables import LETTERS

Floats = NDArray[np.float64]

CANDIDATES = 8
"""Values drawn for the last coordinate of an orbit; the first with enough room is taken."""

ENOUGH_ROOM = 0.85
"""In contact distances."""

_GRID = np.arange(GRID) / GRID


class Drafts(NamedTuple):
    """n drawn crystals.

    Attributes:
        numbers: (n, t) their sequences.
        log_density: (n,) sum of the log densities at temperature 1; minus infinity for a cell that cannot be.
        room: (n,) shortest distance between two atoms, in contact distances.
    """

    numbers: Floats
    log_density: Floats
    room: Floats


def draw(
    network: GeometryNetwork,
    index: Mapping[int, int],
    contacts: Reals,
    layout: Layout,
    n: int,
    rng: np.random.Generator,
    temperature: float,
    least_room: float,
) -> Drafts:
    """n crystals of a gene.

    Args:
        network: in evaluation mode, on the processor.
        index: place of each atomic number in its vocabulary.
        contacts: (119, 119) contact distances in Å.
        layout: of the gene.
        n: how many.
        rng: source of all chance.
        temperature: 1 draws from the density, less favours what is probable.
        least_room: drafts with atoms closer than this, in contact distances, are given up as soon as others are left.
    """
    state = _State(network, index, contacts, layout, n)
    density, least = np.zeros(n), np.full(n, np.inf)
    for t, (kind, _) in enumerate(layout.steps):
        room = state.room(t)
        mixtures = state.ask(t, room)
        if kind == FIXED:
            numbers, clear = np.zeros(n), state.clearance(t, np.zeros((n, 0)))[:, 0].astype(np.float64)
        elif kind < X:
            numbers, clear = _normal(mixtures.cell[:, 0].numpy(), rng, temperature), least
        else:
            numbers, clear = _coordinate(state, t, mixtures, rng, temperature)
        found = network.log_density(mixtures, torch.full((n, 1), kind), _float(numbers)[:, None])
        density += found[:, 0].double().numpy()
        least = np.minimum(least, clear)
        state.tell(t, numbers)
        if (crowded := least < least_room).any() and not crowded.all():
            # as a particle filter does: drafts in which atoms collide go on as copies of others
            rows = np.arange(n)
            rows[crowded] = rng.choice(np.flatnonzero(~crowded), crowded.sum())
            density, least = density[rows], least[rows]
            state.keep(rows)
    density[~state.possible] = -np.inf
    return Drafts(state.numbers, density, least)


def volume_mixture(network: GeometryNetwork, index: Mapping[int, int], layout: Layout) -> Floats:
    """(3, k) log weights, means and log standard deviations of the first number, the volume's logarithm."""
    state = _State(network, index, np.ones((119, 119), np.float32), layout, 1)
    found: Floats = state.ask(VOLUME, np.full((1, GRID), -1.0, np.float32)).cell[0, 0].double().numpy()
    return found


class _State:
    """n half-drawn crystals: what the network remembers of them, and where their atoms are."""

    def __init__(
        self, network: GeometryNetwork, index: Mapping[int, int], contacts: Reals, layout: Layout, n: int
    ) -> None:
        self.network, self.layout, self.contacts, self.n = network, layout, contacts, n
        self.index = np.zeros(119, np.int64)
        self.index[list(index)] = list(index.values())
        elements = torch.tensor([[index[z] for z, _ in layout.orbits]])
        letters = torch.tensor([[LETTERS.index(letter) for _, letter in layout.orbits]])
        group = torch.tensor([layout.gene.space_group - 1])
        self.gene = network.read(Orbits(group, elements, letters)).expand(n, -1, -1)
        self.numbers = np.zeros((n, len(layout.steps)))
        self.cell = torch.zeros(n, 6)
        self.possible: NDArray[np.bool_] = np.ones(n, np.bool_)
        self.before: Told | None = None
        self.past: list[Tensor | None] = [None] * len(network.blocks)
        self.placed: Placed | None = None

    def room(self, t: int) -> Reals:
        """(n, 24) room for the last coordinate of an orbit on the grid; -1 where the number is another."""
        if self.layout.steps[t][0] == FIXED or not self.layout.completes[t]:
            return np.full((self.n, GRID), -1.0, np.float32)
        return self.clearance(t, np.broadcast_to(_GRID, (self.n, GRID)))

    def clearance(self, t: int, values: Floats) -> Reals:
        """(n, g) room at (n, g) values of the last coordinate of the orbit; (n, 1) for an orbit without any."""
        assert self.placed is not None
        kind, orbit = self.layout.steps[t]
        z, letter = self.layout.orbits[orbit]
        points = np.zeros((self.n, 1, 0)) if kind == FIXED else with_last(self._settled(t), values)
        return self.placed.room(z, letter, points)

    def ask(self, t: int, room: Reals) -> Mixtures:
        """Density of a number."""
        kind, orbit = self.layout.steps[t]
        asked = Asked(
            torch.full((self.n, 1), kind), torch.full((self.n, 1), orbit), self.cell, torch.from_numpy(room)[:, None]
        )
        return self.network.step(self.gene, asked, self.before, self.past)

    def tell(self, t: int, numbers: Floats) -> None:
        """Take a number as drawn; an orbit that is complete takes its place."""
        kind, orbit = self.layout.steps[t]
        self.numbers[:, t] = numbers
        point = np.zeros((self.n, 3), np.float32)
        near = np.full((self.n, NEIGHBOURS), np.inf, np.float32)
        elements = np.zeros((self.n, NEIGHBOURS), np.int64)
        if orbit < 0:
            if t + 1 == len(self.layout.cell_kinds):
                self._close_cell()
        elif self.placed is not None:
            z, letter = self.layout.orbits[orbit]
            values = np.zeros((self.n, 0)) if kind == FIXED else np.hstack([self._settled(t), numbers[:, None]])
            if self.layout.completes[t]:
                near, elements, point = self.placed.put(z, letter, values)
            else:
                rest = np.zeros((self.n, len(free_axes(self.layout.gene.space_group, letter)) - values.shape[1]))
                point = place(self.layout.gene.space_group, letter, np.hstack([values, rest])).astype(np.float32)
        known = np.broadcast_to(self.layout.known_rows[t], (self.n, 1, 3)).copy()
        self.before = Told(
            torch.full((self.n, 1), kind),
            _float(numbers)[:, None],
            torch.from_numpy(point)[:, None],
            torch.from_numpy(known),
            torch.from_numpy(near)[:, None],
            torch.from_numpy(self.index[elements])[:, None],
        )

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Go on with the drafts of an index array, which may repeat some."""
        index = torch.from_numpy(rows)
        self.numbers, self.possible, self.cell = self.numbers[rows], self.possible[rows], self.cell[index]
        self.past = [None if one is None else one[:, index] for one in self.past]
        if self.before is not None:
            self.before = Told(*(part[index] for part in self.before))
        if self.placed is not None:
            self.placed.keep(rows)

    def _settled(self, t: int) -> Floats:
        """(n, d) coordinates of the orbit that are drawn already."""
        first = t
        while first > 0 and self.layout.steps[first - 1][1] == self.layout.steps[t][1]:
            first -= 1
        return self.numbers[:, first:t]

    def _close_cell(self) -> None:
        cells = self.layout.cells(self.numbers)
        metric = metric_tensor(cells)
        self.possible = np.asarray(np.isfinite(cells).all(1))
        self.possible[self.possible] = np.linalg.eigvalsh(metric[self.possible]).min(1) > 0
        cells[~self.possible] = (5.0, 5.0, 5.0, 90.0, 90.0, 90.0)
        self.cell = torch.from_numpy(cell_features(cells))
        lattices = np.linalg.cholesky(metric_tensor(cells))
        self.placed = Placed(lattices, self.layout.gene.space_group, self.contacts)


def _coordinate(
    state: _State, t: int, mixtures: Mixtures, rng: np.random.Generator, temperature: float
) -> tuple[Floats, Floats]:
    """One value for each draft, and the room it has; infinite where the orbit goes on."""
    completes = bool(state.layout.completes[t])
    mixture = mixtures.coordinate[:, 0].double().numpy()
    values = _wrapped(mixture, rng, temperature, CANDIDATES if completes else 1)
    if not completes:
        return values[:, 0], np.full(len(values), np.inf)
    clear = state.clearance(t, values).astype(np.float64)
    # the first that fits; where none does, the one with most room
    pick = np.where((clear >= ENOUGH_ROOM).any(1), (clear >= ENOUGH_ROOM).argmax(1), clear.argmax(1))[:, None]
    return np.take_along_axis(values, pick, 1)[:, 0], np.take_along_axis(clear, pick, 1)[:, 0]


def _normal(mixture: Floats, rng: np.random.Generator, temperature: float) -> Floats:
    """A value for each of n (n, 3, k) mixtures of normal distributions."""
    weights, means, widths = (part.astype(np.float64) for part in mixture.transpose(1, 0, 2))
    chosen = _components(weights, rng, temperature, 1)
    mean, width = (np.take_along_axis(part, chosen, 1)[:, 0] for part in (means, widths))
    drawn: Floats = mean + np.exp(width) * np.sqrt(temperature) * rng.standard_normal(len(mean))
    return drawn


def _wrapped(mixture: Floats, rng: np.random.Generator, temperature: float, count: int) -> Floats:
    """(n, count) values in [0, 1) of n (n, 3, 24) mixtures of von Mises distributions."""
    weights, offsets, concentrations = mixture.transpose(1, 0, 2)
    chosen = _components(weights, rng, temperature, count)
    centre = np.take_along_axis(_GRID + offsets, chosen, 1)
    kappa = np.exp(np.take_along_axis(concentrations, chosen, 1)) / temperature
    return np.asarray((rng.vonmises(2 * np.pi * centre, kappa) / (2 * np.pi)) % 1.0)


def _components(weights: Floats, rng: np.random.Generator, temperature: float, count: int) -> NDArray[np.int64]:
    """(n, count) components drawn by their (n, k) log weights."""
    sharpened = weights / temperature
    shares = np.exp(sharpened - sharpened.max(1, keepdims=True)).cumsum(1)
    drawn = rng.random((len(weights), count)) * shares[:, -1:]
    found: NDArray[np.int64] = np.minimum((shares[:, None] <= drawn[..., None]).sum(-1), weights.shape[1] - 1)
    return found


def _float(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
