"""What Quantum ESPRESSO found, read from its XML, and from its text where the XML lacks it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wyckforge.dft.bands import edges
from wyckforge.dft.engine import EngineError
from wyckforge.dft.results import Bands
from wyckforge.dft.running import read_text
from wyckforge.dft.units import BOHR_ANGSTROM, GPA_PER_HARTREE_BOHR3, HARTREE_EV
from wyckforge.errors import InvalidGeneError, StructureError
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import atomic_number

_NUMBER = r"[-+]?\d+\.\d+(?:[EeDd][-+]?\d+)?"
_CELL = re.compile(rf"CELL_PARAMETERS \(angstrom\)\n((?:\s*{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s*\n){{3}})")
_SITES = re.compile(rf"ATOMIC_POSITIONS \(crystal\)\n((?:[A-Z][a-z]?\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}[ 01]*\n)+)")
_MOMENT = re.compile(rf"atom:\s*\d+\s+charge:\s*{_NUMBER}\s+magn:\s*({_NUMBER})")


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What pw.x found.

    Attributes:
        crystal: the last one computed.
        energy_ev: of its cell.
        forces: (n, 3) in eV/Å; None where not computed, as with bands.
        stress_gpa: (3, 3), positive under tension; None likewise.
        steps: ionic steps.
        relaxed: a relaxation came to its end.
        energies: (s, k, b) band energies in eV.
        k_points: (k, 3) in units of the reciprocal basis.
        weights: (k,) summing to 1.
        electrons: per spin channel; one number without spin polarisation.
        fermi_ev: Fermi energy; for fixed occupations the highest occupied level. None where the program tells none.
        moment_bohr: of the cell.
    """

    crystal: Crystal
    energy_ev: float
    forces: Array | None
    stress_gpa: Array | None
    steps: int
    relaxed: bool
    energies: Array
    k_points: Array
    weights: Array
    electrons: tuple[float, ...]
    fermi_ev: float | None
    moment_bohr: float

    @property
    def max_force_ev_per_angstrom(self) -> float:
        """Largest force on an atom."""
        return float("nan") if self.forces is None else float(np.linalg.norm(self.forces, axis=1).max())

    @property
    def max_stress_gpa(self) -> float:
        """Largest stress component by magnitude."""
        return float("nan") if self.stress_gpa is None else float(np.abs(self.stress_gpa).max())

    @property
    def pressure_gpa(self) -> float | None:
        """Positive where the crystal wants to grow."""
        return None if self.stress_gpa is None else -float(np.trace(self.stress_gpa)) / 3

    @property
    def gap_ev(self) -> float | None:
        """Gap between the bands that the electrons fill and the others at these k points; None where they overlap."""
        # without the Fermi energy, which is the highest filled level where occupations are fixed
        bands = Bands(self.crystal, self.k_points, self.energies, self.electrons, None, (), self.weights, False, "pw.x")
        return edges.gap_ev(bands)


def parse_xml(content: bytes, origin: Path) -> ElementTree.Element:
    """The root of an XML document without a document type, and so without entities to expand.

    Raises:
        EngineError: it is none.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise EngineError(f"{origin} holds a document type, which no output of the engine does; it is not read")
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise EngineError(f"{origin} is damaged ({error})") from None


def numbers_of(node: ElementTree.Element | None) -> Array:
    """All numbers in the text of a node.

    Raises:
        ValueError: it is missing, or holds something else.
    """
    if node is None:
        raise ValueError("a part is missing")
    return np.array((node.text or "").split(), np.float64)


def read(path: Path) -> Output:
    """Read ``data-file-schema.xml``.

    Raises:
        EngineError: it is damaged or lacks what it should hold.
    """
    try:
        root = parse_xml(path.read_bytes(), path)
        output = root.find("output")
        if output is None:
            raise ValueError("no output in it")
        return _output(root, output)
    except (OSError, ValueError, IndexError, InvalidGeneError, StructureError) as error:
        raise EngineError(f"{path} cannot be read ({error})") from None


def _output(root: ElementTree.Element, output: ElementTree.Element) -> Output:
    bands = output.find("band_structure")
    if bands is None:
        raise ValueError("no bands in it")
    last, alat = _crystal(output)
    steps = root.findall("step")
    relaxed = output.findtext("convergence_info/opt_conv/convergence_achieved") == "true"
    forces, stress = output.find("forces"), output.find("stress")
    n_spins = 2 if bands.findtext("lsda") == "true" else 1
    energies = np.array([numbers_of(one) for one in bands.iterfind("ks_energies/eigenvalues")]) * HARTREE_EV
    points = bands.findall("ks_energies/k_point")
    weights = np.array([float(node.attrib["weight"]) for node in points])
    moment = float(output.findtext("magnetization/total") or 0.0) if n_spins == 2 else 0.0
    electrons = float(numbers_of(bands.find("nelec"))[0])
    return Output(
        # a relaxation out of steps ends with the crystal that would come next
        last if relaxed or not steps else _crystal(steps[-1])[0],
        float(numbers_of(output.find("total_energy/etot"))[0]) * HARTREE_EV,
        None if forces is None else numbers_of(forces).reshape(-1, 3) * HARTREE_EV / BOHR_ANGSTROM,
        None if stress is None else -numbers_of(stress).reshape(3, 3) * GPA_PER_HARTREE_BOHR3,
        len(steps),
        relaxed,
        np.moveaxis(energies.reshape(len(energies), n_spins, -1), 0, 1),
        np.array([numbers_of(node) for node in points]) @ last.lattice.T / alat,
        weights / weights.sum(),
        (electrons,) if n_spins == 1 else ((electrons + moment) / 2, (electrons - moment) / 2),
        _fermi(bands),
        moment,
    )


def _crystal(node: ElementTree.Element) -> tuple[Crystal, float]:
    """The crystal of a step or of the output, and the length in Å that k points are given in."""
    structure = node.find("atomic_structure")
    if structure is None:
        raise ValueError("no structure in it")
    lattice = np.array([numbers_of(structure.find(f"cell/{axis}")) for axis in ("a1", "a2", "a3")]) * BOHR_ANGSTROM
    atoms = structure.findall("atomic_positions/atom")
    places = np.array([numbers_of(atom) for atom in atoms]) * BOHR_ANGSTROM
    numbers = np.array([atomic_number(atom.attrib["name"]) for atom in atoms])
    alat = float(structure.attrib["alat"]) * BOHR_ANGSTROM
    return Crystal(lattice, numbers, places @ np.linalg.inv(lattice)), alat


def _fermi(bands: ElementTree.Element) -> float | None:
    for name in ("fermi_energy", "two_fermi_energies", "highestOccupiedLevel"):
        node = bands.find(name)
        if node is not None and node.text:
            return float(numbers_of(node).max()) * HARTREE_EV
    return None


def site_moments(path: Path, n_atoms: int) -> Array:
    """(n,) moments of the atoms in μB as the text of pw.x has them last, which the XML lacks.

    Raises:
        EngineError: it has none for so many atoms.
    """
    found = _MOMENT.findall(read_text(path))[-n_atoms:]
    if len(found) != n_atoms:
        raise EngineError(
            f"{path} has moments of {len(found)} atoms, not of {n_atoms}; whether they are magnetic is open"
        )
    return np.array(found, np.float64)


def geometries(text: str, numbers: NDArray[np.int64]) -> list[Crystal]:
    """The crystals that a relaxation printed, each the one to be computed next, in order.

    Args:
        text: of the output, perhaps cut off.
        numbers: (n,) atomic numbers that it must have.
    """
    cells = [(found.end(), found[1]) for found in _CELL.finditer(text)]
    found_crystals = []
    for end, cell in cells:
        sites = _SITES.search(text, end)
        if sites is None or text[end : sites.start()].strip():
            continue
        rows = [line.split() for line in sites[1].splitlines()]
        if [atomic_number(row[0]) for row in rows] != [int(number) for number in numbers]:
            continue
        lattice = np.array(cell.split(), np.float64).reshape(3, 3)
        found_crystals.append(Crystal(lattice, numbers, np.array([row[1:4] for row in rows], np.float64)))
    return found_crystals
