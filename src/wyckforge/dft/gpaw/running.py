"""Running GPAW in the system's Python: to the files of a part comes ``scf.json``, what the driver found."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wyckforge.dft.engine import EngineError
from wyckforge.dft.running import PartRunner, last_lines, read_text
from wyckforge.errors import MissingDependencyError

INSTALL = "apt-get install gpaw gpaw-data"
"""The one command that installs the engine."""

DRIVER = Path(__file__).parent / "driver.py"
"""What GPAW's Python runs."""

_NOT_CONVERGED = "the field did not converge"
"""How the driver begins to tell of a field that was not found."""

_OURS = ("PYTHONPATH", "PYTHONHOME")
"""Variables that would lead another Python to the packages of this one."""


class NotConvergedError(EngineError):
    """The field was not found in as many iterations as were allowed."""


@dataclass(frozen=True, slots=True)
class Runner(PartRunner):
    """Runs parts of one step."""

    def run(self, part: str, text: str, *, saves: bool = False) -> dict[str, Any]:
        """What the driver found, now or before.

        Args:
            part: its name.
            text: the input, JSON.
            saves: the driver leaves a density, :meth:`density`, which what builds on it needs.

        Raises:
            NotConvergedError: the field was not found.
            EngineError: another failure, or time is up.
            MissingDependencyError: GPAW is not installed.
        """
        left = (self._result(part), *([self.density(part)] if saves else []))
        if self._verdict(part, text) == "" and not all(one.is_file() for one in left):
            self.forget(part)
        failure = self.complete(part, text, lambda: self._run(part), _lasting)
        if failure:
            kind = NotConvergedError if _lasting(failure) else EngineError
            raise kind(f"{failure}; the output is {self.output(part)}")
        found: dict[str, Any] = json.loads(self._result(part).read_text())
        return found

    def density(self, part: str) -> Path:
        """Where a part saves its density."""
        return self.folder / f"{part}.gpw"

    def _run(self, part: str) -> str:
        """Why it failed, empty where it did not."""
        result = self._result(part)
        result.unlink(missing_ok=True)
        status = self.execute(part, [find(), "python", str(DRIVER), f"{part}.in", result.name], unset=_OURS)
        if status or not result.is_file():
            return f"GPAW ended with status {status}: {last_lines(read_text(self.output(part)))}"
        return str(json.loads(result.read_text()).get("failure", ""))

    def _result(self, part: str) -> Path:
        return self.folder / f"{part}.json"


def find() -> str:
    """Path of GPAW.

    Raises:
        MissingDependencyError: it is not installed.
    """
    path = shutil.which("gpaw")
    if path is None:
        raise MissingDependencyError(f"GPAW is not installed; `{INSTALL}` does it")
    return path


def _lasting(failure: str) -> bool:
    return failure.startswith(_NOT_CONVERGED)
