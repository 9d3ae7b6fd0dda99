"""Elemental features in the manner of CGCNN: binned properties of free atoms, from pymatgen's tables."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PERIODS = 7
_BLOCKS = "spdf"
_BINNED: tuple[tuple[str, Callable[[Any], float | None], float, float, int], ...] = (
    # property of a pymatgen Element, lowest edge, highest edge, bins; the ranges are those of CGCNN's table
    ("electronegativity (Pauling)", lambda element: element.X, 0.5, 4.0, 7),
    ("atomic radius (Å)", lambda element: element.atomic_radius, 0.25, 2.5, 7),
    ("ln first ionisation energy (eV)", lambda element: _log(element.ionization_energy), 1.3, 3.3, 6),
    ("electron affinity (eV)", lambda element: element.electron_affinity, -3.0, 3.7, 4),
)
N_FEATURES = _PERIODS + len(_BLOCKS) + sum(bins for *_, bins in _BINNED)


def element_features(elements: Sequence[int]) -> NDArray[np.float32]:
    """One-hot period and block, and binned atomic properties.

    A property that is unknown leaves its bins at zero.

    Args:
        elements: atomic numbers.

    Returns:
        (n, 35) zeros and ones.

    Source: Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018), with coarser bins.
    """
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns about every unknown property; unknown is a case here
        return np.array([_row(Element.from_Z(number)) for number in elements], np.float32).reshape(-1, N_FEATURES)


def _row(element: Any) -> list[float]:
    row = _one_hot(min(element.row, _PERIODS) - 1, _PERIODS) + _one_hot(_BLOCKS.index(element.block), len(_BLOCKS))
    for _, read, low, high, bins in _BINNED:
        value = read(element)
        if value is None or not math.isfinite(value):
            row += _one_hot(None, bins)
        else:
            row += _one_hot(int(np.clip((value - low) / (high - low) * bins, 0, bins - 1)), bins)
    return row


def _one_hot(index: int | None, size: int) -> list[float]:
    return [1.0 if position == index else 0.0 for position in range(size)]


def _log(value: float | None) -> float | None:
    return None if value is None else math.log(value)
