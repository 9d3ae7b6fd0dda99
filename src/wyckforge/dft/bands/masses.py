"""Effective masses along lines that leave an extremum, by Kane's relation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.fits import Fit, fit_line, kane_energies
from wyckforge.dft.bands.valleys import Carrier, Valley, unresolved
from wyckforge.dft.bands.zone import Zone, same
from wyckforge.dft.results import Bands, PathPiece
from wyckforge.potential.contract import Array


@dataclass(frozen=True, slots=True)
class Mass:
    """An effective mass along a line, in units of the free electron's.

    Attributes:
        carrier: hole or electron; masses of holes are negative.
        spin: channel.
        band: counted from 0.
        k_point: of the extremum, in units of the reciprocal basis.
        label: where that is.
        towards: where the line leads.
        direction: (3,) Cartesian unit vector.
        mass: at the extremum, of ħ²k²/2m = E(1 + αE); None where nothing can be fitted, the flags say why.
        parabolic: mass of ħ²k²/2m = E over the narrow window; None where too few points lie in it.
        effmass: what the package effmass finds on the same points; None where it has no answer.
        alpha_per_ev: non-parabolicity α; E counts from the extremum into the band. None without a mass.
        residual_ev: root mean square misfit of Kane's relation; None where it was not fitted.
        energy_ev: of the extremum on this line, on the scale of the bands; None where it has none.
        window_ev: energy from the extremum up to which it was fitted.
        reach_per_angstrom: distance up to which it was fitted.
        points: k points fitted, without the extremum.
        shift_per_angstrom: from where the extremum was sought to where it is on the line.
        flags: what is to be known of the fit.
    """

    carrier: Carrier
    spin: int
    band: int
    k_point: tuple[float, ...]
    label: str
    towards: str
    direction: tuple[float, ...]
    mass: float | None
    parabolic: float | None
    effmass: float | None
    alpha_per_ev: float | None
    residual_ev: float | None
    energy_ev: float | None
    window_ev: float
    reach_per_angstrom: float
    points: int
    shift_per_angstrom: float
    flags: tuple[str, ...]

    def of(self, valley: Valley) -> bool:
        """Whether it is one of a valley."""
        return (self.carrier, self.spin, self.k_point) == (valley.carrier, valley.spin, valley.k_point) and (
            self.band in valley.bands
        )

    def curve(self, points: int = 50) -> tuple[Array, Array]:
        """The fit: distances in Å⁻¹ with 2π, energies on the scale of the bands; empty without a mass."""
        if self.mass is None or self.alpha_per_ev is None or self.energy_ev is None:
            return np.empty(0), np.empty(0)
        k = np.linspace(0, self.reach_per_angstrom, points)
        sign = np.sign(self.mass)
        return k, self.energy_ev + sign * kane_energies(k, abs(self.mass), self.alpha_per_ev)

    def __str__(self) -> str:
        if self.mass is None:
            return f"– ({self.label} → {self.towards})"
        digits = 2 if abs(self.mass) >= 0.1 else 3
        return f"{self.mass:.{digits}f} ({self.label} → {self.towards})".replace("-", "−", 1 if self.mass < 0 else 0)


def fit_masses(bands: Bands, valleys: Sequence[Valley], config: BandsConfig | None = None) -> tuple[Mass, ...]:
    """Masses of the bands of valleys along every line of the path that leaves them.

    Args:
        bands: at the k points of :func:`~wyckforge.dft.bands.lines.lines`, or along the path itself, whose points are
            wide apart for light carriers.
        valleys: of :func:`~wyckforge.dft.bands.valleys.find_valleys`, on bands with the same numbering.
        config: windows and tolerances.
    """
    config = config or BandsConfig()
    zone = Zone(bands.crystal, symprec=config.symprec)
    return tuple(
        mass
        for valley in valleys
        for piece, at in _through(bands, valley)
        for band in valley.bands
        for mass in _both_ways(bands, valley, band, piece, at, zone, config)
    )


def _through(bands: Bands, valley: Valley) -> Iterator[tuple[PathPiece, int]]:
    """Lines on which a valley lies, and where on them."""
    for piece in bands.path:
        for at, k_point in enumerate(bands.k_points[piece.start : piece.stop]):
            if same(k_point, np.array(valley.k_point)):
                yield piece, at


def _both_ways(
    bands: Bands, valley: Valley, band: int, piece: PathPiece, at: int, zone: Zone, config: BandsConfig
) -> Iterator[Mass]:
    sign = -1 if valley.carrier == "hole" else 1
    line = slice(piece.start, piece.stop)
    offsets = zone.cartesian(bands.k_points[line] - bands.k_points[piece.start + at])
    unit = offsets[-1] - offsets[0]
    unit /= np.linalg.norm(unit)
    levels = sign * bands.energies[valley.spin, line]
    places = offsets @ unit
    extremum = _extremum(places, levels[:, band], at)
    if extremum is None:
        lost = "no extremum on this line: the valley lies off the path"
        yield _mass(valley, band, piece.labels[1], unit, Fit.none(lost), None)
        return
    shift, bottom = extremum
    crossed = _crossings(levels, band)
    for way, end in ((1, piece.labels[1]), (-1, piece.labels[0])):
        out = way * (places - shift)
        step = np.abs(places[1] - places[0])
        ahead = np.flatnonzero(out > step / 2)[::way]
        if not len(ahead):
            continue
        found = fit_line(out[ahead], levels[ahead, band] - bottom, crossed[ahead], config)
        if abs(shift) > 2 * step:
            moved = f"the extremum lies {abs(shift):.3f} Å⁻¹ from where it was sought"
            found = replace(found, flags=(*found.flags, moved))
        yield _mass(valley, band, end, way * unit, found, extremum)


def _mass(
    valley: Valley, band: int, towards: str, unit: Array, found: Fit, extremum: tuple[float, float] | None
) -> Mass:
    sign = -1 if valley.carrier == "hole" else 1
    return Mass(
        valley.carrier,
        valley.spin,
        band,
        valley.k_point,
        valley.label,
        towards,
        tuple(float(one) for one in unit),
        _signed(sign, found.mass),
        _signed(sign, found.parabolic),
        _signed(sign, found.effmass),
        found.alpha_per_ev,
        found.residual_ev,
        None if extremum is None else sign * extremum[1],
        found.window_ev,
        found.reach_per_angstrom,
        found.points,
        extremum[0] if extremum else 0.0,
        found.flags,
    )


def _signed(sign: int, value: float | None) -> float | None:
    return None if value is None else sign * value


def _extremum(places: Array, levels: Array, at: int) -> tuple[float, float] | None:
    """Where the minimum next to a point is, and its energy, by the parabola through three points.

    Where the point is the end of the line, symmetry keeps it there. None where the band falls all the way to an end.
    """
    if at in (0, len(places) - 1):
        return float(places[at]), float(levels[at])
    while 0 < at < len(places) - 1 and min(levels[at - 1], levels[at + 1]) < levels[at]:
        at += 1 if levels[at + 1] < levels[at - 1] else -1
    if at in (0, len(places) - 1):
        return None
    below, above = levels[at - 1] - levels[at], levels[at + 1] - levels[at]
    if below + above <= 0:
        return float(places[at]), float(levels[at])
    move = (below - above) / (2 * (below + above))
    bottom = levels[at] - (below - above) ** 2 / (8 * (below + above))
    return float(places[at] + move * (places[at + 1] - places[at])), float(bottom)


def _crossings(levels: Array, band: int) -> NDArray[np.bool_]:
    """(k,) where a band crosses one of its neighbours."""
    found = np.zeros(len(levels), np.bool_)
    for other in (band - 1, band + 1):
        if 0 <= other < levels.shape[1]:
            lower, upper = sorted((levels[:, band], levels[:, other]), key=lambda one: float(one.sum()))
            found |= unresolved(lower, upper)
    return found
