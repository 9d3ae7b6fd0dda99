"""What symmetry leaves free in a crystal: some strains of the cell and some displacements of each orbit.

Every structure reached by moving these parameters has the symmetry of the start exactly, so no search over them has to
impose it. Derivatives are exact projections of forces and stress.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.potential.contract import Array, Evaluation
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import Operations

# Stiffness of an ordinary solid: a guess of the curvature is all a search needs to take first steps of the right size.
ATOM_STIFFNESS_EV_PER_SQUARE_ANGSTROM = 8.0
ELASTIC_MODULUS_EV_PER_CUBIC_ANGSTROM = 0.5  # 80 GPa

_KEPT = 0.5  # eigenvalues of projectors are 0 or 1


class Freedom:
    """The free parameters of a crystal, all zero at the start: strains first, then displacements in Å.

    With start lattice A₀ (columns) and parameters (s, q), the lattice is (1 + Σ sₖEₖ) A₀ with the symmetric tensors Eₖ
    that the point group leaves alone. Atom i, to which an operation (W, w) brings the representative of its orbit, has
    the fractional coordinates xᵢ + W A₀⁻¹ B q, where the columns of B span what the site symmetry of the
    representative leaves free. W commutes with the allowed strains, so that both can move at once.

    Args:
        crystal: n atoms, with the symmetry of the operations to numerical precision.
        operations: all of the space group in the basis of the cell.
    """

    def __init__(self, crystal: Crystal, operations: Operations) -> None:
        self.start = crystal
        axes = crystal.lattice.T
        turns = axes @ operations.rotations @ np.linalg.inv(axes)  # Cartesian
        self.strains = _invariant_strains(turns)
        self.directions = _directions(operations.images(crystal), turns)
        self._shifts = np.linalg.inv(axes) @ self.directions

    def __len__(self) -> int:
        return len(self.strains) + int(self.directions.shape[2])

    def place(self, parameters: Array) -> tuple[Array, Array]:
        """(3, 3) lattice (rows, Å) and (n, 3) fractional coordinates at (m,) parameters."""
        strain, moves = self._split(parameters)
        return self.start.lattice @ (np.eye(3) + strain), self.start.frac_coords + self._shifts @ moves

    def gradient(self, parameters: Array, found: Evaluation) -> Array:
        """(m,) derivatives of the energy by the parameters, in eV and eV/Å, from forces and stress there."""
        strain, _ = self._split(parameters)
        deformed = np.eye(3) + strain
        volume = self.start.volume * np.linalg.det(deformed)
        by_strain = volume * np.einsum("ij,kji->k", found.stress @ np.linalg.inv(deformed), self.strains)
        by_moves = -np.einsum("ni,ij,njk->k", found.forces, deformed, self.directions)
        return np.concatenate([by_strain, by_moves])

    def allowed(self, found: Evaluation) -> Evaluation:
        """The part of forces and stress that symmetry allows; all of it, if the potential is as symmetric as nature.

        Some networks are equivariant under rotations alone: theirs leave small forces on atoms at centres of inversion.
        """
        along = np.einsum("ni,nik->k", found.forces, self.directions)
        atoms_moved = np.einsum("nik,nik->k", self.directions, self.directions)
        forces = self.directions @ (along / atoms_moved)
        stress = np.einsum("ij,kij,klm->lm", found.stress, self.strains, self.strains)
        return Evaluation(found.energy_ev, forces, stress)

    def curvature(self) -> Array:
        """(m,) guess of the second derivatives by each parameter."""
        atoms = np.einsum("nik,nik->k", self.directions, self.directions) * ATOM_STIFFNESS_EV_PER_SQUARE_ANGSTROM
        cell = np.full(len(self.strains), self.start.volume * ELASTIC_MODULUS_EV_PER_CUBIC_ANGSTROM)
        return np.concatenate([cell, atoms])

    def size(self, step: Array, *, per_strain: float) -> float:
        """How far a step moves the atom that it moves most, in Å; a strain counts ``per_strain`` Å."""
        cell, moves = step[: len(self.strains)], step[len(self.strains) :]
        farthest = float(np.linalg.norm(self.directions @ moves, axis=1).max(initial=0.0))
        return max(farthest, per_strain * float(np.linalg.norm(cell)))

    def _split(self, parameters: Array) -> tuple[Array, Array]:
        count = len(self.strains)
        return np.einsum("k,kij->ij", parameters[:count], self.strains), parameters[count:]


def _invariant_strains(turns: Array) -> Array:
    """(k, 3, 3) orthonormal symmetric tensors that every rotation leaves as it is."""
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    basis = np.zeros((6, 3, 3))
    for row, (one, other) in enumerate(pairs):
        basis[row, one, other] = basis[row, other, one] = 1.0 if one == other else np.sqrt(0.5)
    averaged = np.einsum("gia,kab,gjb->kij", turns, basis, turns) / len(turns)
    projector = np.einsum("kij,lij->kl", basis, averaged)
    values, vectors = np.linalg.eigh((projector + projector.T) / 2)
    invariant: Array = np.einsum("kl,kij->lij", vectors[:, values > _KEPT], basis)
    return invariant


def _directions(images: NDArray[np.int64], turns: Array) -> Array:
    """(n, 3, m) how each atom moves, in Å, with each of the m parameters.

    Args:
        images: (g, n) where each operation sends each atom.
        turns: (g, 3, 3) Cartesian rotations.
    """
    blocks = []
    for atom in np.unique(images.min(axis=0)):  # the first atom of each orbit represents it
        stay = turns[images[:, atom] == atom].mean(axis=0)
        values, vectors = np.linalg.eigh((stay + stay.T) / 2)
        free = vectors[:, values > _KEPT]
        block = np.zeros((images.shape[1], 3, free.shape[1]))
        block[images[:, atom]] = turns @ free  # several operations reach an atom; they agree on what is free
        blocks.append(block)
    return np.concatenate(blocks, axis=2)
