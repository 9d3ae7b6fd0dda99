"""Running the programs of Quantum ESPRESSO: to the files of a part comes ``scf.xml``, the program's own summary."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.inputs import OUT, SAVED
from wyckforge.dft.running import PartRunner, last_lines, read_text
from wyckforge.errors import MissingDependencyError
from wyckforge.files import write_atomically

INSTALL = "apt-get install quantum-espresso"
"""The one command that installs the engine."""

NOT_CONVERGED = ("convergence NOT achieved", "No convergence has been achieved")
"""What pw.x and ph.x say of a field that was not found."""

NOT_DIAGONALISED = ("diaghg", "cegterg", "regterg", "c_bands", "too many bands", "S matrix not")
"""Parts of the error messages of failed diagonalisations."""

_ENDED = "JOB DONE."

_STEPS_USED = 3
"""Exit status of pw.x that has made as many ionic steps as it may (PW/src/run_pwscf.f90); its XML is whole."""


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
class Runner(PartRunner):
    """Runs parts of one step."""

    def saved(self, part: str) -> bool:
        """Whether the program's own files are those of this part, and not of a later one; yes for one that failed."""
        kept, last = self.folder / f"{part}.xml", self.folder / SAVED / "data-file-schema.xml"
        return not kept.is_file() or (last.is_file() and kept.read_bytes() == last.read_bytes())

    def run(self, program: str, part: str, text: str) -> Path:
        """The XML of pw.x (or the text of another program) after a part, run now unless it has ended before.

        Raises:
            FailedRunError: it ended without a result, now or then.
            EngineError: time is up.
            MissingDependencyError: the program is not installed.
        """
        if failure := self.complete(part, text, lambda: self._run(program, part), _lasting):
            raise FailedRunError(failure, self.output(part))
        xml = self.folder / f"{part}.xml"
        return xml if xml.is_file() else self.output(part)

    def _run(self, program: str, part: str) -> str:
        """Why it failed, empty where it did not."""
        (self.folder / f"{part}.xml").unlink(missing_ok=True)
        status = self.execute(part, [find(program), "-in", f"{part}.in"])
        text = read_text(self.output(part))
        if status not in (0, _STEPS_USED) or _ENDED not in text[-2000:]:
            return f"{program} ended with status {status}: {last_words(text)}"
        if program == "pw.x":
            write_atomically(self.folder / f"{part}.xml", (self.folder / SAVED / "data-file-schema.xml").read_bytes())
        return ""


def _lasting(failure: str) -> bool:
    return any(sign in failure for sign in (*NOT_CONVERGED, *NOT_DIAGONALISED))


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


def last_words(text: str) -> str:
    """What a program said at its end: its error message, or its last lines."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for place, line in enumerate(lines):
        if any(sign in line for sign in NOT_CONVERGED):
            return line
        if line.startswith("Error in routine"):
            return " ".join(lines[place : place + 2])
    return last_lines(text)
