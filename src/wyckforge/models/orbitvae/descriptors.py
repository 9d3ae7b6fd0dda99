"""What the network is told about elements, space groups and Wyckoff positions: physics, not bare names."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.features import element_features
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, DENOMINATOR, LETTERS, SpaceGroup, space_group

_CENTRINGS = "PIFRABC"
_ATOMIC = (
    "X", "atomic_radius", "group", "row", "ionization_energy", "electron_affinity", "atomic_mass",
    "melting_point", "mendeleev_no", "average_ionic_radius", "molar_volume",
)  # fmt: skip


class Positions(NamedTuple):
    """Every Wyckoff position of every space group, p in all.

    Attributes:
        row: (230, 27) row of a position by group and letter; 0 where the letter does not exist.
        group: (p,) zero-based space group.
        features: (p, 24) multiplicity, degrees of freedom, and the first coordinate triplet as an operator.
        site_symmetry: (p,) number of the oriented site-symmetry symbol.
    """

    row: NDArray[np.int64]
    group: NDArray[np.int64]
    features: NDArray[np.float32]
    site_symmetry: NDArray[np.int64]


def positions() -> Positions:
    """All Wyckoff positions, by group and letter."""
    found = [(number, letter) for number in range(1, 231) for letter in space_group(number).letters]
    symbols = sorted({space_group(number).site_symmetry(letter) for number, letter in found})
    index = np.zeros((230, len(LETTERS)), np.int64)
    for row, (number, letter) in enumerate(found):
        index[number - 1, LETTERS.index(letter)] = row
    return Positions(
        row=index,
        group=np.array([number - 1 for number, _ in found]),
        features=np.array([_position(space_group(number), letter) for number, letter in found], np.float32),
        site_symmetry=np.array([symbols.index(space_group(number).site_symmetry(letter)) for number, letter in found]),
    )


def _position(group: SpaceGroup, letter: str) -> list[float]:
    general = max(position.multiplicity for position in group.positions.values())
    position = group.position(letter)
    angle = 2 * np.pi * position.representative[:, 3] / DENOMINATOR
    return [
        *(math.log(position.multiplicity) / 3, position.multiplicity / general, math.log(general) / 3),
        *np.eye(4)[position.degrees_of_freedom],
        *position.representative[:, :3].ravel(),
        *np.cos(angle),
        *np.sin(angle),
        LETTERS.index(letter) / 10,
        1.0,
    ]


def groups() -> NDArray[np.float32]:
    """(230, 18) crystal system, centring, order, inversion, translations, number."""
    return np.array([_group(space_group(number)) for number in range(1, 231)], np.float32)


def _group(group: SpaceGroup) -> list[float]:
    rotations, translations = group.operators[:, :, :3], group.operators[:, :, 3]
    return [
        *(float(group.crystal_system == system) for system in CRYSTAL_SYSTEMS),
        *(float(group.symbol.startswith(centring)) for centring in _CENTRINGS),
        math.log(len(group.operators)) / 4,
        float((rotations == -np.eye(3, dtype=np.int64)).all((1, 2)).any()),
        float(translations.any()),
        group.number / 230,
    ]


def elements(numbers: Sequence[int]) -> NDArray[np.float32]:
    """(n, 118) chemistry of elements.

    Binned features of free atoms (:func:`wyckforge.models.features.element_features`), standardised atomic
    quantities from pymatgen, and the 64 numbers by which the CHGNet potential knows an element: they carry what it
    learned about bonding. All are looked up once, at the beginning of a training.

    Source: Xie and Grossman, Phys. Rev. Lett. 120, 145301 (2018); Deng et al., Nat. Mach. Intell. 5, 1031 (2023).
    """
    from chgnet.model import CHGNet
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns about every unknown property; unknown is a case here
        quantities = np.array([_quantities(Element.from_Z(number)) for number in numbers])
    learned = CHGNet.load(verbose=False).atom_embedding.embedding.weight.detach().numpy()
    known = np.array([learned[number - 1] if number <= len(learned) else np.full(64, np.nan) for number in numbers])
    return np.hstack([element_features(numbers), _standardised(quantities), _standardised(known)]).astype(np.float32)


def _quantities(element: Any) -> list[float]:
    states = element.common_oxidation_states or (0,)
    shells = element.full_electronic_structure[-4:]
    electrons = [sum(count for _, kind, count in shells if kind == block) for block in "spdf"]
    return [
        *(_number(getattr(element, name)) for name in _ATOMIC),
        *(math.log(element.Z), max(states), min(states)),
        *electrons,
        1.0 if element.is_metal else 0.0,
    ]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _standardised(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Columns with mean 0 and standard deviation 1; what is unknown becomes the mean."""
    mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
    return np.asarray(np.nan_to_num((values - mean) / np.where(deviation > 0, deviation, 1)))
