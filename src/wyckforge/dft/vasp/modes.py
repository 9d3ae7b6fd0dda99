"""Vibrations at Γ from what VASP gives of a linear response: force constants, Born charges, dielectric tensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from phonopy.interface.vasp import Vasprun as ForceConstants
from phonopy.interface.vasp import VasprunxmlExpat

from wyckforge.dft import vibrations
from wyckforge.dft.results import GammaModes
from wyckforge.dft.vasp.outputs import finished, tool
from wyckforge.dft.vasp.reading import OutputError, find, guarded, opened
from wyckforge.dft.vasp.sets import crystal_of
from wyckforge.potential.contract import Array

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
    if constants.shape != (3 * len(crystal), 3 * len(crystal)):
        raise OutputError(f"the force constants in {path} are not those of its crystal")
    filling = [values[..., 1] for values in (run.eigenvalues or {}).values()]
    metal = any(((occupied > PARTLY_FILLED) & (occupied < 1 - PARTLY_FILLED)).any() for occupied in filling)
    charges, dielectric = (None, None) if metal else guarded(path, response_of)
    return vibrations.gamma_modes(crystal, constants, charges, dielectric, method=method, tool=tool(run))


def force_constants_of(path: Path) -> Array:
    """(3n, 3n) in eV/Å²: all images of an atom in one, as the cell is its own supercell."""
    with opened(path) as file:
        constants, _ = ForceConstants(file).read_force_constants()
    blocks = np.array(constants, np.float64)  # (n, n, 3, 3)
    return blocks.swapaxes(1, 2).reshape(3 * len(blocks), -1)


def response_of(path: Path) -> tuple[Array | None, Array | None]:
    """Born charges (n, 3, 3), by atom, field and displacement, and dielectric tensor (3, 3); None if not computed."""
    with opened(path) as file:
        found = VasprunxmlExpat(file)
        found.parse()
    if found.born is None or found.epsilon is None:
        return None, None
    return np.array(found.born, np.float64), np.array(found.epsilon, np.float64)
