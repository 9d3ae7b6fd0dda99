"""Stages for the tests of executors; worker processes import them from here."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.gene import WyckoffGene

ROCK_SALT = WyckoffGene.parse("225|Na:a|Cl:b")


def candidates(count: int) -> list[Candidate]:
    return [Candidate(f"c{index}", ROCK_SALT, Origin("seed")) for index in range(count)]


def thread_setting(candidate: Candidate) -> Candidate:
    return candidate.with_evidence(Evidence("threads", "pass", float(os.environ["OMP_NUM_THREADS"])))


def second(candidate: Candidate) -> Candidate:
    return candidate.with_evidence(Evidence("second", "pass"))


@dataclass(frozen=True)
class Emt:
    """The energy of a strained copper crystal by ASE's EMT: a cheap potential.

    Every call that comes to its end leaves a trace in a folder; the evidence names the process that gave the call out.
    """

    folder: Path
    seconds: float = 0.0

    def __call__(self, candidate: Candidate) -> Candidate:
        from ase.build import bulk
        from ase.calculators.emt import EMT

        atoms = bulk("Cu", a=3.6 + 1e-4 * int(candidate.id[1:]))
        atoms.calc = EMT()
        energy = float(atoms.get_potential_energy())
        time.sleep(self.seconds)
        with (self.folder / candidate.id).open("a") as trace:
            trace.write("x")
        return candidate.with_evidence(Evidence("emt", "pass", energy, "eV", tool=str(os.getppid())))


@dataclass(frozen=True)
class OnceBad:
    """c1 kills its process and c2 hangs, each the first time only; the others take their time."""

    folder: Path
    seconds: float = 0.0

    def __call__(self, candidate: Candidate) -> Candidate:
        mark = self.folder / f"met {candidate.id}"
        if candidate.id in ("c1", "c2") and not mark.exists():
            mark.touch()
            if candidate.id == "c1":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
        time.sleep(self.seconds)
        return candidate.with_evidence(Evidence("bad", "pass", float(os.getpid())))


@dataclass(frozen=True)
class Record:
    """Leaves a trace of every call in a folder, then takes its time."""

    folder: Path
    seconds: float = 0.0

    def __call__(self, candidate: Candidate) -> Candidate:
        with (self.folder / candidate.id).open("a") as trace:
            trace.write("x")
        time.sleep(self.seconds)
        return candidate.with_evidence(Evidence("record", "pass", float(len(candidate.id))))


def misbehave(candidate: Candidate) -> Candidate:
    """c1 raises, c2 hangs, c3 kills its process, c4 rejects; the others pass."""
    match candidate.id:
        case "c1":
            raise ZeroDivisionError("a defect")
        case "c2":
            time.sleep(60)
        case "c3":
            os._exit(3)
        case "c4":
            return candidate.with_evidence(Evidence("first", "fail", reason="no good"))
    return candidate.with_evidence(Evidence("first", "pass"))
