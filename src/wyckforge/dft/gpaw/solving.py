"""Finding the self-consistent field, with the usual remedies where it is not found at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.dft.engine import EngineError
from wyckforge.dft.gpaw.inputs import Way
from wyckforge.dft.gpaw.running import NotConvergedError, Runner
from wyckforge.potential.contract import Array, Evaluation, Potential
from wyckforge.symmetry.crystal import Crystal

WAYS = (
    Way(),
    Way("mixer with beta 0.02 and twice the iterations", beta=0.02, patience=2),
    Way("mixer with beta 0.01 and four times the iterations", beta=0.01, patience=4),
    Way("ten times the smearing first, then back from the density found", beta=0.02, patience=4, wider=10.0),
)
"""What is tried in turn."""

Write = Callable[[Way, str | None], str]
"""The input for a way to the field and the name of the file to save the density in."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A field that was found.

    Attributes:
        found: by the driver.
        remedies: in words, that were needed.
    """

    found: dict[str, Any]
    remedies: tuple[str, ...]


def named(part: str, remedies: int) -> str:
    """Name of a part after so many remedies."""
    return f"{part}-{remedies + 1}" if remedies else part


def solve(runner: Runner, part: str, write: Write, *, saves: bool = False) -> Solution:
    """Ask the driver until the field converges.

    Args:
        runner: of the step.
        part: name of the first run; those with remedies have a number behind it.
        write: the input.
        saves: the density, for what builds on it.

    Raises:
        EngineError: no remedy helped, time is up, or GPAW failed for another reason.
    """
    tried: tuple[str, ...] = ()
    failure = ""
    for number, way in enumerate(WAYS):
        tried = (*tried, way.words) if way.words else tried
        name = named(part, number)
        try:
            return Solution(
                runner.run(name, write(way, runner.density(name).name if saves else None), saves=saves), tried
            )
        except NotConvergedError as error:
            failure = str(error)
    raise EngineError(f"{failure} (tried: {'; '.join(tried)})")


class Forces(Potential):
    """Energy, forces and stress by GPAW, as a potential that a relaxation or phonopy may ask.

    What was asked in the same order before is read, not computed, so that a search that is begun again after a kill
    comes by itself to where it was.

    Args:
        runner: of the step.
        part: name of its parts, with the number of the question behind it.
        write: the input for a crystal, the crystal asked about first, and a way to the field.
    """

    name = "gpaw"
    tool = "GPAW"

    def __init__(self, runner: Runner, part: str, write: Callable[[Crystal, Crystal, Way], str]) -> None:
        self._runner, self._part, self._write = runner, part, write
        self._first: Crystal | None = None
        self._asked = 0
        self.remedies: tuple[str, ...] = ()

    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """Energy, forces and stress.

        Raises:
            EngineError: no answer.
        """
        self._asked += 1
        crystal = Crystal(lattice, numbers, frac_coords)
        first = self._first = self._first or crystal
        part = f"{self._part}-{self._asked:03d}"
        solution = solve(self._runner, part, lambda way, _: self._write(crystal, first, way))
        self.remedies = tuple(dict.fromkeys((*self.remedies, *solution.remedies)))
        found = solution.found
        return Evaluation(found["energy_ev"], np.array(found["forces"]), np.array(found["stress"]))
