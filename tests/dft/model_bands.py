"""Crystals whose bands are known in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wyckforge.dft.bands.fits import FREE
from wyckforge.dft.bands.zone import Zone
from wyckforge.dft.results import Bands, PathPiece
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal

Spectrum = Callable[[np.ndarray], np.ndarray]
"""From Cartesian k points (k, 3) in Å⁻¹ to energies (k, b) in eV."""

EDGE = 5.0
"""Å, of the cubic cells."""

FCC = Crystal(EDGE / 2 * (np.ones((3, 3)) - np.eye(3)), np.array([14, 14]), np.array([[0.0] * 3, [0.25] * 3]))
SIMPLE_CUBIC = Crystal(EDGE * np.eye(3), np.array([84]), np.zeros((1, 3)))
BCC = Crystal(EDGE / 2 * (np.ones((3, 3)) - 2 * np.eye(3)), np.array([26]), np.zeros((1, 3)))
ORTHORHOMBIC = Crystal(np.diag([3.0, 4.0, 5.0]), np.array([92]), np.zeros((1, 3)))
HEXAGONAL = Crystal(
    np.array([[3.2, 0, 0], [-1.6, 1.6 * np.sqrt(3), 0], [0, 0, 5.2]]),
    np.array([12, 12]),
    np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
)
TRICLINIC = Crystal(
    np.array([[4.0, 0, 0], [0.7, 4.6, 0], [0.9, 0.4, 5.3]]),
    np.array([11, 17, 35]),
    np.array([[0, 0, 0], [0.31, 0.42, 0.17], [0.6, 0.77, 0.55]]),
)
_TURNS = np.radians([30, 150, 270])
RHOMBOHEDRAL = Crystal(
    np.stack([2.62 * np.cos(_TURNS), 2.62 * np.sin(_TURNS), np.full(3, 3.95)], axis=1),
    np.array([83, 83]),
    np.array([[0.234] * 3, [-0.234] * 3]),
)


def along_path(
    crystal: Crystal, *spectra: Spectrum, electrons: tuple[float, ...], points: int = 40, spinor: bool = False
) -> Bands:
    """Bands on the standard path, one spectrum for each spin channel."""
    path = Path.of(crystal, points=points)
    pieces, start = [], 0
    for segment in path.segments:
        pieces.append(PathPiece(segment.labels, start, start + len(segment.q_points)))
        start += len(segment.q_points)
    k_points = np.concatenate([segment.q_points for segment in path.segments])
    return computed(path.cell, k_points, tuple(pieces), *spectra, electrons=electrons, spinor=spinor)


def computed(
    cell: Crystal,
    k_points: np.ndarray,
    path: tuple[PathPiece, ...],
    *spectra: Spectrum,
    electrons: tuple[float, ...],
    spinor: bool = False,
) -> Bands:
    """What an engine gives at k points."""
    here = k_points @ (2 * np.pi * np.linalg.inv(cell.lattice).T)
    energies = np.array([np.sort(spectrum(here), axis=1) for spectrum in spectra])
    return Bands(cell, k_points, energies, electrons, None, path, None, spinor, "closed form")


def kane(gamma: np.ndarray, alpha: float) -> np.ndarray:
    """E of E(1 + αE) = γ."""
    return gamma if alpha == 0 else (np.sqrt(1 + 4 * alpha * gamma) - 1) / (2 * alpha)


def pocket(cell: Crystal, centre: np.ndarray, along: float, across: float, alpha: float = 0.0) -> Spectrum:
    """One band with ellipsoids around all equivalents of a k point, their long axis towards Γ; masses as given."""
    zone = Zone(cell)
    shifts = np.array(np.meshgrid(*[np.arange(-2, 3)] * 3)).reshape(3, -1).T @ zone.basis
    centres = zone.cartesian(zone.star(centre))

    def energies(k_points: np.ndarray) -> np.ndarray:
        apart = (k_points - np.rint(zone.components(k_points)) @ zone.basis)[:, None, None] - centres[:, None] - shifts
        size = np.linalg.norm(centres, axis=1)
        axes = centres / np.where(size > 0, size, 1)[:, None]
        forward = np.einsum("kcsi,ci->kcs", apart, axes) ** 2
        gamma = FREE * (forward / along + ((apart**2).sum(axis=3) - forward) / across)
        found: np.ndarray = kane(gamma.min(axis=(1, 2)), alpha)[:, None]
        return found

    return energies


def semiconductor(valence: list[Spectrum], conduction: list[Spectrum], gap: float = 1.0) -> Spectrum:
    """Bands that go down from 0 and bands that go up from the gap."""

    def energies(k_points: np.ndarray) -> np.ndarray:
        below, above = ([one(k_points) for one in bands] for bands in (valence, conduction))
        return np.concatenate([*(-one for one in below), *(gap + one for one in above)], axis=1)

    return energies
