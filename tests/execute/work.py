"""Stages for the tests of executors; worker processes import them from here."""

from __future__ import annotations

import os
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
