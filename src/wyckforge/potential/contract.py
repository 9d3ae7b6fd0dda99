"""What every interatomic potential gives: energy, forces and stress of a periodic structure, under a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.elements import symbol

Array = NDArray[np.float64]

Corrections = Literal["none", "mp2020"]
"""Which corrections energies lack; see :attr:`Potential.corrections`."""

DENSEST_ATOMS_PER_CUBIC_ANGSTROM = 0.5
"""The densest known crystals hold 0.2. The neighbours of an atom, and with them time and memory of an evaluation, grow
without bound with the density."""


class PotentialError(Exception):
    """There is no energy for a structure that can be believed.

    The potential has no answer (atoms without neighbours, a value that is not finite), or the structure or its energy
    is that of no crystal.
    """


def require_room(lattice: Array, n_atoms: int) -> None:
    """Pass if a cell has room for its atoms; potentials ask this before they look for neighbours.

    Args:
        lattice: (3, 3) row vectors in Å.
        n_atoms: in the cell.

    Raises:
        PotentialError: it is denser than any crystal, see :data:`DENSEST_ATOMS_PER_CUBIC_ANGSTROM`.
    """
    volume = abs(float(np.linalg.det(lattice)))
    if n_atoms > DENSEST_ATOMS_PER_CUBIC_ANGSTROM * volume:
        raise PotentialError(
            f"the cell has {volume:.3g} Å³ for {n_atoms} atom{'s' if n_atoms > 1 else ''}; allowed are "
            f"{1 / DENSEST_ATOMS_PER_CUBIC_ANGSTROM:g} Å³ for each, and more"
        )


def require_known(name: str, elements: frozenset[int] | None, numbers: Iterable[int]) -> None:
    """Pass if a potential knows all elements.

    Args:
        name: of the potential.
        elements: atomic numbers that it knows; ``None`` passes all.
        numbers: atomic numbers.

    Raises:
        PotentialError: it does not; the message names those that it does not know.
    """
    if elements is not None and (unknown := sorted({int(number) for number in numbers} - elements)):
        raise PotentialError(f"{name} does not know {', '.join(map(symbol, unknown))}")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a potential says of n atoms.

    Attributes:
        energy_ev: total energy of the cell, in eV.
        forces: (n, 3) in eV/Å.
        stress: (3, 3) derivative of the energy by the strain over the volume, in eV/Å³; positive under tension.
    """

    energy_ev: float
    forces: Array
    stress: Array


class Potential(ABC):
    """An interatomic potential; see :mod:`wyckforge.potential.checks` for what is promised and how it is tested.

    Attributes:
        name: by which it is chosen, ``chgnet``.
        tool: name and version of the model, ``CHGNet 0.3.0``. Energies may be compared if, and only if, these agree.
        corrections: what its energies lack to stand beside those of other compositions. ``mp2020``: it learned raw PBE
            and PBE+U energies with the settings of the Materials Project, as SevenNet did; the MP2020 corrections are
            added before an energy is put on a hull. ``none``, the default: nothing is added, because what it learned
            holds the corrections already, as with CHGNet, or because there are none for it.
        elements: atomic numbers that it knows; ``None``, the default, where it does not say.
    """

    name: str
    tool: str
    corrections: Corrections = "none"
    elements: frozenset[int] | None = None

    @abstractmethod
    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """Energy, forces and stress.

        Args:
            lattice: (3, 3) row vectors in Å.
            numbers: (n,) atomic numbers.
            frac_coords: (n, 3) fractional coordinates.

        Raises:
            PotentialError: an atom has no neighbour, an element is unknown, there is no room for the atoms, or the
                answer is not finite.
        """
