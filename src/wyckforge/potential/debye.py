"""What follows from elastic constants and from energies at a few volumes: moduli, Debye temperature, heat transport.

The quasi-harmonic Debye model in the form of the Automatic GIBBS Library, which made the thermal labels of AFLOW.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.constants import angstrom, atomic_mass, electron_volt, giga, hbar, k

Array = NDArray[np.float64]

POISSON = 0.25
"""Poisson's ratio, where no shear modulus is known; AGL's own choice."""


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


class Moduli(NamedTuple):
    """Isotropic moduli in GPa; NaN of an unstable crystal's lower bound.

    Attributes:
        bulk_voigt: upper bound of the bulk modulus.
        bulk_reuss: lower bound.
        shear_voigt: upper bound of the shear modulus.
        shear_reuss: lower bound.
    """

    bulk_voigt: float
    bulk_reuss: float
    shear_voigt: float
    shear_reuss: float


class Thermal(NamedTuple):
    """The Debye model at one temperature.

    Attributes:
        bulk: bulk modulus in GPa at the volume of that temperature.
        volume_ratio: that volume, in units of the given one.
        grueneisen: Grüneisen parameter.
        debye: Debye temperature in K.
        conductivity: lattice thermal conductivity in W/(m K).
        expansion: volume expansion in 1/K.
    """

    bulk: float
    volume_ratio: float
    grueneisen: float
    debye: float
    conductivity: float
    expansion: float


def moduli(constants: Array) -> Moduli:
    """Bounds of the isotropic moduli of a polycrystal.

    Source: Hill, Proc. Phys. Soc. A 65, 349 (1952).

    Args:
        constants: (6, 6) elastic constants in GPa, Voigt order.
    """
    bulk, shear = _bounds(constants)
    stable = np.linalg.eigvalsh((constants + constants.T) / 2).min() > 1e-3
    if not stable:
        return Moduli(bulk, np.nan, shear, np.nan)
    compliance = np.asarray(np.linalg.inv(constants), np.float64)
    diagonal, off, sheared = _sums(compliance)
    return Moduli(bulk, 1 / (diagonal + 2 * off), shear, 15 / (4 * diagonal - 4 * off + 3 * sheared))


def _bounds(constants: Array) -> tuple[float, float]:
    diagonal, off, sheared = _sums(constants)
    return (diagonal + 2 * off) / 9, (diagonal - off + 3 * sheared) / 15


def _sums(tensor: Array) -> tuple[float, float, float]:
    upper = tensor[0, 1] + tensor[0, 2] + tensor[1, 2]
    return float(np.trace(tensor[:3, :3])), float(upper), float(np.trace(tensor[3:, 3:]))


def debye_temperature(bulk: float, shear: float, mass: float, volume: float) -> float:
    """Debye temperature in K from the speeds of sound; NaN where a modulus is not positive.

    Source: Anderson, J. Phys. Chem. Solids 24, 909 (1963).

    Args:
        bulk: bulk modulus in GPa.
        shear: shear modulus in GPa.
        mass: mean atomic mass in u.
        volume: per atom in Å³.
    """
    if not (bulk > 0 and shear > 0):
        return float("nan")
    per_atom = volume * angstrom**3
    density = mass * atomic_mass / per_atom
    along, across = np.sqrt((bulk + 4 / 3 * shear) * giga / density), np.sqrt(shear * giga / density)
    speed = ((2 / across**3 + 1 / along**3) / 3) ** (-1 / 3)
    return float(hbar / k * (6 * np.pi**2 / per_atom) ** (1 / 3) * speed)


def thermal(
    volumes: Array, energies: Array, mass: float, n_atoms: int, *, temperature: float = 300.0
) -> Thermal | None:
    """Heat transport and expansion from energies at several volumes; ``None`` where no minimum lies among them.

    Source: Blanco, Francisco and Luaña, Comput. Phys. Commun. 158, 57 (2004) for the Debye model; Toher et al., Phys.
    Rev. B 90, 174107 (2014), eqs. 4 to 12, for the rest.

    Args:
        volumes: (m,) per atom in Å³.
        energies: (m,) per atom in eV; NaN where unknown.
        mass: mean atomic mass in u.
        n_atoms: in the primitive cell.
        temperature: in K.
    """
    known = np.isfinite(energies)
    if known.sum() < 5:
        return None
    # Birch and Murnaghan's equation of state is a polynomial of third degree in the inverse square of the length
    state = np.polynomial.Polynomial.fit(volumes[known] ** (-2 / 3), energies[known], 3)
    grid = np.linspace(volumes.min(), volumes.max(), 241)
    bulk = _bulk_modulus(state, grid)
    theta = np.full(len(grid), np.nan)
    stiff = bulk > 0
    constant = hbar / k * (6 * np.pi**2) ** (1 / 3) * _shape(POISSON) / np.sqrt(mass * atomic_mass)
    theta[stiff] = constant * np.sqrt(bulk[stiff] * giga) * (grid[stiff] * angstrom**3) ** (1 / 6)
    free = state(grid ** (-2 / 3)) + _free_energy(theta, temperature)
    if not stiff.any():
        return None
    best = int(np.nanargmin(free))
    if best < 2 or best > len(grid) - 3 or not stiff[best - 2 : best + 3].all():
        return None
    gamma = -float(np.polyfit(np.log(grid[best - 2 : best + 3]), np.log(theta[best - 2 : best + 3]), 1)[0])
    debye, volume = float(theta[best]), float(grid[best])
    heat = 3 * k * _heat_capacity(debye / temperature)
    expansion = gamma * heat / (bulk[best] * giga * volume * angstrom**3)
    conductivity = slack_conductivity(debye * n_atoms ** (-1 / 3), gamma, mass, volume * n_atoms, temperature)
    return Thermal(float(bulk[best]), volume / float(np.median(volumes)), gamma, debye, conductivity, float(expansion))


def _bulk_modulus(state: np.polynomial.Polynomial, volumes: Array) -> Array:
    """(m,) V d²E/dV² in GPa; with x = V^(-2/3), dx/dV = -2/3 x/V and d²x/dV² = 10/9 x/V²."""
    x = volumes ** (-2 / 3)
    second: Array = state.deriv(2)(x) * (2 / 3 * x) ** 2 + state.deriv(1)(x) * 10 / 9 * x
    found: Array = second / volumes * electron_volt / angstrom**3 / giga
    return found


def _shape(poisson: float) -> float:
    """How the mean speed of sound follows from the bulk modulus alone, given Poisson's ratio."""
    across = 2 * (2 / 3 * (1 + poisson) / (1 - 2 * poisson)) ** 1.5
    along = (1 / 3 * (1 + poisson) / (1 - poisson)) ** 1.5
    return float((3 / (across + along)) ** (1 / 3))


def _free_energy(theta: Array, temperature: float) -> Array:
    """(m,) eV/atom of the phonons of a Debye solid."""
    x = theta / temperature
    energy: Array = 9 / 8 * x + 3 * np.log1p(-np.exp(-x)) - debye_function(x)
    found: Array = k * temperature / electron_volt * energy
    return found


def _heat_capacity(x: float) -> float:
    """Of a Debye solid at x = θ/T, in units of 3k per atom."""
    return float(4 * debye_function(np.array([x]))[0] - 3 * x / np.expm1(x))


def debye_function(x: Array) -> Array:
    """(m,) 3/x³ times the integral of t³/(eᵗ - 1) from 0 to x, by Gauss and Legendre."""
    t = x[:, None] * (_NODES + 1) / 2
    found: Array = 3 / x**3 * ((t**3 / np.expm1(t)) @ _WEIGHTS) * x / 2
    return found


def slack_conductivity(debye: float, gamma: float, mass: float, volume: float, temperature: float) -> float:
    """Lattice thermal conductivity in W/(m K), from the Debye temperature of the acoustic modes.

    Source: Toher et al., Phys. Rev. B 90, 174107 (2014), eq. 12, after Slack, J. Phys. Chem. Solids 34, 321 (1973) and
    Morelli and Slack (2006). It holds from about the Debye temperature on.

    Args:
        debye: acoustic Debye temperature in K: that of all modes over the cube root of the atoms in the primitive cell.
        gamma: Grüneisen parameter.
        mass: mean atomic mass in u.
        volume: of the primitive cell in Å³.
        temperature: in K.
    """
    front = 0.849 * 3 * 4 ** (1 / 3) / (20 * np.pi**3 * (1 - 0.514 / gamma + 0.228 / gamma**2))
    metres = (volume * angstrom**3) ** (1 / 3)
    at_debye = front * (k * debye / hbar) ** 2 * k * mass * atomic_mass * metres / (hbar * gamma**2)
    return float(at_debye * debye / temperature)
