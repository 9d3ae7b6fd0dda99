"""Fits to one band along one line: Kane's relation, a parabola, and what the package effmass makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy.constants import angstrom, electron_mass, electron_volt, hbar

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.potential.contract import Array

FREE = hbar**2 / (2 * electron_mass) / electron_volt / angstrom**2
"""ħ²/2m₀ in eV Å²."""

NOISE_EV = 2e-4
"""What an energy printed by an engine may be off."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found on a line; masses positive, in units of the free electron's, None where there is no answer.

    Attributes:
        mass: at the extremum, of ħ²k²/2m = E(1 + αE).
        alpha_per_ev: α.
        parabolic: mass of ħ²k²/2m = E over the narrow window.
        effmass: what the package effmass finds on the same points.
        residual_ev: root mean square misfit of Kane's relation.
        window_ev: energy of the outermost point fitted.
        reach_per_angstrom: its distance.
        points: k points fitted.
        flags: what is to be known of the fit; why there is no mass.
    """

    mass: float | None
    alpha_per_ev: float | None
    parabolic: float | None
    effmass: float | None
    residual_ev: float | None
    window_ev: float
    reach_per_angstrom: float
    points: int
    flags: tuple[str, ...]

    @classmethod
    def none(cls, *flags: str, points: int = 0) -> Fit:
        """No answer, with the reason."""
        return cls(None, None, None, None, None, 0.0, 0.0, points, flags)


def fit_line(k: Array, energies: Array, crossed: NDArray[np.bool_], config: BandsConfig) -> Fit:
    """Fit over the longest window in which Kane's relation can hold.

    Args:
        k: (n,) distances from the extremum in Å⁻¹ with 2π, ascending, none zero.
        energies: (n,) eV from the extremum into the band.
        crossed: (n,) where the band crosses another.
        config: windows and tolerances.
    """
    count, flags = _usable(k, energies, crossed, config)
    if (energies[: count + 1] < -NOISE_EV).any():
        return Fit.none(
            "the band falls along this line: a saddle point, and the valley lies off the path", points=count
        )
    if count < config.min_points:
        return Fit.none(*flags, f"{count} points in the window; {config.min_points} are needed", points=count)
    if energies[count - 1] <= NOISE_EV:
        return Fit.none(*flags, "the band is flat", points=count)
    narrow = max(3, int(np.sum(energies[:count] <= config.parabola_window_ev)))
    parabolic = fit_parabola(k[:narrow], energies[:narrow])
    full = count
    mass, alpha, residual = fit_kane(k[:count], energies[:count])
    while not _fits(mass, residual, energies[count - 1], config) and count > config.min_points:
        count = max(config.min_points, min(count - 1, int(0.8 * count)))
        mass, alpha, residual = fit_kane(k[:count], energies[:count])
    window, reach = float(energies[count - 1]), float(k[count - 1])
    wrong = "Kane's relation does not fit" if not _fits(mass, residual, window, config) else ""
    if not wrong and alpha * energies[0] > 1:
        wrong = "the band is straight down to the innermost point: denser points may show its mass"
    if wrong:
        return Fit(None, None, parabolic, None, residual, window, reach, count, (*flags, wrong))
    if count < full:
        flags.append(f"window shortened to {window:.3f} eV: Kane's relation fits no further")
    other = fit_effmass(k[:count], energies[:count])
    for name, value in (("the parabola", parabolic), ("effmass", other)):
        if value is not None and abs(value / mass - 1) > config.mass_tolerance:
            flags.append(f"{name} gives {abs(value):.3f} and differs by {abs(value / mass - 1):.0%}")
    return Fit(mass, alpha, parabolic, other, residual, window, reach, count, tuple(flags))


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


def kane_energies(k: Array, mass: float, alpha: float) -> Array:
    """(n,) E of E(1 + αE) = ħ²k²/2m, the root that begins at zero.

    Args:
        k: (n,) distances from the extremum in Å⁻¹ with 2π.
        mass: in units of the free electron's, positive.
        alpha: in 1/eV.
    """
    square = FREE * k**2 / mass
    found: Array = 2 * square / (1 + np.sqrt(np.maximum(0, 1 + 4 * alpha * square)))  # holds for α = 0, too
    return found


def fit_parabola(k: Array, energies: Array) -> float:
    """Mass of ħ²k²/2m = E by least squares; arguments as for :func:`fit_kane`."""
    return float(FREE * (k**2 @ k**2) / (k**2 @ energies))


def fit_effmass(k: Array, energies: Array) -> float | None:
    """Mass at the band edge by the package effmass: a polynomial first, then Kane's relation to its slope.

    Source: Whalley, J. Open Source Softw. 3, 797 (2018).

    Args:
        k: (n,) as for :func:`fit_kane`.
        energies: (n,) likewise.

    Returns:
        None where the package finds none, or is not installed (the extra ``effmass``): it is a second opinion, and
        holds other packages back at versions of 2017.
    """
    try:
        from effmass.analysis import Segment  # pulls in readers of six codes; seconds
    except ImportError:
        return None

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
        with np.errstate(all="ignore"):
            return float(Segment(data, 0, list(range(len(line)))).kane_mass_band_edge())
    except AssertionError:  # too few points before what it takes for an inflexion
        return None


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
