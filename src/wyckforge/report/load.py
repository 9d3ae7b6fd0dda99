"""Read back what a design run left: its candidates and its own record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wyckforge.errors import MissingDependencyError, TableError, WyckforgeError
from wyckforge.records import Candidate

CANDIDATES = "candidates.jsonl"
RUN = "run.json"
DRAWN = "drawn.jsonl"
JOURNALS = ("realised.jsonl", "phonons.jsonl")
"""What candidates have met so far; the file of candidates holds it once a run has ended."""
STABLE_EV_PER_ATOM = 0.1


@dataclass(frozen=True)
class Run:
    """A finished or interrupted design run.

    Attributes:
        candidates: one per identifier, the latest line of each, in the order of the file; of a run that has not ended,
            those drawn, with what the journals say of them.
        info: ``run.json``.
        problems: lines that could not be read, with the reason; a run killed while writing leaves one.
    """

    candidates: tuple[Candidate, ...]
    info: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def stable_ev_per_atom(self) -> float:
        """Energy above hull up to which the run counted a crystal as near the hull."""
        return float(self.info.get("config", {}).get("hull", {}).get("threshold_ev_per_atom", STABLE_EV_PER_ATOM))

    @property
    def unfinished(self) -> bool:
        """Whether the run was stopped, or is still going on."""
        return self.info.get("status") == "running"

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read ``run.json`` and the candidates.

        Args:
            folder: where ``wyckforge design --out`` wrote.

        Raises:
            MissingDependencyError: there is no record of a run, or there are no candidates.
            TableError: ``run.json`` is not JSON, or no line of a non-empty candidates file can be read.
        """
        info = _record(folder)
        files = [folder / CANDIDATES]
        if info.get("status") == "running":
            drawn = folder / DRAWN
            files = [drawn if drawn.is_file() else folder / CANDIDATES, *(folder / name for name in JOURNALS)]
        candidates: dict[str, Candidate] = {}
        problems: list[str] = []
        if not files[0].is_file():
            raise MissingDependencyError(
                f"{folder} holds a run that was stopped before it had candidates; repeat its command to go on"
            )
        for file in (files[0], *filter(Path.is_file, files[1:])):
            found, wrong = _read(file)
            candidates |= found
            problems += wrong
        if problems and not candidates:
            raise TableError(f"{files[0]} holds no readable candidate ({problems[0]}); run the design again")
        return cls(tuple(candidates.values()), info, tuple(problems))


def _record(folder: Path) -> dict[str, Any]:
    """The content of ``run.json``.

    Raises:
        MissingDependencyError: it is absent.
        TableError: it is not JSON.
    """
    path = folder / RUN
    if not path.is_file():
        raise MissingDependencyError(f"{folder} holds no {RUN}; give a folder that `wyckforge design --out` wrote")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TableError(f"{path} is not JSON ({error}); run the design again") from error
    if not isinstance(info, dict):
        raise TableError(f"{path} holds no JSON object; run the design again")
    return info


def _read(path: Path) -> tuple[dict[str, Candidate], list[str]]:
    """The latest line of every candidate, by id, and the lines that cannot be read, with the reason."""
    candidates: dict[str, Candidate] = {}
    problems: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            candidate = Candidate.from_dict(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, WyckforgeError) as error:
            problems.append(f"line {number}: {error}")
            continue
        candidates[candidate.id] = candidate
    return candidates, problems
