"""Band structures and densities of states, from the results of ``wyckforge dft run``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from wyckforge.report.axes import Frame
from wyckforge.report.lines import Dot, Line, curves, lines
from wyckforge.report.typography import zone_label

BROADENING_EV = 0.1
"""Gaussian width of a state in the density of states."""

BANDS_FRAME = Frame(width=640, height=430)
DOS_FRAME = Frame(width=230, height=430, left=14)

_BELOW_EV, _ABOVE_EV = 6.0, 4.0
_SAME_EV = 1e-3  # a band that comes so near to its edge reaches it
_LOOKS = ("line", "line second")
_CHANNELS = ("up", "down")
_POINTS = 500


@dataclass(frozen=True, slots=True)
class Scale:
    """Where energies are counted from, and what is shown.

    Attributes:
        zero_ev: energy that is drawn at zero, on the scale of the bands.
        label: of the axis.
        shown: lowest and highest energy, from zero.
    """

    zero_ev: float
    label: str
    shown: tuple[float, float]

    @classmethod
    def of(cls, gap: Mapping[str, Any] | None, fermi_ev: float | None) -> Scale:
        """From the valence band maximum where there is a gap, else from the Fermi energy.

        Args:
            gap: ``gap`` of ``summary.json``.
            fermi_ev: of the bands.
        """
        if gap:
            width = gap["conduction"]["energy_ev"] - gap["valence"]["energy_ev"]
            return cls(
                gap["valence"]["energy_ev"],
                "energy above the valence band maximum (eV)",
                (-_BELOW_EV, width + _ABOVE_EV),
            )
        if fermi_ev is None:
            return cls(0.0, "energy (eV)", (-_BELOW_EV, _BELOW_EV))
        return cls(fermi_ev, "energy above the Fermi energy (eV)", (-_BELOW_EV, _BELOW_EV))


def band_chart(bands: Mapping[str, Any], scale: Scale, gap: Mapping[str, Any] | None = None) -> Markup:
    """Band energies along the path, the second spin channel in another look, and dots where the edges lie.

    Args:
        bands: the result of the step ``bands``.
        scale: of the energies.
        gap: ``gap`` of ``summary.json``.
    """
    energies = np.array(bands["energies"]) - scale.zero_ev
    drawn: list[Line] = []
    places: list[tuple[float, str]] = []
    dots: list[Dot] = []
    at, end = 0.0, ""
    for piece in bands["path"]:
        first, last = (zone_label(name) for name in piece["labels"])
        inside = slice(piece["start"], piece["stop"])
        distances = at + _along(bands, inside)
        places = [*places[:-1], (at, first if end in ("", first) else f"{end}|{first}")]
        for channel, look in zip(energies[:, inside], _LOOKS, strict=False):
            shown = (band for band in channel.T if band.max() > scale.shown[0] and band.min() < scale.shown[1])
            drawn += [Line(list(zip(distances.tolist(), band.tolist(), strict=True)), look) for band in shown]
        dots += _edges(energies[:, inside], distances, gap, scale)
        at, end = float(distances[-1]), last
        places.append((at, end))
    return lines(drawn, places, scale.label, scale.shown, dots, BANDS_FRAME)


def density_of_states(bands: Mapping[str, Any], energies_ev: NDArray[np.float64]) -> NDArray[np.float64]:
    """(s, m) states per eV and cell at m energies, both spins in one where they are not told apart.

    Args:
        bands: the result of the step ``dos``: band energies on a mesh with weights.
        energies_ev: (m,) on the scale of the bands.
    """
    found, weights = np.array(bands["energies"]), np.array(bands["weights"])
    per_band = 2.0 if len(found) == 1 and not bands["spinor"] else 1.0
    share = weights[:, None] * per_band / (BROADENING_EV * np.sqrt(2 * np.pi))
    density = np.zeros((len(found), len(energies_ev)))
    for number in range(found.shape[2]):  # a band at a time: all at once may be gigabytes
        apart = (energies_ev - found[:, :, number, None]) / BROADENING_EV
        density += (np.exp(-(apart**2) / 2) * share).sum(axis=1)
    return density


def dos_chart(bands: Mapping[str, Any], scale: Scale) -> Markup:
    """The density of states, over the same energies as the bands; the second spin channel to the left.

    Args:
        bands: the result of the step ``dos``.
        scale: of the energies.
    """
    energies = np.linspace(*scale.shown, _POINTS)
    density = density_of_states(bands, energies + scale.zero_ev)
    most = 1.06 * max(float(density.max()), 1e-3)
    drawn = []
    for channel, sign, look in zip(density, (1, -1), _LOOKS, strict=False):
        points = list(zip((sign * channel).tolist(), energies.tolist(), strict=True))
        filled = [(x, y) for x, y in points if y <= 0]
        drawn += [Line([(0.0, filled[0][1]), *filled, (0.0, filled[-1][1])], "area"), Line(points, look)]
    x_range = (-most if len(density) > 1 else 0.0, most)
    return curves(drawn, "states per eV and cell", "", x_range, scale.shown, frame=DOS_FRAME)


def reciprocal(crystal: Mapping[str, Any]) -> NDArray[np.float64]:
    """(3, 3) rows b₁, b₂, b₃ in Å⁻¹ with 2π."""
    basis: NDArray[np.float64] = 2 * np.pi * np.linalg.inv(np.array(crystal["lattice"]).reshape(3, 3)).T
    return basis


def _along(bands: Mapping[str, Any], inside: slice) -> NDArray[np.float64]:
    """Distances from the first k point of a piece."""
    places = np.array(bands["k_points"])[inside] @ reciprocal(bands["crystal"])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _edges(
    energies: NDArray[np.float64], distances: NDArray[np.float64], gap: Mapping[str, Any] | None, scale: Scale
) -> Iterator[Dot]:
    """Where on a piece a band reaches its edge."""
    for name, what in (("valence", "valence band maximum"), ("conduction", "conduction band minimum")):
        if gap is None:
            continue
        edge = gap[name]
        height = edge["energy_ev"] - scale.zero_ev
        reached = np.abs(energies[edge["spin"], :, edge["band"]] - height) < _SAME_EV
        spin = f", spin {_CHANNELS[edge['spin']]}" if len(energies) > 1 else ""
        for at in distances[reached]:
            yield Dot(float(at), height, f"{what}, {zone_words(edge['label'])}{spin}: {height:.3f} eV", "edge", 4.5)


def zone_words(label: str) -> str:
    """A place in the zone as the bands name it: ``Γ–X 0.85`` for ``GAMMA–X 0.85``."""
    place, space, share = label.partition(" ")
    return "–".join(zone_label(name) for name in place.split("–")) + space + share
