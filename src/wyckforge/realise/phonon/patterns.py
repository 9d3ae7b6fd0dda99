"""Displacement patterns of a mode, and the directions of high symmetry in the space that degenerate ones span.

Which combination of degenerate modes a crystal freezes in is decided by anharmonic terms, but the candidates are known
beforehand: the order-parameter directions of isotropy subgroups (Stokes and Hatch, Isotropy Subgroups of the 230
Crystallographic Space Groups, 1988), here those that are the only ones some operations of the crystal leave alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations_with_replacement, product

import numpy as np

from wyckforge.potential.contract import Array
from wyckforge.realise.phonon.dynamics import Dynamics
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import Operations, operations

DEGENERATE_PER_CM = 1.0
"""Modes that are nearer than this count as one degenerate mode."""

SMALL = 0.02
"""Of what vanishes, relative to one: frozen eigenvectors of measured force constants are not more exact."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A displacement pattern.

    Attributes:
        moves: (n, 3) in Å, Cartesian, for the atoms of the supercell; the largest atomic displacement is 1 Å.
        signs: 1 alone where the opposite pattern makes the same crystal, else 1 and −1.
        symmetry: how many operations leave it alone.
    """

    moves: Array
    signs: tuple[int, ...]
    symmetry: int


def patterns(dynamics: Dynamics, q_point: tuple[float, ...]) -> tuple[Crystal, list[Pattern]]:
    """The smallest supercell along the axes in which a q point repeats, and patterns of its lowest mode.

    Args:
        dynamics: of the crystal; the q point is one of those that it gives exactly.
        q_point: in units of the reciprocal basis.

    Returns:
        The undisturbed supercell and the patterns, those of highest symmetry first.

    Raises:
        StructureError: the symmetry cannot be determined.
    """
    denominators = [Fraction(q).limit_denominator(max(dynamics.repeats)).denominator for q in q_point]
    cells = np.array(list(product(*map(range, denominators))))
    places = (dynamics.cell.frac_coords[:, None] + cells).reshape(-1, 3)  # in units of the primitive cell
    supercell = Crystal(
        dynamics.cell.lattice * np.array(denominators)[:, None],
        np.repeat(dynamics.cell.numbers, len(cells)),
        places / denominators,
    )
    space = _real_space(dynamics, np.array(q_point), places, len(cells))
    matrices = _representation(space, supercell)
    found = []
    for direction in _directions(matrices):
        moves = np.tensordot(direction, space, 1)
        turned = matrices @ direction
        signs = (1,) if (np.linalg.norm(turned + direction, axis=1) < SMALL).any() else (1, -1)
        alone = int((np.linalg.norm(turned - direction, axis=1) < SMALL).sum())
        found.append(Pattern(moves / np.linalg.norm(moves, axis=1).max(), signs, alone))
    return supercell, sorted(found, key=lambda one: -one.symmetry)


def _real_space(dynamics: Dynamics, q_point: Array, places: Array, n_cells: int) -> Array:
    """(d, n, 3) orthonormal patterns that the lowest degenerate modes span in the supercell."""
    frequencies, vectors = dynamics.modes(q_point)
    chosen = vectors[:, frequencies < frequencies[0] + DEGENERATE_PER_CM].T.reshape(-1, len(dynamics.cell), 3)
    waves = np.repeat(chosen / np.sqrt(dynamics.masses)[:, None], n_cells, axis=1)
    waves = waves * np.exp(2j * np.pi * places @ q_point)[:, None]
    both = np.concatenate([waves.real, waves.imag]).reshape(2 * len(waves), -1)
    _, sizes, rows = np.linalg.svd(both, full_matrices=False)
    space: Array = rows[sizes > SMALL * sizes[0]].reshape(-1, len(places), 3)
    return space


def _representation(space: Array, supercell: Crystal) -> Array:
    """(m, d, d) what the operations of the supercell do to the patterns, each different matrix once.

    Operations that lead out of the space, to another arm of the star of q, are left out.
    """
    group = operations(supercell)
    axes = supercell.lattice.T
    turns = axes @ group.rotations @ np.linalg.inv(axes)
    found: dict[bytes, Array] = {}
    for turn, rotation, shift in zip(turns, group.rotations, group.translations, strict=True):
        image = Operations(rotation[None], shift[None]).images(supercell)[0]
        moved = np.empty_like(space)
        moved[:, image] = space @ turn.T
        matrix = np.einsum("iax,jax->ij", space, moved)
        if np.abs(matrix @ matrix.T - np.eye(len(space))).max() < SMALL:
            found[(np.round(matrix, 1) + 0.0).tobytes()] = matrix
    return np.array(list(found.values()))


def _directions(matrices: Array) -> list[Array]:
    """(d,) unit vectors, each the only one that some two of the matrices leave alone, one of each equivalent set."""
    size = matrices.shape[1]
    if size == 1:
        return [np.ones(1)]
    pairs = np.array(list(combinations_with_replacement(range(len(matrices)), 2)))
    away = matrices - np.eye(size)
    _, sizes, rows = np.linalg.svd(np.concatenate([away[pairs[:, 0]], away[pairs[:, 1]]], axis=1))
    alone = (sizes[:, -1] < SMALL) & (sizes[:, -2] > 5 * SMALL)
    kept: list[Array] = []
    for vector in rows[alone, -1]:
        if not any(np.abs(matrices @ vector @ other).max() > 1 - SMALL**2 for other in kept):
            kept.append(vector)
    return kept or list(np.eye(size))
