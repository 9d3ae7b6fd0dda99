"""Running the programs of an engine so that a killed step goes on where it was.

A step is made of parts, each one run of a program: ``scf.in`` and ``scf.out`` and, once it has ended, ``scf.done`` with
the SHA-256 of the input and what became of it. A part that has ended is not run again as long as its input stays the
same.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from wyckforge.dft.engine import EngineError
from wyckforge.errors import MissingDependencyError
from wyckforge.files import write_atomically


@dataclass(frozen=True, slots=True)
class PartRunner:
    """Keeps the books of the parts of one step, and starts programs.

    Attributes:
        folder: of the step.
        cores: processes of a program.
        deadline: by :func:`time.monotonic`; whatever runs then is ended.
    """

    folder: Path
    cores: int
    deadline: float

    @classmethod
    def within(cls, folder: Path, cores: int, hours: float) -> Self:
        """One that has so many hours from now."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, cores, time.monotonic() + 3600 * hours)

    def output(self, part: str) -> Path:
        """Where a part writes its text."""
        return self.folder / f"{part}.out"

    def begun(self, part: str, text: str) -> bool:
        """Whether the part was begun with this input, however it ended."""
        path = self.folder / f"{part}.in"
        return path.is_file() and path.read_bytes() == text.encode()

    def finished(self, part: str, text: str) -> bool:
        """Whether the part has ended with this input, well or not."""
        return self._verdict(part, text) is not None

    def forget(self, part: str) -> None:
        """Let a part run again."""
        self._done(part).unlink(missing_ok=True)

    def interrupted(self, part: str, text: str) -> bool:
        """Whether the part was begun with this input and has no end."""
        return self.begun(part, text) and self.output(part).is_file() and not self.finished(part, text)

    def complete(self, part: str, text: str, run: Callable[[], str], lasting: Callable[[str], bool]) -> str:
        """Run a part unless it has ended before.

        Args:
            part: its name.
            text: its input.
            run: the program on the input written; gives why it failed, empty where it did not.
            lasting: whether such a failure would happen again. Others may come of a full disk or another accident.

        Returns:
            Why it failed, now or then; empty where it did not.
        """
        verdict = self._verdict(part, text)
        if verdict is None:
            for stale in (self._done(part), self.output(part)):  # before the input that they do not belong to
                stale.unlink(missing_ok=True)
            write_atomically(self.folder / f"{part}.in", text.encode())
            verdict = run()
            if not verdict or lasting(verdict):
                kept = {"input": sha256(text.encode()).hexdigest(), "failure": verdict}
                write_atomically(self._done(part), json.dumps(kept).encode())
        return verdict

    def execute(self, part: str, call: list[str], unset: tuple[str, ...] = ()) -> int:
        """Exit status of a program, whose text goes where that of the part does.

        Args:
            part: its name.
            call: the program with its arguments.
            unset: variables of the environment that it shall not see.

        Raises:
            EngineError: time is up.
            MissingDependencyError: several processes are wanted, and there is no mpirun.
        """
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        with self.output(part).open("wb") as output:
            return _call(self._command(call), self.folder, output.fileno(), self.deadline, environment)

    def _command(self, call: list[str]) -> list[str]:
        # setpriv: the program dies with whoever called it, and does not write into a folder where another goes on
        dies = ["setpriv", "--pdeathsig"] if shutil.which("setpriv") else []
        if self.cores == 1:
            return [*dies, *(["KILL"] if dies else []), *call]
        mpirun = shutil.which("mpirun")
        if mpirun is None:
            raise MissingDependencyError("mpirun is not installed; `apt-get install openmpi-bin` does it, or cores = 1")
        options = ["--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-np", str(self.cores)]
        return [*dies, *(["TERM"] if dies else []), mpirun, *options, *call]

    def _verdict(self, part: str, text: str) -> str | None:
        """What became of a part with this input: why it failed, empty where it did not, None where it has not ended."""
        try:
            kept = json.loads(self._done(part).read_text())
            same = self.begun(part, text) and kept["input"] == sha256(text.encode()).hexdigest()
            return str(kept["failure"]) if same and self.output(part).is_file() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _done(self, part: str) -> Path:
        return self.folder / f"{part}.done"


def read_text(path: Path) -> str:
    """Text of an output, whatever bytes are in it."""
    return path.read_bytes().decode(errors="replace")


def newest_output(folder: Path) -> tuple[str, str] | None:
    """Name of the part whose output in the folder of a step grew last, and its text; None where there is none."""
    try:
        last = max(folder.rglob("*.out"), key=lambda path: path.stat().st_mtime, default=None)
        return None if last is None else (last.stem, read_text(last))
    except OSError:  # removed while looking
        return None


def last_lines(text: str) -> str:
    """What a program wrote at its end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-5:]) or "it wrote nothing"


def _call(command: list[str], folder: Path, output: int, deadline: float, environment: Mapping[str, str]) -> int:
    """Exit status of a command in a process group of its own, which does not outlive this call."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**environment, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise EngineError(f"time was up for {' '.join(command[-3:])}; its files are in {folder}") from None
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process group: politely, so that mpirun ends its own, then for good."""
    for one in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, one)
            process.wait(5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
