"""Band edges from the electron count: where they lie, the gap between them, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wyckforge.dft.results import Bands
from wyckforge.errors import WyckforgeError

TOUCH = 1e-3
"""Gap in eV below which bands touch."""


class BandsError(WyckforgeError):
    """Bands that contradict themselves, or that do not hold what was asked of them."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A band edge.

    Attributes:
        energy_ev: on the scale of the bands.
        spin: channel, 0 or 1.
        band: counted from 0.
        index: of its k point among those given.
        k_point: in units of the reciprocal basis.
        label: where that is, ``GAMMA`` or ``GAMMA–X 0.83``.
    """

    energy_ev: float
    spin: int
    band: int
    index: int
    k_point: tuple[float, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Two band edges with nothing between them.

    Attributes:
        valence: valence band maximum.
        conduction: conduction band minimum.
        direct_ev: least distance of filled and empty bands at one k point and in one spin channel.
    """

    valence: Edge
    conduction: Edge
    direct_ev: float

    @property
    def ev(self) -> float:
        """The fundamental gap."""
        return self.conduction.energy_ev - self.valence.energy_ev

    @property
    def direct(self) -> bool:
        """Whether no k point has a larger distance of its own to pay; equal to within :data:`TOUCH`."""
        return self.direct_ev - self.ev < TOUCH


@dataclass(frozen=True, slots=True)
class Edges:
    """The band edges of a crystal.

    Attributes:
        gap: over all spin channels; None of a metal.
        channels: the gap of each spin channel by itself; None where it has none.
        metal: why there is no gap; empty where there is one.
    """

    gap: Gap | None
    channels: tuple[Gap | None, ...]
    metal: str


def find_edges(bands: Bands) -> Edges:
    """Band edges at the k points given.

    Args:
        bands: along a path or on a mesh; edges between its k points stay unseen.

    Raises:
        BandsError: the electron count cannot belong to these bands, or the Fermi energy says another count.
    """
    _check(bands)
    occupied = bands.occupied
    if occupied is None:
        many = " and ".join(f"{one:g}" for one in bands.electrons)
        return Edges(None, (None,) * len(bands.energies), f"{many} electrons fill no whole number of bands")
    _check_fermi(bands, occupied)
    channels = [_channel(bands, spin, filled) for spin, filled in enumerate(occupied)]
    gap = _gap(channels)
    alone = tuple(_gap([channel]) for channel in channels)
    return Edges(gap, alone, "" if gap else _overlap(channels))


def gap_ev(bands: Bands) -> float | None:
    """The gap alone; None of a metal, and where the bands cannot tell, as without an empty one."""
    try:
        gap = find_edges(bands).gap
    except BandsError:
        return None
    return None if gap is None else gap.ev


def place(bands: Bands, index: int) -> str:
    """Where a k point lies: the end of a piece of the path, how far along a piece, or its components."""
    for piece in bands.path:
        for label, end in zip(piece.labels, (piece.start, piece.stop - 1), strict=True):
            if end == index:
                return label
    for piece in bands.path:
        if piece.start <= index < piece.stop:
            start, end, here = bands.k_points[[piece.start, piece.stop - 1, index]]
            share = np.linalg.norm(here - start) / np.linalg.norm(end - start)  # of a straight line in any basis
            return f"{piece.labels[0]}–{piece.labels[1]} {share:.2f}"
    return "(" + ", ".join(f"{one:.3f}" for one in bands.k_points[index]) + ")"


def _check(bands: Bands) -> None:
    channels, _, count = bands.energies.shape
    if len(bands.electrons) != channels:
        raise BandsError(
            f"{len(bands.electrons)} electron counts given for {channels} spin channel(s); give one for each"
        )
    most = count * (2 if channels == 1 and not bands.spinor else 1)
    if not all(0 <= one < most for one in bands.electrons) or sum(bands.electrons) <= 0:
        raise BandsError(
            f"{' and '.join(f'{one:g}' for one in bands.electrons)} valence electrons given with {count} bands, which "
            f"hold at most {most} a channel; give the count that belongs to these bands, and at least one empty band"
        )
    if not np.isfinite(bands.energies).all():
        raise BandsError("band energies hold NaN or infinity; compute them anew")


def _check_fermi(bands: Bands, occupied: tuple[int, ...]) -> None:
    """A gap around the Fermi energy tells a count of its own; a wrong electron count shows by it."""
    if bands.fermi_ev is None:
        return
    below = (bands.energies < bands.fermi_ev + TOUCH).sum(axis=2)
    if (below == below[:, :1]).all() and tuple(below[:, 0].tolist()) != occupied:
        raise BandsError(
            f"the electron count fills {occupied} band(s), but {tuple(below[:, 0].tolist())} lie below the Fermi "
            f"energy of {bands.fermi_ev:.3f} eV at every k point; one of the two belongs to another calculation"
        )


def narrower(path: Edges, mesh: Bands | None) -> Edges:
    """The edges on a mesh where they are closer to each other than along the path, else those of the path.

    Both are upper bounds of the gap: what neither has among its k points stays unseen.

    Args:
        path: edges along a path.
        mesh: bands of the same ground state on a mesh; left out, or without a valid count, the path alone speaks.
    """
    if path.gap is None or mesh is None:
        return path
    try:
        seen = find_edges(mesh)
    except BandsError:
        return path
    return seen if seen.gap is None or seen.gap.ev < path.gap.ev - TOUCH else path


_Channel = tuple[Edge | None, Edge, float]
"""Highest filled state (None without filled bands), lowest empty one, least distance of both at one k point."""


def _channel(bands: Bands, spin: int, filled: int) -> _Channel:
    levels = bands.energies[spin]
    conduction = _edge(bands, spin, filled, int(levels[:, filled].argmin()))
    if not filled:
        return None, conduction, np.inf
    valence = _edge(bands, spin, filled - 1, int(levels[:, filled - 1].argmax()))
    return valence, conduction, float((levels[:, filled] - levels[:, filled - 1]).min())


def _edge(bands: Bands, spin: int, band: int, index: int) -> Edge:
    k_point = tuple(float(one) for one in bands.k_points[index])
    return Edge(float(bands.energies[spin, index, band]), spin, band, index, k_point, place(bands, index))


def _outermost(channels: list[_Channel]) -> tuple[Edge | None, Edge]:
    filled = [valence for valence, _, _ in channels if valence]
    highest = max(filled, key=lambda edge: edge.energy_ev, default=None)
    return highest, min((conduction for _, conduction, _ in channels), key=lambda edge: edge.energy_ev)


def _gap(channels: list[_Channel]) -> Gap | None:
    valence, conduction = _outermost(channels)
    if valence is None or conduction.energy_ev - valence.energy_ev < TOUCH:
        return None
    return Gap(valence, conduction, min(direct for _, _, direct in channels))


def _overlap(channels: list[_Channel]) -> str:
    valence, conduction = _outermost(channels)
    if valence is None:  # not with a positive electron count
        return "no band is filled"
    which = [("", ""), (" (up)", " (down)")][len(channels) - 1]
    return (
        f"bands overlap: the highest filled one{which[valence.spin]} reaches {_ev(valence)} at "
        f"{valence.label}, the lowest empty one{which[conduction.spin]} {_ev(conduction)} at "
        f"{conduction.label}"
    )


def _ev(edge: Edge) -> str:
    return f"{round(edge.energy_ev, 3) + 0.0:.3f} eV"  # no negative zero
