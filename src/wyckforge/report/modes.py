"""Vibrations at Γ, Born charges and the dielectric tensor, from the result of the step ``phonon``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from wyckforge.report.axes import Frame
from wyckforge.report.lines import Stick, sticks
from wyckforge.report.typography import number
from wyckforge.symmetry.elements import symbol

MEV_PER_CM = 0.1239841984
"""Energy of one cm⁻¹ in meV."""

_FRAME = Frame(height=260)
_ONE_CM = 0.5  # modes closer than this, in cm⁻¹, are one level
_STILL_CM = 1.0  # below this, by magnitude, an acoustic mode is at rest
_WAYS = ("a*", "b*", "c*")


@dataclass(frozen=True, slots=True)
class Level:
    """Modes of one frequency.

    Attributes:
        frequency: in cm⁻¹, ``i`` in front of imaginary ones.
        energy: in meV.
        count: how many modes.
        ways: along which field they are; empty for transverse modes.
        imaginary: the crystal falls apart along them.
        acoustic: they are the three rigid translations.
    """

    frequency: str
    energy: str
    count: int
    ways: str
    imaginary: bool
    acoustic: bool


def levels(modes: Mapping[str, Any]) -> list[Level]:
    """Transverse levels, then the longitudinal ones that no transverse level explains.

    Args:
        modes: the result of the step ``phonon``.
    """
    still = _acoustic(modes["frequencies_per_cm"])
    rows = [
        _level(mean, count, "", acoustic=abs(mean - still) < _ONE_CM)
        for mean, count in _grouped(modes["frequencies_per_cm"])
    ]
    return rows + [_level(mean, count, " ".join(ways)) for mean, count, ways in _longitudinal(modes)]


def mode_chart(modes: Mapping[str, Any]) -> Markup:
    """Levels as sticks as high as there are modes, the longitudinal ones in another look.

    Args:
        modes: the result of the step ``phonon``.
    """
    drawn = []
    for mean, count in _grouped(modes["frequencies_per_cm"]):
        look = "stick imaginary" if mean < -_STILL_CM else "stick"
        drawn.append(Stick(mean, count, f"{_words(mean)} cm⁻¹, {count}-fold", look))
    for mean, count, ways in _longitudinal(modes):
        text = f"{_words(mean)} cm⁻¹, longitudinal along {', '.join(ways)}"
        drawn.append(Stick(mean, count, text, "stick longitudinal"))
    return sticks(drawn, "frequency (cm⁻¹), imaginary ones negative", "modes", _FRAME)


def tensors(modes: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Name and nine components, row by row, of the dielectric tensor and of the charges; none of a metal."""
    rows = []
    if modes.get("dielectric"):
        rows.append(("ε∞", _components(modes["dielectric"])))
    for z, charge in zip(modes["crystal"]["numbers"], modes.get("born_charges") or (), strict=False):
        rows.append((f"Z* {symbol(int(z))}", _components(charge)))
    return rows


def _longitudinal(modes: Mapping[str, Any]) -> list[tuple[float, int, list[str]]]:
    """Level, count and directions of those modes that the field moves."""
    found: dict[tuple[float, int], list[str]] = {}
    transverse = list(modes["frequencies_per_cm"])
    for way, frequencies in zip(_WAYS, modes.get("longitudinal_per_cm") or (), strict=False):
        left = list(frequencies)
        for one in transverse:
            near = min(left, key=lambda other: abs(other - one))
            if abs(near - one) < _ONE_CM:
                left.remove(near)
        for mean, count in _grouped(left):
            found.setdefault((round(mean, 1), count), []).append(way)
    return [(mean, count, ways) for (mean, count), ways in sorted(found.items())]


def _grouped(frequencies: Sequence[float]) -> list[tuple[float, int]]:
    """Mean and count of frequencies that are one level."""
    groups: list[list[float]] = []
    for one in sorted(frequencies):
        if groups and one - groups[-1][-1] < _ONE_CM:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [(float(np.mean(group)), len(group)) for group in groups]


def _acoustic(frequencies: Sequence[float]) -> float:
    """Frequency of the level of the rigid translations, which the sum rule puts at zero."""
    return min((mean for mean, _ in _grouped(frequencies)), key=abs)


def _level(mean: float, count: int, ways: str, *, acoustic: bool = False) -> Level:
    imaginary = mean < -_STILL_CM
    return Level(_words(mean), _words(mean * MEV_PER_CM), count, ways, imaginary, acoustic and not imaginary)


def _words(value: float) -> str:
    return f"{'i ' if value < -0.05 else ''}{abs(value):.1f}"


def _components(tensor: Sequence[Sequence[float]]) -> list[str]:
    return [number(value if abs(value) >= 5e-4 else 0.0) for row in tensor for value in row]
