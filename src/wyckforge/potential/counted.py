"""What a result costs: a potential that counts how often it is asked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.potential.contract import Array, Evaluation, Potential


class Counted(Potential):
    """Another potential with a counter; calls without an answer count, too.

    Args:
        potential: who answers.

    Attributes:
        calls: evaluations so far.
    """

    def __init__(self, potential: Potential) -> None:
        self.name, self.tool = potential.name, potential.tool
        self.corrections, self.elements = potential.corrections, potential.elements
        self.calls = 0
        self._potential = potential

    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """Energy, forces and stress, see :meth:`Potential.evaluate`."""
        self.calls += 1
        return self._potential.evaluate(lattice, numbers, frac_coords)
