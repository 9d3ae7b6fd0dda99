"""The environments of the atoms of a crystal, as CHGNet sees them: one for all atoms that it cannot tell apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.potential.chgnet import graph_of, load_model, predicted
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from chgnet.graph import CrystalGraph

Floats = NDArray[np.float64]

FEATURES = 4 * 64 + 2
"""CHGNet's 64 features of an atom after each of its four convolutions, its magnetic moment and its energy."""

_CENTRES = np.array([1.6, 2.0, 2.4, 2.8, 3.3, 3.9, 4.6, 5.4])
_WIDTHS = np.array([0.25, 0.25, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
SHELLS = len(_CENTRES)
"""Distances (Å) around which neighbours are counted, each with a Gaussian of its own width."""

_ALIKE = 0.02
"""Largest difference of features, which are of order one, between atoms that count as alike."""


@dataclass(frozen=True, eq=False)
class Environments:
    """The k environments in a crystal.

    Attributes:
        numbers: (k,) atomic numbers.
        share: (k,) share of the atoms that have it.
        features: (k, FEATURES).
        neighbours: (k, k, SHELLS) how many neighbours with the second environment an atom with the first has around
            each distance.
        energy: of the crystal in eV/atom, MP2020 corrections included.
        volume: Å³ per atom.
    """

    numbers: NDArray[np.int64]
    share: Floats
    features: Floats
    neighbours: Floats
    energy: float
    volume: float

    @classmethod
    def of(cls, crystal: Crystal) -> Self:
        """Those of a crystal; any cell gives the same, the primitive one at the lowest price.

        Raises:
            PotentialError: CHGNet has no answer, see :func:`wyckforge.potential.chgnet.evaluate`.
        """
        graph = graph_of(crystal.lattice, crystal.numbers, crystal.frac_coords)
        energy, features = _features(graph)
        which = _alike(crystal.numbers, features)
        count = np.bincount(which)
        first = np.unique(which, return_index=True)[1]
        neighbours = np.zeros((len(count), len(count), SHELLS))
        centre, other, distance = _bonds(graph)
        np.add.at(neighbours, (which[centre], which[other]), np.exp(-(((distance[:, None] - _CENTRES) / _WIDTHS) ** 2)))
        return cls(
            crystal.numbers[first],
            count / count.sum(),
            _sums(which, features) / count[:, None],
            neighbours / count[:, None, None],
            energy,
            crystal.volume / len(crystal.numbers),
        )

    def to_vector(self) -> Floats:
        """All numbers in one vector, whose length tells k."""
        parts = (self.numbers, self.share, self.features.ravel(), self.neighbours.ravel())
        return np.concatenate([*parts, [self.energy, self.volume]]).astype(np.float64)

    @classmethod
    def from_vector(cls, numbers: Floats) -> Self:
        """Inverse of :meth:`to_vector`.

        Raises:
            ValueError: no k has a vector of this length.
        """
        if not (k := number_of_environments(len(numbers))):
            raise ValueError(f"{len(numbers)} numbers are no environments")
        parts = np.split(numbers, np.cumsum([k, k, k * FEATURES, k * k * SHELLS]))
        return cls(
            parts[0].astype(np.int64),
            parts[1],
            parts[2].reshape(k, FEATURES),
            parts[3].reshape(k, k, SHELLS),
            *map(float, parts[4]),
        )


def number_of_environments(size: int) -> int:
    """The k that a vector of so many numbers holds; 0 if it cannot hold any."""
    # size = SHELLS k² + (2 + FEATURES) k + 2
    linear = 2 + FEATURES
    k = round((math.sqrt(linear**2 + 4 * SHELLS * max(size - 2, 0)) - linear) / (2 * SHELLS))
    return k if SHELLS * k**2 + linear * k + 2 == size else 0


def environments_in_numbers(crystal: Crystal) -> Floats:
    """:class:`Environments` of a crystal as :meth:`Environments.to_vector` gives them."""
    return Environments.of(crystal).to_vector()


def _features(graph: CrystalGraph) -> tuple[float, Floats]:
    """Energy in eV/atom, and the (n, FEATURES) features of the atoms."""
    after: list[NDArray[np.float32]] = []
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, output: after.append(output.detach().numpy()))
        for layer in load_model().atom_conv_layers
    ]
    try:
        found = predicted(graph, task="em", return_site_energies=True)
    finally:
        for hook in hooks:
            hook.remove()
    features = np.hstack([*after, found["m"].reshape(-1, 1), found["site_energies"].reshape(-1, 1)])
    return float(found["e"]), features.astype(np.float64)


def _alike(numbers: NDArray[np.int64], features: Floats) -> NDArray[np.int64]:
    """(n,) environment of every atom: that of the first atom of the same element with like features."""
    which = np.full(len(numbers), -1)
    for k in range(len(numbers)):
        free = np.flatnonzero(which < 0)
        if not len(free):
            break
        close = np.abs(features[free] - features[free[0]]).max(1) < _ALIKE
        which[free[close & (numbers[free] == numbers[free[0]])]] = k
    return which


def _bonds(graph: CrystalGraph) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Centre, neighbour and distance (Å) of every pair of the graph, both ways."""
    centre, other = graph.atom_graph.numpy().T
    coords, lattice = graph.atom_frac_coord.detach().numpy(), graph.lattice.detach().numpy()
    apart = (coords[other] + graph.neighbor_image.numpy() - coords[centre]) @ lattice
    return centre, other, np.linalg.norm(apart, axis=1)


def _sums(which: NDArray[np.int64], values: Floats) -> Floats:
    found = np.zeros((which.max() + 1, values.shape[1]))
    np.add.at(found, which, values)
    return found
