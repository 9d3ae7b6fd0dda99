"""Harmonic lattice dynamics by finite displacements: phonopy asks, any potential answers.

Born charges are not included: no potential here knows of them. At Γ the optical modes of polar crystals are the
transverse ones, and their splitting from the longitudinal ones is missing near Γ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import phonopy
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from wyckforge.potential.contract import Array, Potential
from wyckforge.symmetry.crystal import Crystal

PER_CM_PER_THZ = 33.35640951981521
"""One THz in cm⁻¹: 10¹⁰ over the speed of light in m/s."""

MESH_MULTIPLE = 12
"""Of the points of a mesh along an axis, so that supercells of two, three, four and six cells have all theirs on it."""

TOOL = f"phonopy {phonopy.__version__}"

Repeats = tuple[int, int, int]


class Dynamics:
    """Force constants of a crystal, measured in a supercell.

    At q points that are commensurate with the supercell (whole numbers once multiplied with the repeats) the
    frequencies are those of the potential, whatever its range: a displacement repeats with the supercell, so that the
    force it causes is already the sum over all its images, and that sum is all that enters the dynamical matrix there.
    For Γ, the primitive cell itself is such a supercell. Elsewhere frequencies are interpolated, and true once the
    supercell is wider than the forces reach.

    Args:
        cell: primitive cell, relaxed.
        repeats: of the cell along its axes.
        potential: who gives forces.
        displacement_angstrom: how far an atom is moved.

    Attributes:
        calls: evaluations of the potential.
        drift: largest violation of the acoustic sum rule before it is imposed, in eV/Å².
        at_gamma: (3n, 3n) force constants at Γ, before it is imposed, in eV/Å².

    Raises:
        PotentialError: the potential has no answer.
    """

    def __init__(self, cell: Crystal, repeats: Repeats, potential: Potential, *, displacement_angstrom: float) -> None:
        self.cell, self.repeats = cell, repeats
        self._phonopy = Phonopy(
            PhonopyAtoms(numbers=cell.numbers, cell=cell.lattice, scaled_positions=cell.frac_coords),
            np.diag(repeats),
            primitive_matrix=np.eye(3),
        )
        self._phonopy.generate_displacements(distance=displacement_angstrom)
        forces = []
        for moved in self._phonopy.supercells_with_displacements or ():
            if moved is None:
                continue
            forces.append(potential.evaluate(moved.cell, np.array(moved.numbers), moved.scaled_positions).forces)
        self.calls = len(forces)
        self._phonopy.forces = forces
        self._phonopy.produce_force_constants(show_drift=False)
        self.drift = self._drift()
        self.at_gamma = self._at_gamma()
        self._phonopy.symmetrize_force_constants(show_drift=False)

    @property
    def n_atoms(self) -> int:
        """Atoms in the supercell."""
        return len(self.cell) * math.prod(self.repeats)

    def frequencies(self, q_points: Array) -> Array:
        """(k, 3n) frequencies in cm⁻¹ at q points (k, 3), ascending; imaginary ones are negative."""
        found = self._phonopy.run_qpoints(q_points)
        return np.array(found.frequencies) * PER_CM_PER_THZ

    def modes(self, q_point: Array) -> tuple[Array, NDArray[np.complex128]]:
        """(3n,) frequencies in cm⁻¹ at a q point, and (3n, 3n) eigenvectors in columns.

        The displacement of an atom at r is its part of an eigenvector times exp(2πi q·r) over the root of its mass.
        """
        found = self._phonopy.run_qpoints(q_point[None], with_eigenvectors=True)
        if found.eigenvectors is None:
            raise RuntimeError("phonopy gave no eigenvectors")
        return np.array(found.frequencies[0]) * PER_CM_PER_THZ, np.array(found.eigenvectors[0])

    def optical(self) -> Array:
        """(3n − 3,) frequencies in cm⁻¹ at Γ without those three modes that move the crystal as a whole."""
        frequencies, vectors = self.modes(np.zeros(3))
        masses = np.sqrt(self.masses / self.masses.sum())
        whole = np.kron(masses, np.eye(3))  # (3, 3n), orthonormal
        acoustic = np.argsort(np.linalg.norm(whole @ vectors, axis=0))[-3:]
        return np.delete(frequencies, acoustic)

    @property
    def masses(self) -> Array:
        """(n,) atomic masses in u."""
        return np.array(self._phonopy.masses)

    def branch(self, divisions: Repeats) -> tuple[Array, Array]:
        """The lowest branch on a mesh with Γ on it.

        Args:
            divisions: points along the axes; with those of the supercell, the mesh is all that it gives exactly.

        Returns:
            (k, 3) q points, those that symmetry does not make from others, and (k,) lowest frequencies in cm⁻¹ there.
            At Γ the acoustic modes do not count; without optical ones Γ is left out.
        """
        mesh = self._phonopy.run_mesh(divisions, is_gamma_center=True)
        q_points, lowest = np.array(mesh.qpoints), np.array(mesh.frequencies)[:, 0] * PER_CM_PER_THZ
        gamma = np.abs(q_points).max(axis=1) < 1e-8
        optical = self.optical()
        if not len(optical):
            return q_points[~gamma], lowest[~gamma]
        lowest[gamma] = optical.min()
        return q_points, lowest

    def _drift(self) -> float:
        return float(np.abs(np.array(self._phonopy.force_constants).sum(axis=1)).max())

    def _at_gamma(self) -> Array:
        primitive, n = self._phonopy.primitive, len(self.cell)
        rows = np.array(self._phonopy.force_constants)[primitive.p2s_map]
        images = np.array(primitive.s2p_map)
        blocks = np.array([rows[:, images == own].sum(axis=1) for own in primitive.p2s_map])  # column, row, 3, 3
        constants: Array = blocks.transpose(1, 2, 0, 3).reshape(3 * n, 3 * n)
        return constants


def divisions_of(cell: Crystal, length_angstrom: float) -> Repeats:
    """Points of a mesh along the axes: at least the length over the thickness, and multiples of 12."""
    return _whole(MESH_MULTIPLE * np.ceil(length_angstrom / _thickness(cell) / MESH_MULTIPLE - 1e-9))


def supercells(cell: Crystal, thick_angstrom: float, max_atoms: int) -> Iterator[Repeats]:
    """Ever larger supercells, as many as are allowed.

    The first is doubled along every axis that is not thick already, as most instabilities double the cell; each further
    one is thicker where the one before is thinnest.
    """
    thickness = _thickness(cell)
    repeats = np.where(thickness < thick_angstrom, 2, 1)
    while len(cell) * repeats.prod() <= max_atoms:
        yield _whole(repeats)
        thinnest = (repeats * thickness).min() * (1 + 1e-4)
        repeats = np.maximum(repeats, np.ceil(thinnest / thickness).astype(int))


def _thickness(cell: Crystal) -> Array:
    """(3,) distances in Å between opposite faces."""
    thickness: Array = 1 / np.linalg.norm(np.linalg.inv(cell.lattice), axis=0)
    return thickness


def _whole(values: Array) -> Repeats:
    a, b, c = (int(value) for value in values)
    return a, b, c
