"""Stages for ``benchmarks/execution.py``; worker processes import them from here."""

from __future__ import annotations

import time
from dataclasses import dataclass

from wyckforge.records import Candidate, Evidence


def nothing(candidate: Candidate) -> Candidate:
    """A finding, for no work."""
    return candidate.with_evidence(Evidence("nothing", "pass"))


@dataclass(frozen=True)
class Emt:
    """Work for a processor: energies of copper by ASE's EMT, whatever the candidate.

    Attributes:
        calls: energies to compute, of 64 atoms each.
    """

    calls: int

    def __call__(self, candidate: Candidate) -> Candidate:
        """The candidate with the seconds that the work took."""
        start = time.perf_counter()
        from ase.build import bulk
        from ase.calculators.emt import EMT

        atoms = bulk("Cu").repeat(4)
        atoms.calc = EMT()
        for _ in range(self.calls):
            atoms.rattle(0.01, seed=1)
            atoms.get_potential_energy()
        return candidate.with_evidence(Evidence("emt", "pass", time.perf_counter() - start, "s"))
