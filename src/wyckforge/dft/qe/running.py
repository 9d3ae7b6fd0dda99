"""Running the programs of Quantum ESPRESSO so that a killed step goes on where it was.

A step is made of parts, each one run of a program: ``scf.in`` and ``scf.out``, ``scf.xml`` and, once it has ended,
``scf.done`` with the SHA-256 of the input and what became of it. A part that has ended is not run again as long as its
input stays the same.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.inputs import OUT, SAVED
from wyckforge.errors import MissingDependencyError
from wyckforge.files import write_atomically

INSTALL = "apt-get install quantum-espresso"
"""The one command that installs the engine."""

NOT_CONVERGED = ("convergence NOT achieved", "No convergence has been achieved")
"""What pw.x and ph.x say of a field that was not found."""

NOT_DIAGONALISED = ("diaghg", "cegterg", "regterg", "c_bands", "too many bands", "S matrix not")
"""Parts of the error messages of failed diagonalisations."""

_ENDED = "JOB DONE."
_LAST_WORDS = 5


class FailedRunError(EngineError):
    """A program ended without a result.

    Args:
        reason: in words.
        output: of the program.
    """

    def __init__(self, reason: str, output: Path) -> None:
        self.reason = reason
        super().__init__(f"{reason}; the output is {output}")

    @property
    def not_converged(self) -> bool:
        """The field was not found in as many iterations as were allowed."""
        return any(sign in self.reason for sign in NOT_CONVERGED)

    @property
    def not_diagonalised(self) -> bool:
        """A diagonalisation failed."""
        return any(sign in self.reason for sign in NOT_DIAGONALISED)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs parts of one step.

    Attributes:
        folder: of the step.
        cores: processes of a program.
        deadline: by :func:`time.monotonic`; whatever runs then is ended.
    """

    folder: Path
    cores: int
    deadline: float

    @classmethod
    def within(cls, folder: Path, cores: int, hours: float) -> Runner:
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

    def saved(self, part: str) -> bool:
        """Whether the program's own files are those of this part, and not of a later one; yes for one that failed."""
        kept, last = self.folder / f"{part}.xml", self.folder / SAVED / "data-file-schema.xml"
        return not kept.is_file() or (last.is_file() and kept.read_bytes() == last.read_bytes())

    def forget(self, part: str) -> None:
        """Let a part run again."""
        self._done(part).unlink(missing_ok=True)

    def interrupted(self, part: str, text: str) -> bool:
        """Whether the part was begun with this input and has no end."""
        return self.begun(part, text) and self.output(part).is_file() and not self.finished(part, text)

    def run(self, program: str, part: str, text: str) -> Path:
        """The XML of pw.x (or the text of another program) after a part, run now unless it has ended before.

        Raises:
            FailedRunError: it ended without a result, now or then.
            EngineError: time is up.
            MissingDependencyError: the program is not installed.
        """
        verdict = self._verdict(part, text)
        if verdict is None:
            for stale in (self._done(part), self.output(part)):  # before the input that they do not belong to
                stale.unlink(missing_ok=True)
            write_atomically(self.folder / f"{part}.in", text.encode())
            verdict = self._run(program, part)
            if not verdict or any(sign in verdict for sign in (*NOT_CONVERGED, *NOT_DIAGONALISED)):
                # the same would happen again; other failures may come of a full disk or another accident
                kept = {"input": sha256(text.encode()).hexdigest(), "failure": verdict}
                write_atomically(self._done(part), json.dumps(kept).encode())
        if verdict:
            raise FailedRunError(verdict, self.output(part))
        xml = self.folder / f"{part}.xml"
        return xml if xml.is_file() else self.output(part)

    def _run(self, program: str, part: str) -> str:
        """Why it failed, empty where it did not."""
        (self.folder / f"{part}.xml").unlink(missing_ok=True)
        with self.output(part).open("wb") as output:
            status = _call(self._command(program, part), self.folder, output.fileno(), self.deadline)
        text = read_text(self.output(part))
        if status or _ENDED not in text[-2000:]:
            return f"{program} ended with status {status}: {last_words(text)}"
        if program == "pw.x":
            write_atomically(self.folder / f"{part}.xml", (self.folder / SAVED / "data-file-schema.xml").read_bytes())
        return ""

    def _command(self, program: str, part: str) -> list[str]:
        # setpriv: the program dies with whoever called it, and does not write into a folder where another goes on
        dies = ["setpriv", "--pdeathsig"] if shutil.which("setpriv") else []
        call = [find(program), "-in", f"{part}.in"]
        if self.cores == 1:
            return [*dies, *(["KILL"] if dies else []), *call]
        options = ["--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-np", str(self.cores)]
        return [*dies, *(["TERM"] if dies else []), find("mpirun"), *options, *call]

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


def find(program: str) -> str:
    """Path of a program.

    Raises:
        MissingDependencyError: it is not installed.
    """
    path = shutil.which(program)
    if path is None:
        raise MissingDependencyError(f"{program} of Quantum ESPRESSO is not installed; `{INSTALL}` does it")
    return path


def take_over(saved: Path, folder: Path, *, waves: bool) -> None:
    """Copy the density of a ground state, so that another step may begin with it.

    Args:
        saved: folder of the step that found it.
        folder: of the step that begins.
        waves: with the wave functions.

    Raises:
        EngineError: it is not there.
    """
    if not (saved / SAVED / "data-file-schema.xml").is_file():
        raise EngineError(f"{saved} holds no ground state of Quantum ESPRESSO; compute the step scf again")
    shutil.rmtree(folder / OUT, ignore_errors=True)
    leave = None if waves else shutil.ignore_patterns("wfc*")
    shutil.copytree(saved / SAVED, folder / SAVED, ignore=leave)
    shutil.copyfile(saved / SAVED / "data-file-schema.xml", folder / OUT / "pwscf.xml")


def read_text(path: Path) -> str:
    """Text of an output, whatever bytes are in it."""
    return path.read_bytes().decode(errors="replace")


def last_words(text: str) -> str:
    """What a program said at its end: its error message, or its last lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        if any(sign in line for sign in NOT_CONVERGED):
            return line
        if line.startswith("Error in routine"):
            return " ".join(lines[place : place + 2])
    return " / ".join(lines[-_LAST_WORDS:]) or "it wrote nothing"


def _call(command: list[str], folder: Path, output: int, deadline: float) -> int:
    """Exit status of a command in a process group of its own, which does not outlive this call."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
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
