"""Vibrations at Γ from what VASP gives of a linear response: force constants, Born charges, dielectric tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from phonopy import Phonopy
from phonopy.interface.vasp import Vasprun as ForceConstants
from phonopy.interface.vasp import VasprunxmlExpat
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.symmetry import symmetrize_borns_and_epsilon

from wyckforge.dft.results import GammaModes
from wyckforge.dft.vasp.outputs import finished, tool
from wyckforge.dft.vasp.reading import OutputError, find, guarded, opened
from wyckforge.dft.vasp.sets import crystal_of
from wyckforge.potential.contract import Array
from wyckforge.realise.phonon.dynamics import PER_CM_PER_THZ
from wyckforge.symmetry.crystal import Crystal

COULOMB_EV_ANGSTROM = 14.3996454784
"""e²/(4πε₀)."""

METHODS = {5: "finite displacements", 6: "finite displacements", 7: "dfpt", 8: "dfpt"}
"""What IBRION means."""

PARTLY_FILLED = 1e-3
"""From which occupation on a band that is neither full nor empty makes a metal."""


def gamma_modes(folder: Path) -> GammaModes:
    """The modes of a run with IBRION 5 to 8, split by the field of Born charges where LEPSILON gave them.

    Raises:
        OutputError: there is no result.
    """
    run = finished(folder)
    method = METHODS.get(run.parameters.get("IBRION", -1))
    if method is None:
        raise OutputError(f"the run in {folder} is none of vibrations; IBRION is {run.parameters.get('IBRION')}")
    crystal = crystal_of(run.initial_structure)
    path = find(folder, "vasprun.xml")
    constants = guarded(path, force_constants_of)
    if constants.shape != (len(crystal), len(crystal), 3, 3):
        raise OutputError(f"the force constants in {path} are not those of its crystal")
    filling = [values[..., 1] for values in (run.eigenvalues or {}).values()]
    metal = any(((occupied > PARTLY_FILLED) & (occupied < 1 - PARTLY_FILLED)).any() for occupied in filling)
    response = None if metal else guarded(path, response_of)
    return modes(crystal, constants, response, method, tool(run))


def modes(
    crystal: Crystal, constants: Array, response: tuple[Array, Array] | None, method: str, tool: str
) -> GammaModes:
    """Modes with the sum rules of force constants and Born charges imposed.

    The primitive cell is its own supercell here: constants between cells are summed up already, which is all that
    Γ asks.

    Args:
        crystal: n atoms.
        constants: (n, n, 3, 3) in eV/Å².
        response: Born charges (n, 3, 3) and dielectric tensor (3, 3), if known.
        method: as :attr:`GammaModes.method`.
        tool: name and version of the engine.
    """
    cell = PhonopyAtoms(numbers=crystal.numbers, cell=crystal.lattice, scaled_positions=crystal.frac_coords)
    phonons = Phonopy(cell, np.eye(3), primitive_matrix=np.eye(3))
    phonons.force_constants = constants
    drift = _acoustic(phonons)
    phonons.symmetrize_force_constants(show_drift=False)
    transverse = np.array(phonons.run_qpoints([[0, 0, 0]]).frequencies[0]) * PER_CM_PER_THZ
    charges = dielectric = longitudinal = None
    if response is not None:
        charges, dielectric = symmetrize_borns_and_epsilon(*response, cell)
        phonons.nac_params = {
            "born": charges,
            "dielectric": dielectric,
            "factor": COULOMB_EV_ANGSTROM,
            "method": "wang",
        }
        directions = (phonons.run_qpoints([[0, 0, 0]], nac_q_direction=axis) for axis in np.eye(3))
        longitudinal = np.array([found.frequencies[0] for found in directions]) * PER_CM_PER_THZ
    return GammaModes(crystal, transverse, longitudinal, charges, dielectric, method, drift, tool)


def _acoustic(phonons: Phonopy) -> float:
    """Largest frequency by magnitude, in cm⁻¹, of the three modes that move the crystal as a whole."""
    found = phonons.run_qpoints([[0, 0, 0]], with_eigenvectors=True)
    vectors = np.array(found.eigenvectors)[0]
    masses = np.sqrt(np.array(phonons.masses) / np.sum(phonons.masses))
    overlap = np.linalg.norm(np.kron(masses, np.eye(3)) @ vectors, axis=0)
    acoustic = np.argsort(overlap)[-3:]
    return float(np.abs(np.array(found.frequencies[0])[acoustic]).max()) * PER_CM_PER_THZ


def force_constants_of(path: Path) -> Array:
    """(n, n, 3, 3) in eV/Å²."""
    with opened(path) as file:
        constants, _ = ForceConstants(file).read_force_constants()
    return np.array(constants, np.float64)


def response_of(path: Path) -> tuple[Array, Array] | None:
    """Born charges (n, 3, 3) and dielectric tensor (3, 3); None where there are none."""
    with opened(path) as file:
        found = VasprunxmlExpat(file)
        found.parse()
    if found.born is None or found.epsilon is None:
        return None
    return np.array(found.born, np.float64), np.array(found.epsilon, np.float64)
