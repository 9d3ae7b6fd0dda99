"""Valleys: the extrema of the bands near a band edge, and how often a crystal has each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.edges import BandsError, find_edges, place
from wyckforge.dft.bands.zone import Zone, same
from wyckforge.dft.results import Bands
from wyckforge.potential.contract import Array

Carrier = Literal["hole", "electron"]


@dataclass(frozen=True, slots=True)
class Valley:
    """An extremum of the bands, a maximum for holes and a minimum for electrons.

    The total degeneracy is written as in the paper: N_V = N_k × N_b (degeneracy of spin).

    Attributes:
        carrier: whose it is.
        spin: channel, 0 or 1.
        bands: that are degenerate there, counted from 0, the one nearest to the gap first.
        k_point: in units of the reciprocal basis.
        label: where that is.
        energy_ev: on the scale of the bands.
        offset_ev: distance from the band edge, into the band.
        n_k: k points that symmetry makes of it, those on the border of the zone counted once.
        spin_degeneracy: 2, or 1 where the spin channels (with spin–orbit coupling: the two spins) differ.
    """

    carrier: Carrier
    spin: int
    bands: tuple[int, ...]
    k_point: tuple[float, ...]
    label: str
    energy_ev: float
    offset_ev: float
    n_k: int
    spin_degeneracy: int
    spinor: bool

    @property
    def n_b(self) -> int:
        """Orbital degeneracy."""
        return len(self.bands) // self.spin_degeneracy if self.spinor else len(self.bands)

    @property
    def n_v(self) -> int:
        """N_k × N_b."""
        return self.n_k * self.n_b

    def __str__(self) -> str:
        return f"{self.n_k}×{self.n_b} ({self.spin_degeneracy})"


def find_valleys(
    bands: Bands, carrier: Carrier, config: BandsConfig | None = None, *, spin: int | None = None
) -> tuple[Valley, ...]:
    """Valleys along the path of a semiconductor, from the band edge into the band.

    An extremum at the end of a piece has to be one along every piece that leaves it or an equivalent point. A dip that
    no barrier separates from an end of its piece is taken for the end itself.

    Args:
        bands: along a path.
        carrier: holes or electrons.
        config: windows and tolerances.
        spin: only this channel, measured from its own edge; left out, both from the common edge.

    Raises:
        BandsError: there is no path, no such channel, or no gap.
        StructureError: the symmetry of the crystal cannot be determined.
    """
    config = config or BandsConfig()
    edges = find_edges(bands)
    if not bands.path:
        raise BandsError("valleys are sought along a path, and these bands have none; compute bands along one")
    if spin is not None and spin not in range(len(edges.channels)):
        raise BandsError(f"spin channel {spin} asked for; there are {len(edges.channels)}, counted from 0")
    gap = edges.gap if spin is None else edges.channels[spin]
    if gap is None:
        raise BandsError(f"a metal has no valleys: {edges.metal or 'this spin channel has no gap'}")
    edge = gap.valence if carrier == "hole" else gap.conduction
    channels = range(len(bands.energies)) if spin is None else (spin,)
    found = [
        valley for channel in channels for valley in _Search(bands, carrier, channel, edge.energy_ev, config).valleys()
    ]
    return tuple(sorted(found, key=lambda valley: (valley.offset_ev, valley.spin)))


class _Search:
    """The search in one spin channel, with energies that grow from the band edge into the band."""

    def __init__(self, bands: Bands, carrier: Carrier, spin: int, edge_ev: float, config: BandsConfig) -> None:
        occupied = (bands.occupied or ())[spin]
        self.bands, self.carrier, self.spin, self.config = bands, carrier, spin, config
        self.numbers = np.arange(len(bands.energies[spin].T))
        self.numbers = self.numbers[:occupied][::-1] if carrier == "hole" else self.numbers[occupied:]
        self.sign = -1 if carrier == "hole" else 1
        self.levels = self.sign * (bands.energies[spin][:, self.numbers] - edge_ev)
        self.zone = Zone(bands.crystal, symprec=config.symprec)

    def valleys(self) -> Iterator[Valley]:
        """One of each star and level."""
        seen: list[tuple[int, Array]] = []
        for row in range(len(self.numbers)):
            for index in self._extrema(row):
                star = self.zone.star(self.bands.k_points[index])
                if any(row == known and any(same(one, place) for one in star) for known, place in seen):
                    continue
                seen.append((row, star[0]))
                yield self._valley(row, index, len(star))

    def _valley(self, row: int, index: int, n_k: int) -> Valley:
        level = self.levels[index]
        rows = range(row, row + int(np.sum(level[row:] - level[row] < self.config.degeneracy_ev)))
        spinor, polarised = self.bands.spinor, len(self.bands.energies) == 2
        degeneracy = 1 if polarised or (spinor and len(rows) % 2) else 2
        return Valley(
            self.carrier,
            self.spin,
            tuple(int(self.numbers[one]) for one in rows),
            tuple(float(one) for one in self.bands.k_points[index]),
            place(self.bands, index),
            float(self.bands.energies[self.spin, index, self.numbers[row]]),
            max(0.0, float(level[row])),
            n_k,
            degeneracy,
            spinor,
        )

    def _extrema(self, row: int) -> Iterator[int]:
        """K points within the window at which the first band of a level has a minimum."""
        for index in (one for ends in self._ends() for one in ends):
            if self._first_of_level(row, index) and self._end_is_minimum(row, index):
                yield index
        for piece in self.bands.path:
            line = np.arange(piece.start, piece.stop, dtype=np.int64)
            for at in range(1, len(line) - 1):
                if self._first_of_level(row, line[at]) and self._inside_is_minimum(row, line, at):
                    yield int(line[at])

    def _ends(self) -> list[tuple[int, int]]:
        return [(piece.start, piece.stop - 1) for piece in self.bands.path]

    def _first_of_level(self, row: int, index: int) -> bool:
        """Within the window, and not degenerate with a band nearer to the gap."""
        level = self.levels[index]
        apart = row == 0 or level[row] - level[row - 1] >= self.config.degeneracy_ev
        return bool(apart and level[row] <= self.config.valley_window_ev)

    def _end_is_minimum(self, row: int, index: int) -> bool:
        star = self.zone.star(self.bands.k_points[index])
        ways = []
        for first, last in self._ends():
            line = np.arange(first, last + 1)
            ways += [way for way in (line, line[::-1]) if any(same(self.bands.k_points[way[0]], one) for one in star)]
        return all(self._rises(self.levels[way, row]) is not False for way in ways)

    def _inside_is_minimum(self, row: int, line: NDArray[np.int64], at: int) -> bool:
        levels = self.levels[line, row]
        if levels[at - 1] <= levels[at] or levels[at + 1] < levels[at]:  # of a plateau, its first point
            return False
        if not (self._rises(levels[at::-1], dip=0.0) and self._rises(levels[at:], dip=0.0)):
            return False
        return row == 0 or not bool(unresolved(self.levels[line, row - 1], levels)[at - 1 : at + 2].any())

    def _rises(self, levels: Array, *, dip: float | None = None) -> bool | None:
        """Whether a band climbs the barrier before it falls below its start; None where it does neither."""
        above = levels - levels[0]
        climbs = above > self.config.barrier_ev
        falls = above < -(self.config.barrier_ev if dip is None else dip)
        if not (climbs | falls).any():
            return None
        return bool(climbs[(climbs | falls).argmax()])


def unresolved(lower: Array, upper: Array) -> NDArray[np.bool_]:
    """(k,) where two neighbouring bands cross, or avoid each other, between or at the points of a line.

    There the distance of the two is least and smaller than what the bands move in a step, while elsewhere on the line
    they are farther apart than that.

    Args:
        lower: (k,) energies along a line.
        upper: (k,) energies that are not below.
    """
    apart = np.abs(upper - lower)
    found = np.zeros(len(apart), np.bool_)
    for at in range(1, len(apart) - 1):
        moves = max(np.abs(np.diff(band[at - 1 : at + 2])).max() for band in (lower, upper))
        least = apart[at] <= apart[at - 1] and apart[at] < apart[at + 1]
        found[at] = least and apart[at] < moves < apart.max()
    return found
