"""Band structures and densities of states, from the results of ``wyckforge dft run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from wyckforge.report import svg
from wyckforge.report.typography import zone_label

WINDOW_EV = (-6.0, 6.0)
"""What is shown around the reference."""

BROADENING_EV = 0.1
"""Gaussian width of a state in the density of states."""

_LOOKS = ("line", "line second")
_POINTS = 400


def band_chart(bands: Mapping[str, Any], zero_ev: float) -> Markup:
    """Band energies along the path; the second spin channel, if there is one, in another look.

    Args:
        bands: the result of the step ``bands``.
        zero_ev: energy that is drawn at zero.
    """
    k_points, energies = np.array(bands["k_points"]), np.array(bands["energies"]) - zero_ev
    reciprocal = 2 * np.pi * np.linalg.inv(np.array(bands["crystal"]["lattice"]).reshape(3, 3)).T
    lines: list[svg.Line] = []
    places: list[tuple[float, str]] = []
    at, end = 0.0, ""
    for piece in bands["path"]:
        first, last = (zone_label(name) for name in piece["labels"])
        inside = slice(piece["start"], piece["stop"])
        steps = np.linalg.norm(np.diff(k_points[inside] @ reciprocal, axis=0), axis=1)
        distances = at + np.concatenate([[0.0], np.cumsum(steps)])
        places = [*places[:-1], (at, first if end in ("", first) else f"{end}|{first}")]
        for channel, look in zip(energies[:, inside], _LOOKS, strict=False):
            shown = (band for band in channel.T if _visible(band))
            lines += [svg.Line(list(zip(distances.tolist(), band.tolist(), strict=True)), look) for band in shown]
        at, end = float(distances[-1]), last
        places.append((at, end))
    return svg.lines(lines, places, "energy (eV)", WINDOW_EV)


def density_of_states(bands: Mapping[str, Any], energies_ev: NDArray[np.float64]) -> NDArray[np.float64]:
    """(s, m) states per eV and cell at m energies, both spins in one where they are not told apart.

    Args:
        bands: the result of the step ``dos``: band energies on a mesh with weights.
        energies_ev: (m,) on the scale of the bands.
    """
    found, weights = np.array(bands["energies"]), np.array(bands["weights"])
    per_band = 2.0 if len(found) == 1 and not bands["spinor"] else 1.0
    apart = (energies_ev[:, None] - found.reshape(len(found), 1, -1)) / BROADENING_EV
    share = np.repeat(weights, found.shape[2]) * per_band / (BROADENING_EV * np.sqrt(2 * np.pi))
    density: NDArray[np.float64] = (np.exp(-(apart**2) / 2) * share).sum(axis=-1)
    return density


def dos_chart(bands: Mapping[str, Any], zero_ev: float) -> Markup:
    """The density of states over energy; the second spin channel below zero.

    Args:
        bands: the result of the step ``dos``.
        zero_ev: energy that is drawn at zero.
    """
    energies = np.linspace(*WINDOW_EV, _POINTS)
    density = density_of_states(bands, energies + zero_ev)
    lines = [
        svg.Line(list(zip((sign * channel).tolist(), energies.tolist(), strict=True)), look)
        for channel, sign, look in zip(density, (1, -1), _LOOKS, strict=False)
    ]
    return svg.curves(lines, "states per eV and cell", "energy (eV)", WINDOW_EV)


def _visible(band: NDArray[np.float64]) -> bool:
    return bool(band.max() > WINDOW_EV[0] and band.min() < WINDOW_EV[1])
