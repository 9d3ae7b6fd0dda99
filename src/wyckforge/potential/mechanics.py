"""How a crystal answers to strain and to pressure, by CHGNet: elastic constants and the energy at nine volumes.

Second derivatives are exact: the energy is differentiated twice through the network, so no size of a strain or of a
displacement has to be chosen. All is taken at the structure as given; nothing is relaxed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.potential.chgnet import PotentialError, evaluate, graph_of, load_model
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

VOLUME_RATIOS = np.linspace(0.88, 1.12, 9)
"""Volumes at which the energy is taken, in units of the given one; atoms keep their fractional coordinates."""

MECHANICS_SIZE = 72 + len(VOLUME_RATIOS)

MOST_PATTERNS = 48
"""Displacement patterns in which atoms may give way to a strain; what the strain drives directly comes first."""

GPA = 160.21766208
"""GPa in one eV/Å³."""

_SOFTEST = 0.2
"""eV/Å²: along a pattern with less restoring force than this atoms would give way without end."""

_VOIGT = np.zeros((6, 3, 3))
"""Strains along the six directions, a shear in equal parts in both of its places."""
for _k, (_i, _j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
    _VOIGT[_k, _i, _j] += 0.5
    _VOIGT[_k, _j, _i] += 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Mechanics:
    """The answer of a crystal to strain.

    Attributes:
        clamped: (6, 6) elastic constants in GPa, Voigt order, with atoms at fixed fractional coordinates.
        relaxed: (6, 6) the same after the atoms have given way.
        energies: (9,) eV/atom at :data:`VOLUME_RATIOS`; NaN where the potential has no answer.
    """

    clamped: Array
    relaxed: Array
    energies: Array

    def to_vector(self) -> Array:
        """(MECHANICS_SIZE,) all numbers."""
        return np.concatenate([self.clamped.reshape(-1), self.relaxed.reshape(-1), self.energies])

    @classmethod
    def from_vector(cls, vector: Array) -> Mechanics:
        """Inverse of :meth:`to_vector`."""
        return cls(vector[:36].reshape(6, 6), vector[36:72].reshape(6, 6), vector[72:])


def respond(crystal: Crystal) -> Mechanics:
    """Elastic constants and equation of state; about a second for ten atoms, so give the primitive cell.

    Raises:
        PotentialError: CHGNet has no answer, see :func:`wyckforge.potential.chgnet.evaluate`.
    """
    clamped, relaxed = _elastic_constants(crystal)
    return Mechanics(clamped, relaxed, _energies(crystal))


def respond_in_numbers(crystal: Crystal) -> Array:
    """(MECHANICS_SIZE,) :func:`respond` as numbers."""
    return respond(crystal).to_vector()


def _energies(crystal: Crystal) -> Array:
    energies = np.full(len(VOLUME_RATIOS), np.nan)
    for k, ratio in enumerate(VOLUME_RATIOS):
        lattice = crystal.lattice * ratio ** (1 / 3)
        try:
            energies[k] = evaluate(lattice, crystal.numbers, crystal.frac_coords, task="e")["e"]
        except PotentialError:  # pulled apart, an atom may lose its last neighbour
            continue
    return energies


def _elastic_constants(crystal: Crystal) -> tuple[Array, Array]:
    """Second derivatives of the energy by the strain: with clamped atoms, and less what the atoms gain by moving."""
    import torch
    from chgnet.model.model import BatchedGraph

    model = load_model().requires_grad_(requires_grad=False)
    batch = BatchedGraph.from_graphs(
        [graph_of(crystal.lattice, crystal.numbers, crystal.frac_coords)],
        bond_basis_expansion=model.bond_basis_expansion,
        angle_basis_expansion=model.angle_basis_expansion,
        compute_stress=True,
    )
    positions, strain = batch.atom_positions[0], batch.strains[0]
    energy = model._compute(batch)["e"].sum() * len(crystal)
    force, stress = torch.autograd.grad(energy, [positions, strain], create_graph=True)

    def derivatives_of(first: torch.Tensor, direction: Array) -> tuple[Array, Array]:
        """Second derivatives by positions (3n,) and along the six strains (6,), of a first one along a direction."""
        weights = torch.as_tensor(direction, dtype=first.dtype).reshape(first.shape)
        by_position, by_strain = torch.autograd.grad(first, [positions, strain], weights, retain_graph=True)
        along = np.einsum("kij,ij->k", _VOIGT, by_strain.numpy().astype(np.float64))
        return by_position.numpy().astype(np.float64).reshape(-1), along

    rows = [derivatives_of(stress, direction) for direction in _VOIGT]
    driven, second = (np.array(part) for part in zip(*rows, strict=True))
    gain = _gain(driven, lambda pattern: derivatives_of(force, pattern)[0])
    per_volume = GPA / crystal.volume
    return per_volume * (second + second.T) / 2, per_volume * (second - gain)


def _gain(driven: Array, stiffness: Callable[[Array], Array]) -> Array:
    """(6, 6) what the energy gains, in second order, when the atoms follow the strains.

    The displacements solve (force constants) · u = (forces per strain). They are sought in the space that the forces
    span and that applying the force constants to it, again and again, opens (a block Krylov space). Symmetry keeps it
    small: in rock salt it is empty. Cut off at :data:`MOST_PATTERNS`, it gives the best answer within.

    Args:
        driven: (6, 3n) second derivatives by strain and position.
        stiffness: (3n,) displacement pattern to the forces that hold it back.
    """
    patterns: list[Array] = []
    images: list[Array] = []
    waiting = list(driven)
    scale = max(1e-3, float(np.abs(driven).max()))
    while waiting and len(patterns) < MOST_PATTERNS:
        candidate = waiting.pop(0)
        for _ in range(2):  # once more against rounding
            for pattern in patterns:
                candidate = candidate - (pattern @ candidate) * pattern
        length = float(np.linalg.norm(candidate))
        if length < 1e-3 * scale:
            continue
        patterns.append(candidate / length)
        images.append(stiffness(patterns[-1]))
        waiting.append(images[-1])
    if not patterns:
        return np.zeros((6, 6))
    basis = np.array(patterns)
    projected = basis @ np.array(images).T
    values, vectors = np.linalg.eigh((projected + projected.T) / 2)
    kept = values > _SOFTEST
    share = driven @ basis.T @ vectors[:, kept]
    gained: Array = (share / values[kept]) @ share.T
    return gained
