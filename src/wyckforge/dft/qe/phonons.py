"""Force constants at Γ with Quantum ESPRESSO: read from ph.x, or by finite displacements with pw.x."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.inputs import MATRIX, OUT, Field, phonon
from wyckforge.dft.qe.outputs import numbers_of, parse_xml
from wyckforge.dft.qe.running import FailedRunError, Runner
from wyckforge.dft.qe.solving import solve
from wyckforge.dft.units import BOHR_ANGSTROM, GPA_PER_HARTREE_BOHR3, HARTREE_EV, RYDBERG_EV
from wyckforge.files import write_atomically
from wyckforge.potential.contract import Array, Evaluation, Potential
from wyckforge.symmetry.crystal import Crystal

PART = "phonon"
"""Name of the run of ph.x."""

TENSORS = "tensors.xml"
"""File of the response to a field."""

CAREFUL_MIXING = 0.3

_REMAINS = f"{OUT}/_ph0"
"""Folder of what a run of ph.x leaves for the next one to go on from."""

_OWNER = f"{_REMAINS}/owner.txt"
"""Input and number of processes that the remains belong to: with another number, ph.x hangs on them."""

_EV_PER_ANGSTROM3_GPA = HARTREE_EV / BOHR_ANGSTROM**3 / GPA_PER_HARTREE_BOHR3


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How a crystal responds at Γ; None for what was not computed.

    Attributes:
        force_constants: (3n, 3n) in eV/Å².
        born_charges: (n, 3, 3) in units of e: atom, field, displacement.
        dielectric: (3, 3) high-frequency dielectric tensor.
        remedies: in words, that the self-consistent field needed.
    """

    force_constants: Array | None = None
    born_charges: Array | None = None
    dielectric: Array | None = None
    remedies: tuple[str, ...] = ()


def respond(runner: Runner, title: str, *, polar: bool, modes: bool) -> Response:
    """What ph.x finds in the field that lies in the folder of the step.

    Args:
        runner: of the step.
        title: of the input; it names the ground state.
        polar: Born charges and dielectric tensor.
        modes: force constants.

    Raises:
        EngineError: no answer.
    """
    remedies: tuple[str, ...] = ()
    text = phonon(title, polar=polar, modes=modes)
    owner = f"{runner.cores} processes\n{text}"
    try:
        _run(runner, PART, text, owner)
    except FailedRunError as failure:
        if not failure.not_converged:
            raise
        remedies = (f"alpha_mix {CAREFUL_MIXING} in ph.x",)
        _run(runner, f"{PART}-2", phonon(title, polar=polar, modes=modes, mixing=CAREFUL_MIXING), owner)
    folder = runner.folder
    kept, tensors = folder / TENSORS, folder / _REMAINS / "pwscf.phsave" / "tensors.xml"
    if polar and tensors.is_file():
        write_atomically(kept, tensors.read_bytes())
    born, dielectric = read_tensors(kept) if polar else (None, None)
    return Response(read_constants(folder / MATRIX) if modes else None, born, dielectric, remedies)


def _run(runner: Runner, part: str, text: str, owner: str) -> None:
    """Run ph.x on from what it left, where that is its own; once more without, where it fails on it."""
    remains = runner.folder / _OWNER
    goes_on = remains.is_file() and remains.read_bytes() == owner.encode()
    if not (goes_on or runner.finished(part, text)):
        _begin(remains, owner)
    try:
        runner.run("ph.x", part, text)
    except FailedRunError:
        if not goes_on or runner.finished(part, text):  # a failure that is kept would come again
            raise
        _begin(remains, owner)
        runner.run("ph.x", part, text)


def _begin(remains: Path, owner: str) -> None:
    """Leave nothing of an earlier run, and mark what comes."""
    shutil.rmtree(remains.parent, ignore_errors=True)
    write_atomically(remains, owner.encode())


def read_constants(path: Path) -> Array:
    """(3n, 3n) force constants in eV/Å² from the XML file of a dynamical matrix at Γ.

    Raises:
        EngineError: it is damaged.
    """
    try:
        root = parse_xml(path.read_bytes(), path)
        n_atoms = int(root.findtext("GEOMETRY_INFO/NUMBER_OF_ATOMS") or 0)
        return _blocks(n_atoms, lambda i, j: root.find(f"DYNAMICAL_MAT_.1/PHI.{i}.{j}"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} cannot be read ({error})") from None


def read_tensors(path: Path) -> tuple[Array, Array]:
    """(n, 3, 3) Born charges in units of e (atom, field, displacement), and the (3, 3) dielectric tensor.

    Raises:
        EngineError: the file is damaged.
    """
    try:
        root = parse_xml(path.read_bytes(), path)
        charges = numbers_of(root.find("EF_TENSORS/EFFECTIVE_CHARGES_EU")).reshape(-1, 3, 3)
        dielectric = numbers_of(root.find("EF_TENSORS/DIELECTRIC_CONSTANT")).reshape(3, 3)
    except (OSError, ValueError) as error:
        raise EngineError(f"{path} cannot be read ({error})") from None
    return charges.swapaxes(1, 2), dielectric.T


def _blocks(n_atoms: int, find: Callable[[int, int], ElementTree.Element | None]) -> Array:
    """Fortran writes the first index first, and a complex number as two."""
    per_rydberg = RYDBERG_EV / BOHR_ANGSTROM**2
    rows = []
    for i in range(1, n_atoms + 1):
        row = [numbers_of(find(i, j)).reshape(9, 2)[:, 0].reshape(3, 3).T for j in range(1, n_atoms + 1)]
        rows.append(row)
    constants: Array = np.block(rows) * per_rydberg
    return constants


class Forces(Potential):
    """Forces of pw.x, as a potential that phonopy may ask.

    Args:
        runner: of the step.
        write: the input for a crystal.
        field: how the field is found.
    """

    name = "qe"
    tool = "Quantum ESPRESSO"

    def __init__(self, runner: Runner, write: Callable[[Crystal, Field], str], field: Field) -> None:
        self._runner, self._write, self._field = runner, write, field
        self._asked = 0
        self.remedies: tuple[str, ...] = ()

    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """Energy, forces and stress.

        Raises:
            EngineError: no answer.
        """
        self._asked += 1
        crystal = Crystal(lattice, numbers, frac_coords)
        part = f"displacement-{self._asked:03d}"
        solution = solve(self._runner, part, lambda field: self._write(crystal, field), self._field, density=False)
        self.remedies = tuple(dict.fromkeys((*self.remedies, *solution.remedies)))
        found = solution.output
        if found.forces is None or found.stress_gpa is None:
            raise EngineError(f"no forces are in the output of {part} in {self._runner.folder}")
        return Evaluation(found.energy_ev, found.forces, found.stress_gpa / _EV_PER_ANGSTROM3_GPA)
