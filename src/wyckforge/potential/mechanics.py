"""How a crystal answers to strain and to pressure, by CHGNet: elastic constants and the energy at nine volumes.

Constants are finite differences over a strain of one per cent. Derivatives at a point, which the network would give
exactly, are of no use: where three atoms stand in line, as in rock salt, its description of angles has a kink that
hides their stiffness from infinitesimal strains (C11 of NaCl: 9 GPa at the point, 45 GPa over a per cent; 49 measured).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.potential.chgnet import evaluate
from wyckforge.potential.contract import PotentialError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import point_group

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

VOLUME_RATIOS = np.linspace(0.88, 1.12, 9)
"""Volumes at which the energy is taken, in units of the given one; atoms keep their fractional coordinates."""

MECHANICS_SIZE = 72 + len(VOLUME_RATIOS)

STRAIN = 0.01
MOST_PATTERNS = 16
"""Displacement patterns in which atoms may give way to strain; what the strain drives directly comes first."""

_DISPLACEMENT = 0.02
"""Å, of the atom that moves farthest when the restoring forces of a pattern are measured."""

_SOFTEST = 0.2
"""eV/Å²: along a pattern with less restoring force than this atoms would give way without end."""

_DRIVEN = 0.02
"""eV/Å per unit of strain: smaller forces are noise."""

_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_SHEAR = np.array([1, 1, 1, *[np.sqrt(2)] * 3])
"""Factors that make a symmetric tensor a vector of the same length (Mandel's notation)."""


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
        StructureError: the symmetry cannot be determined.
    """
    clamped, relaxed = _Elastic(crystal).constants()
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


class _Elastic:
    """Elastic constants of one crystal.

    Only strains that symmetry does not make from others are applied: two in a cubic crystal, six in a triclinic one.
    For each, the forces that it puts on the atoms are measured, then the displacements that relieve them are solved
    for, and the stress is measured again with the atoms displaced. Strains are applied in both directions; what comes
    with displacements is measured in one.
    """

    def __init__(self, crystal: Crystal) -> None:
        self._crystal = crystal
        self._rotations = np.array([_as_matrix(rotation) for rotation in point_group(crystal)])
        self._patterns: list[Array] = []
        self._images: list[Array] = []
        self._still = self._evaluate(np.zeros((3, 3)), np.zeros_like(crystal.frac_coords))[1]

    def constants(self) -> tuple[Array, Array]:
        """(6, 6) in GPa, Voigt order, with clamped and with relaxed atoms."""
        strains: list[Array] = []
        measured: tuple[list[Array], list[Array]] = ([], [])
        for unit in np.eye(6):
            if _rank([*strains, *self._images_of(unit)]) == _rank(strains):
                continue
            strains += self._images_of(unit)
            clamped, relaxed = self._answer(STRAIN * _as_tensor(unit))
            for found, stress in zip(measured, (clamped, relaxed), strict=True):
                found += self._images_of(stress)
        first, second = (_solved(np.array(strains), np.array(stresses)) for stresses in measured)
        return first, second

    def _images_of(self, vector: Array) -> list[Array]:
        return list(self._rotations @ vector)

    def _answer(self, strain: Array) -> tuple[Array, Array]:
        """Stresses (6,) in GPa per unit of a strain of the size :data:`STRAIN`, with clamped and with relaxed atoms."""
        none = np.zeros_like(self._crystal.frac_coords)
        (ahead, pushed), (back, pulled) = (self._evaluate(sign * strain, none) for sign in (1, -1))
        clamped = _as_vector(ahead - back) / (2 * STRAIN)
        force = (pushed - pulled) / (2 * STRAIN)
        if np.abs(force).max() < _DRIVEN:
            return clamped, clamped
        relieved, _ = self._evaluate(strain, STRAIN * self._relief(force))
        return clamped, clamped + _as_vector(relieved - ahead) / STRAIN

    def _evaluate(self, strain: Array, displacement: Array) -> tuple[Array, Array]:
        lattice = self._crystal.lattice @ (np.eye(3) + strain)
        coords = self._crystal.frac_coords + displacement @ np.linalg.inv(self._crystal.lattice)
        found = evaluate(lattice, self._crystal.numbers, coords)
        return found["s"].astype(np.float64), found["f"].astype(np.float64)

    def _relief(self, force: Array) -> Array:
        """(n, 3) displacements in Å per unit of strain that relieve forces (n, 3), in the patterns they open.

        The patterns are the forces, and what the restoring forces make of a pattern, again and again (a Krylov space).
        Symmetry keeps it small. Patterns of earlier strains are used again.
        """
        driving = force.reshape(-1)
        self._open(driving)
        if not self._patterns:
            return np.zeros_like(force)
        basis = np.array(self._patterns)
        stiffness = basis @ np.array(self._images).T
        values, vectors = np.linalg.eigh((stiffness + stiffness.T) / 2)
        kept = values > _SOFTEST
        share = (vectors[:, kept].T @ (basis @ driving)) / values[kept]
        relief: Array = ((vectors[:, kept] @ share) @ basis).reshape(force.shape)
        return relief

    def _open(self, pattern: Array) -> None:
        smallest = max(_DRIVEN, 1e-2 * float(np.linalg.norm(pattern)))
        while len(self._patterns) < MOST_PATTERNS:
            for _ in range(2):  # once more against rounding
                for earlier in self._patterns:
                    pattern = pattern - (earlier @ pattern) * earlier
            if (length := float(np.linalg.norm(pattern))) < smallest:
                return
            self._patterns.append(pattern / length)
            pattern = self._restoring(self._patterns[-1])
            self._images.append(pattern)

    def _restoring(self, pattern: Array) -> Array:
        """(3n,) restoring forces in eV/Å² of a pattern of unit length."""
        moved = pattern.reshape(-1, 3)
        step = _DISPLACEMENT / np.abs(moved).max()
        _, force = self._evaluate(np.zeros((3, 3)), step * moved)
        restoring: Array = (self._still - force).reshape(-1) / step
        return restoring


def _as_tensor(vector: Array) -> Array:
    """(3, 3) symmetric tensor of a vector in Mandel's notation."""
    tensor = np.zeros((3, 3))
    for value, (i, j) in zip(vector / _SHEAR, _PAIRS, strict=True):
        tensor[i, j] = tensor[j, i] = value
    return tensor


def _as_vector(tensor: Array) -> Array:
    vector: Array = _SHEAR * np.array([(tensor[i, j] + tensor[j, i]) / 2 for i, j in _PAIRS])
    return vector


def _as_matrix(rotation: Array) -> Array:
    """(6, 6) what a rotation does to vectors in Mandel's notation."""
    return np.array([_as_vector(rotation @ _as_tensor(unit) @ rotation.T) for unit in np.eye(6)]).T


def _rank(vectors: list[Array]) -> int:
    return int(np.linalg.matrix_rank(np.array(vectors), tol=1e-6)) if vectors else 0


def _solved(strains: Array, stresses: Array) -> Array:
    """(6, 6) constants in Voigt order from k strains and stresses (k, 6) in Mandel's notation."""
    constants = np.linalg.lstsq(strains, stresses, rcond=None)[0]
    symmetric = (constants + constants.T) / 2
    voigt: Array = symmetric / np.outer(_SHEAR, _SHEAR)
    return voigt
