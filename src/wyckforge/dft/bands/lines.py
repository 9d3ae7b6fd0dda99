"""Which k points to compute around an extremum so that its effective masses can be fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.valleys import Valley
from wyckforge.dft.bands.zone import Zone, same
from wyckforge.dft.results import Bands, PathPiece
from wyckforge.potential.contract import Array

PARALLEL = 1e-3
"""Difference of unit vectors below which two directions are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """A direction that leaves a k point.

    Attributes:
        unit: (3,) Cartesian.
        ahead: where it leads.
        behind: where the way back leads; empty where the path knows no such way.
    """

    unit: Array
    ahead: str
    behind: str


def lines(
    bands: Bands, valleys: Sequence[Valley], config: BandsConfig | None = None
) -> tuple[Array, tuple[PathPiece, ...]]:
    """Dense lines through the extrema, for an engine to compute.

    They follow the pieces of the path that leave an extremum, and as many further directions as it takes to determine
    the tensor of inverse masses that symmetry allows. Where symmetry does not make the band the same both ways, a line
    goes both ways, so that the extremum can be found on it more finely than on the path.

    Args:
        bands: along the path on which the valleys were found.
        valleys: of :func:`~wyckforge.dft.bands.valleys.find_valleys`; those at one k point share their lines.
        config: spacing and reach.

    Returns:
        ((k, 3) k points in units of the reciprocal basis, the lines as pieces of a path through them).
    """
    config = config or BandsConfig()
    zone = Zone(bands.crystal, symprec=config.symprec)
    steps = max(config.min_points, round(config.line_reach_per_angstrom / config.line_spacing_per_angstrom))
    points: list[Array] = []
    pieces: list[PathPiece] = []
    for valley in _apart(valleys):
        centre = np.array(valley.k_point)
        little = zone.little_group(centre)
        for way in _directions(bands, valley, zone, little):
            back = 0 if _turned(little, way.unit) else steps
            offsets = np.arange(-back, steps + 1)[:, None] * config.line_spacing_per_angstrom * way.unit
            start = sum(map(len, points))
            points.append(centre + zone.components(offsets))
            behind = (way.behind or f"away from {way.ahead}") if back else valley.label
            pieces.append(PathPiece((behind, way.ahead), start, start + len(offsets)))
    return np.concatenate(points) if points else np.empty((0, 3)), tuple(pieces)


def invariants(little: Array) -> Array:
    """(p, 3, 3) a basis of the symmetric tensors that a group of rotations leaves alone.

    Args:
        little: (m, 3, 3) a group, for Cartesian columns.
    """
    rows, columns = np.triu_indices(3)
    units = np.zeros((6, 3, 3))
    units[np.arange(6), rows, columns] = units[np.arange(6), columns, rows] = 1.0
    averaged = np.einsum("gij,ajk,glk->ail", little, units, little) / len(little)
    _, sizes, basis = np.linalg.svd(averaged.reshape(6, 9))
    found: Array = basis[: int(np.sum(sizes > 1e-8))].reshape(-1, 3, 3)
    return found


def _apart(valleys: Sequence[Valley]) -> Iterator[Valley]:
    """One valley of each k point."""
    seen: list[Array] = []
    for valley in valleys:
        here = np.array(valley.k_point)
        if not any(same(here, other) for other in seen):
            seen.append(here)
            yield valley


def _directions(bands: Bands, valley: Valley, zone: Zone, little: Array) -> list[Direction]:
    """Those of the path, and those that complete the tensor; none twice by symmetry, nor with its way back."""
    tensors = invariants(little)
    found: list[Direction] = []
    for way in _along_path(bands, np.array(valley.k_point), zone):
        if any(_equivalent(little, way.unit, other.unit) for other in found):
            continue
        opposite = [_equivalent(little, -way.unit, other.unit) for other in found]
        if any(opposite):
            at = opposite.index(True)
            found[at] = replace(found[at], behind=way.ahead)
        else:
            found.append(way)
    for unit in _complete(found):
        if _rank(tensors, found) == len(tensors):
            break
        name = "[" + " ".join(f"{one:.2f}" for one in np.round(unit, 2) + 0.0) + "]"
        more = [*found, Direction(unit, name, "")]
        if _rank(tensors, more) > _rank(tensors, found):
            found = more
    return found


def _along_path(bands: Bands, centre: Array, zone: Zone) -> Iterator[Direction]:
    for piece in bands.path:
        inside = bands.k_points[piece.start : piece.stop]
        start, end = inside[0], inside[-1]
        unit = zone.cartesian(end - start)
        unit /= np.linalg.norm(unit)
        for at, k_point in enumerate(inside):
            if same(k_point, centre):
                if at < len(inside) - 1:
                    yield Direction(unit, piece.labels[1], "")
                if at:
                    yield Direction(-unit, piece.labels[0], "")


def _complete(found: Sequence[Direction]) -> Iterator[Array]:
    """Directions of which some complete any tensor: axes, one of them along what is there, and their bisectors."""
    first = found[0].unit if found else np.array([1.0, 0, 0])
    second = np.cross(first, np.eye(3)[np.abs(first).argmin()])
    second /= np.linalg.norm(second)
    axes = np.array([first, second, np.cross(first, second)])
    yield from axes
    for one, other in ((0, 1), (0, 2), (1, 2)):
        yield (axes[one] + axes[other]) / np.sqrt(2)


def _rank(tensors: Array, found: Sequence[Direction]) -> int:
    if not found:
        return 0
    units = np.array([way.unit for way in found])
    return int(np.linalg.matrix_rank(np.einsum("di,pij,dj->dp", units, tensors, units), tol=1e-3))


def _equivalent(little: Array, one: Array, other: Array) -> bool:
    return bool((np.abs(little @ one - other).max(axis=1) < PARALLEL).any())


def _turned(little: Array, unit: Array) -> bool:
    """Whether symmetry makes the way back the same as the way there."""
    return _equivalent(little, unit, -unit)
