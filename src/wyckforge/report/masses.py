"""Effective masses: which fits are drawn on which points, and how they stand in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.constants import angstrom, electron_mass, electron_volt, hbar

from wyckforge.report.axes import Frame
from wyckforge.report.bands import Scale, reciprocal, zone_words
from wyckforge.report.lines import Dot, Line, curves
from wyckforge.report.typography import number

FREE_EV_ANGSTROM2 = hbar**2 / (2 * electron_mass) / electron_volt / angstrom**2
"""ħ²/2m of the free electron."""

MOST_LINES = 3
"""Fits drawn for a carrier."""

_FRAME = Frame(height=320)
_LOOKS = ("kept", "other", "third")
_PARALLEL = 1e-3  # difference of unit vectors below which two directions are one
_BEYOND = 1.5  # points are shown up to this multiple of what was fitted


@dataclass(frozen=True, slots=True)
class FitChart:
    """The fits of one carrier.

    Attributes:
        carrier: hole or electron.
        picture: energies on lines that leave an extremum, and the fits.
        legend: (look, words) of every line.
    """

    carrier: str
    picture: Markup
    legend: tuple[tuple[str, str], ...]


def kane_curve(mass: Mapping[str, Any], k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energies of the fit E(1 + αE) = ħ²k²/2m on the scale of the bands.

    Args:
        mass: one of ``masses`` in ``summary.json`` that has a mass.
        k: distances from the extremum in Å⁻¹.
    """
    square = FREE_EV_ANGSTROM2 * k**2 / abs(mass["mass"])
    energies = 2 * square / (1 + np.sqrt(np.maximum(0, 1 + 4 * mass["alpha_per_ev"] * square)))
    found: NDArray[np.float64] = mass["energy_ev"] + np.sign(mass["mass"]) * energies
    return found


def band_points(mass: Mapping[str, Any], bands: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances from the extremum in Å⁻¹, and energies on the scale of the bands, of the points on the line of a mass.

    Args:
        mass: one of ``masses`` in ``summary.json``.
        bands: the result it was fitted to: of the step ``mass``, or of ``bands``.
    """
    basis, k_points = reciprocal(bands["crystal"]), np.array(bands["k_points"])
    direction = np.array(mass["direction"])
    for piece in bands["path"]:
        inside = k_points[piece["start"] : piece["stop"]]
        unit = (inside[-1] - inside[0]) @ basis
        unit /= np.linalg.norm(unit)
        apart = inside - np.array(mass["k_point"])
        at = np.flatnonzero(np.abs(apart - np.rint(apart)).max(axis=1) < 1e-5)
        way = float(np.sign(unit @ direction))
        if not len(at) or mass["towards"] not in piece["labels"] or np.abs(way * unit - direction).max() > _PARALLEL:
            continue
        out = (inside - inside[at[0]]) @ basis @ direction - way * mass["shift_per_angstrom"]
        energies = np.array(bands["energies"])[mass["spin"], piece["start"] : piece["stop"], mass["band"]]
        ahead = out > -1e-6
        return out[ahead], energies[ahead]
    return np.empty(0), np.empty(0)


def fit_charts(masses: Sequence[Mapping[str, Any]], bands: Mapping[str, Any], scale: Scale) -> list[FitChart]:
    """For each carrier the lightest lines with their fits.

    Args:
        masses: of ``summary.json``.
        bands: the result they were fitted to.
        scale: where energies are counted from.
    """
    charts = []
    for carrier in ("electron", "hole"):
        fitted = [one for one in masses if one["carrier"] == carrier and one["mass"] is not None]
        lightest = sorted(fitted, key=lambda one: abs(one["mass"]))[:MOST_LINES]
        if lightest:
            charts.append(_chart(carrier, lightest, bands, scale))
    return charts


def _chart(carrier: str, masses: Sequence[Mapping[str, Any]], bands: Mapping[str, Any], scale: Scale) -> FitChart:
    drawn: list[Line] = []
    dots: list[Dot] = []
    legend = []
    for mass, look in zip(masses, _LOOKS, strict=False):
        k = np.linspace(0, mass["reach_per_angstrom"], 60)
        energies = kane_curve(mass, k) - scale.zero_ev
        drawn.append(Line(list(zip(k.tolist(), energies.tolist(), strict=True)), f"line {look}"))
        places, heights = band_points(mass, bands)
        shown = places < _BEYOND * mass["reach_per_angstrom"]
        dots += [
            Dot(float(x), float(y), f"{x:.3f} Å⁻¹: {y:.4f} eV", f"{look} point", 2.2)
            for x, y in zip(places[shown], heights[shown] - scale.zero_ev, strict=True)
        ]
        words = f"{number(mass['mass'])} m₀, {zone_words(mass['label'])} → {zone_words(mass['towards'])}"
        spin = f" {'↑↓'[mass['spin']]}" if len(bands["energies"]) > 1 else ""
        legend.append((look, f"{words}, band {mass['band'] + 1}{spin}"))
    picture = curves(drawn, "distance from the extremum (Å⁻¹)", "energy (eV)", dots=dots, frame=_FRAME)
    return FitChart(carrier, picture, tuple(legend))
