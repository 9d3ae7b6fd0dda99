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
STABLE_EV_PER_ATOM = 0.1


@dataclass(frozen=True)
class Run:
    """A finished or interrupted design run.

    Attributes:
        candidates: one per identifier, the latest line of each, in the order of the file.
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

    @classmethod
    def load(cls, folder: Path) -> Run:
        """Read ``candidates.jsonl`` and ``run.json``.

        Args:
            folder: where ``wyckforge design --out`` wrote.

        Raises:
            MissingDependencyError: one of the two files is absent.
            TableError: ``run.json`` is not JSON, or no line of a non-empty candidates file can be read.
        """
        for name in (CANDIDATES, RUN):
            if not (folder / name).is_file():
                raise MissingDependencyError(
                    f"{folder} holds no {name}; give a folder that `wyckforge design --out` wrote"
                )
        try:
            info = json.loads((folder / RUN).read_text(encoding="utf-8"))
        except ValueError as error:
            raise TableError(f"{folder / RUN} is not JSON ({error}); run the design again") from error
        if not isinstance(info, dict):
            raise TableError(f"{folder / RUN} holds no JSON object; run the design again")
        candidates: dict[str, Candidate] = {}
        problems: list[str] = []
        for number, line in enumerate((folder / CANDIDATES).read_text(encoding="utf-8").splitlines(), start=1):
            try:
                candidate = Candidate.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, WyckforgeError) as error:
                problems.append(f"line {number}: {error}")
                continue
            candidates[candidate.id] = candidate
        if problems and not candidates:
            raise TableError(f"{folder / CANDIDATES} holds no readable candidate ({problems[0]}); run the design again")
        return cls(tuple(candidates.values()), info, tuple(problems))
