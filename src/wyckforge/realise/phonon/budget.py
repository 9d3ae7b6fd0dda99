"""A budget of wall-clock time, looked at before every call of a potential."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from wyckforge.potential.contract import Array, Evaluation, Potential
from wyckforge.potential.counted import Counted


class GivenUp(Exception):
    """The work on a crystal ends without a verdict, for the reason given."""


class Limited(Counted):
    """A potential that is called until a deadline and no longer.

    Args:
        potential: who answers.
        deadline: value of ``time.monotonic`` after which no call begins.

    Attributes:
        deadline: the same.
    """

    def __init__(self, potential: Potential, deadline: float) -> None:
        super().__init__(potential)
        self.deadline = deadline

    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """Energy, forces and stress, see :meth:`Potential.evaluate`.

        Raises:
            GivenUp: the deadline has passed.
            PotentialError: the potential has no answer.
        """
        if time.monotonic() > self.deadline:
            raise GivenUp("the time allowed is spent")
        return super().evaluate(lattice, numbers, frac_coords)
