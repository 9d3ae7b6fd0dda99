"""Effective masses along lines that leave an extremum, by Kane's relation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy.constants import angstrom, electron_mass, electron_volt, hbar

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.valleys import Carrier, Valley, unresolved
from wyckforge.dft.bands.zone import Zone, same
from wyckforge.dft.results import Bands, PathPiece
from wyckforge.potential.contract import Array

FREE = hbar**2 / (2 * electron_mass) / electron_volt / angstrom**2
"""ħ²/2m₀ in eV Å²."""

NOISE_EV = 2e-4
"""What an energy printed by an engine may be off."""


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
        alpha_per_ev: non-parabolicity α; E counts from the extremum into the band.
        parabolic: mass of ħ²k²/2m = E over the narrow window.
        effmass: what the package effmass finds on the same points; None where it has no answer.
        residual_ev: root mean square misfit of Kane's relation.
        window_ev: energy from the extremum up to which it was fitted.
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
    alpha_per_ev: float
    parabolic: float
    effmass: float | None
    residual_ev: float
    window_ev: float
    points: int
    shift_per_angstrom: float
    flags: tuple[str, ...]

    def of(self, valley: Valley) -> bool:
        """Whether it is one of a valley."""
        return (self.carrier, self.spin, self.k_point) == (valley.carrier, valley.spin, valley.k_point) and (
            self.band in valley.bands
        )

    def __str__(self) -> str:
        found = "–" if self.mass is None else f"{self.mass:.2f}".replace("-", "−")
        return f"{found} ({self.label} → {self.towards})"


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


def fit_kane(k: Array, energies: Array) -> tuple[float, float, float]:
    """Mass, α in 1/eV and root mean square misfit in eV of ħ²k²/2m = E(1 + αE).

    The relation is linear in m and mα, so that its least squares have one solution and need no start.

    Source: Kane, J. Phys. Chem. Solids 1, 249 (1957); Whalley et al., Phys. Rev. B 99, 085207 (2019).

    Args:
        k: (n,) distances from the extremum in Å⁻¹ with 2π, not zero.
        energies: (n,) eV from the extremum into the band, positive.
    """
    terms = np.stack([energies, energies**2], axis=1)
    (mass, curved), *_ = np.linalg.lstsq(terms, FREE * k**2, rcond=None)
    misfit = (FREE * k**2 - terms @ (mass, curved)) / (mass + 2 * curved * energies)  # in E, to first order
    return float(mass), float(curved / mass), float(np.sqrt(np.mean(misfit**2)))


def fit_parabola(k: Array, energies: Array) -> float:
    """Mass of ħ²k²/2m = E by least squares; arguments as for :func:`fit_kane`."""
    return float(FREE * (k**2 @ k**2) / (k**2 @ energies))


def fit_effmass(k: Array, energies: Array) -> float | None:
    """Mass at the band edge by the package effmass: a polynomial first, then Kane's relation to its slope.

    Source: Whalley, J. Open Source Softw. 3, 797 (2018).

    Args:
        k: (n,) as for :func:`fit_kane`, evenly spaced from the second point on.
        energies: (n,) likewise.
    """
    from effmass.analysis import Segment  # pulls in readers of six codes; seconds

    line = np.concatenate([[0.0], k])
    data = SimpleNamespace(
        kpoints=np.stack([line, 0 * line, 0 * line], axis=1),
        reciprocal_lattice=np.eye(3),
        energies=np.concatenate([[0.0], energies])[None],
        occupancy=None,
        fermi_energy=-0.5,
        VBM=-1.0,
        CBM=0.0,
    )
    try:
        return float(Segment(data, 0, list(range(len(line)))).kane_mass_band_edge())
    except AssertionError:  # too few points before what it takes for an inflexion
        return None


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
    shift, bottom = _extremum(places, levels[:, band], at)
    if shift is None:
        lost = "no extremum on this line: the valley lies off the path"
        yield _mass(valley, band, piece.labels[1], unit, _nothing(lost), 0.0)
        return
    crossed = _crossings(levels, band)
    for way, end in ((1, piece.labels[1]), (-1, piece.labels[0])):
        out = way * (places - shift)
        step = np.abs(places[1] - places[0])
        ahead = np.flatnonzero(out > step / 2)[::way]
        if not len(ahead):
            continue
        found = _fit(out[ahead], levels[ahead, band] - bottom, crossed[ahead], config)
        if abs(shift) > 2 * step:
            found.flags.append(f"the extremum lies {abs(shift):.3f} Å⁻¹ from where it was sought")
        yield _mass(valley, band, end, way * unit, found, shift)


def _mass(valley: Valley, band: int, towards: str, unit: Array, found: _Fit, shift: float) -> Mass:
    sign = -1 if valley.carrier == "hole" else 1
    return Mass(
        valley.carrier,
        valley.spin,
        band,
        valley.k_point,
        valley.label,
        towards,
        tuple(float(one) for one in unit),
        None if found.mass is None else sign * found.mass,
        found.alpha,
        sign * found.parabolic,
        None if found.effmass is None else sign * found.effmass,
        found.residual,
        found.window,
        found.points,
        shift,
        tuple(found.flags),
    )


def _extremum(places: Array, levels: Array, at: int) -> tuple[float | None, float]:
    """Where the minimum next to a point is, and its energy, by the parabola through three points.

    Where the point is the end of the line, symmetry keeps it there. None where the band falls all the way to an end.
    """
    if at in (0, len(places) - 1):
        return float(places[at]), float(levels[at])
    while 0 < at < len(places) - 1 and min(levels[at - 1], levels[at + 1]) < levels[at]:
        at += 1 if levels[at + 1] < levels[at - 1] else -1
    if at in (0, len(places) - 1):
        return None, 0.0
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


@dataclass(frozen=True, slots=True)
class _Fit:
    mass: float | None
    alpha: float
    parabolic: float
    effmass: float | None
    residual: float
    window: float
    points: int
    flags: list[str]


def _nothing(reason: str, *flags: str, count: int = 0) -> _Fit:
    nan = float("nan")
    return _Fit(None, nan, nan, None, nan, 0.0, count, [*flags, reason])


def _fit(k: Array, energies: Array, crossed: NDArray[np.bool_], config: BandsConfig) -> _Fit:
    """Fit one way along a line, over the longest window in which the relation can hold."""
    count, flags = _usable(k, energies, crossed, config)
    if count < config.min_points:
        return _nothing(f"{count} points in the window; {config.min_points} are needed", *flags, count=count)
    if energies[count - 1] <= NOISE_EV:
        return _nothing("the band is flat", *flags, count=count)
    narrow = max(3, int(np.sum(energies[:count] <= config.parabola_window_ev)))
    parabolic = fit_parabola(k[:narrow], energies[:narrow])
    full = count
    mass, alpha, residual = fit_kane(k[:count], energies[:count])
    while not _fits(mass, residual, energies[count - 1], config) and count > config.min_points:
        count = max(config.min_points, min(count - 1, int(0.8 * count)))
        mass, alpha, residual = fit_kane(k[:count], energies[:count])
    window = float(energies[count - 1])
    if not _fits(mass, residual, window, config):
        flags.append("Kane's relation does not fit")
        return _Fit(None, float("nan"), parabolic, None, residual, window, count, flags)
    if alpha * energies[0] > 1:
        flags.append("the band is straight down to the innermost point: denser points may show its mass")
        return _Fit(None, float("nan"), parabolic, None, residual, window, count, flags)
    if count < full:
        flags.append(f"window shortened to {window:.3f} eV: Kane's relation fits no further")
    other = fit_effmass(k[:count], energies[:count])
    for name, value in (("the parabola", parabolic), ("effmass", other)):
        if value is not None and abs(value / mass - 1) > config.mass_tolerance:
            flags.append(f"{name} gives {abs(value):.3f} and differs by {abs(value / mass - 1):.0%}")
    return _Fit(mass, alpha, parabolic, other, residual, window, count, flags)


def _usable(k: Array, energies: Array, crossed: NDArray[np.bool_], config: BandsConfig) -> tuple[int, list[str]]:
    """How many points lie before the window, the line or the sense of the band ends, and what is to be told of it."""
    slopes = np.diff(energies, prepend=0.0) / np.diff(k, prepend=0.0)
    steepest = np.maximum.accumulate(slopes) if len(k) else slopes
    blur = NOISE_EV / np.diff(k, prepend=0.0)
    stops = {
        "the band turns back": slopes < -blur,
        "it has an inflexion": slopes < 0.95 * steepest - blur,
        "bands cross": crossed,
        "": energies > config.mass_window_ev,
    }
    ends = {reason: int(where.argmax()) if where.any() else len(energies) for reason, where in stops.items()}
    count = min(ends.values())
    if count == len(energies):
        reached = float(energies[-1]) if len(energies) else 0.0
        return count, [f"window ends with the line at {reached:.3f} eV"]
    reason = next(reason for reason, end in ends.items() if end == count)
    if ends[""] == count or not reason:
        return count, []
    reached = float(energies[count - 1]) if count else 0.0
    return count, [f"window ends at {reached:.3f} eV: {reason}"]


def _fits(mass: float, residual: float, window: float, config: BandsConfig) -> bool:
    return mass > 0 and residual <= config.max_residual * window
