"""What GPAW is asked for, run by its own interpreter: ``gpaw python driver.py INPUT OUTPUT``, both JSON.

GPAW comes with the system's Python, which knows nothing of this package: numpy, ASE and GPAW are all that is imported
here. The log goes to the standard output. A field that does not converge is an answer, ``{"failure": "..."}``; any
other error ends the program with a traceback.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ase
import gpaw
import numpy as np
from ase import Atoms
from ase.units import Bohr
from gpaw import GPAW, PW, KohnShamConvergenceError
from gpaw.mpi import world
from gpaw.setup_data import SetupData, search_for_file
from gpaw.symmetry import atoms2symmetry
from gpaw.utilities.gpts import get_number_of_grid_points

# bands up to so far above the band edge, or the Fermi energy of a metal, converge with the filled ones
ABOVE_EDGE_EV = 0.1

# how near an energy must be to that of the ground state asked for
SAME_EV = 1e-6


def about(given: dict[str, Any]) -> dict[str, Any]:
    """The version, and which of the elements have no dataset."""
    lacking = []
    for symbol in given["elements"]:
        try:
            search_for_file(f"{symbol}.PBE", world)
        except (RuntimeError, FileNotFoundError):
            lacking.append(symbol)
    return {"version": gpaw.__version__, "ase": ase.__version__, "lacking": lacking}


def field(given: dict[str, Any]) -> dict[str, Any]:
    """Energy, forces and stress of a crystal, and its band energies on the mesh."""
    crystal, basis_cell = given["crystal"], np.reshape(given["basis_cell"], (3, 3))
    atoms = Atoms(
        numbers=crystal["numbers"],
        cell=np.reshape(crystal["lattice"], (3, 3)),
        scaled_positions=np.reshape(crystal["frac_coords"], (-1, 3)),
        pbc=True,
        magmoms=given["moments"],
    )
    # complex even at Γ alone, where real waves gain a state of no energy (seen with GPAW 22.8, iron);
    # plane waves and grid belong to this cell: energy and stress agree while another one relaxes
    mode = PW(given["cutoff_ev"], cell=basis_cell, force_complex_dtype=True)
    calc = GPAW(
        mode=mode,
        xc="PBE",
        kpts={"size": given["mesh"], "gamma": True},
        gpts=get_number_of_grid_points(basis_cell / Bohr, mode=mode, symmetry=atoms2symmetry(atoms)),
        setups={symbol: f":d,{u}" for symbol, u in given["hubbard_ev"].items()},
        spinpol=given["moments"] is not None,
        occupations=occupations(given["first_smearing_ev"]),
        mixer=given["mixer"],
        maxiter=given["iterations"],
        convergence=convergence(
            given["tolerance_ev"], sum(SetupData(symbol, "PBE").Nv for symbol in atoms.symbols), f"CBM+{ABOVE_EDGE_EV}"
        ),
        txt="-",
    )
    atoms.calc = calc
    atoms.get_potential_energy()
    if given["first_smearing_ev"] != given["smearing_ev"]:
        calc.set(occupations=occupations(given["smearing_ev"]))
        atoms.get_potential_energy()
    found = {
        "energy_ev": atoms.get_potential_energy(force_consistent=True),
        "forces": atoms.get_forces().tolist(),
        "stress": atoms.get_stress(voigt=False).tolist(),
        "fermi_ev": calc.get_fermi_level(),
        "electrons": float(calc.wfs.nvalence),
        "moment_bohr": float(atoms.get_magnetic_moment()) if given["moments"] else 0.0,
        "site_moments_bohr": atoms.get_magnetic_moments().tolist() if given["moments"] else None,
        "energies": energies(calc, len(calc.get_ibz_k_points()), calc.get_number_of_bands()),
        "k_points": calc.get_ibz_k_points().tolist(),
    }
    if given["save"]:
        calc.write(given["save"])
    return found


def bands(given: dict[str, Any]) -> dict[str, Any]:
    """Band energies at k points, in the density of a ground state that was saved."""
    ground = GPAW(given["saved"], txt=None)
    if abs(ground.get_potential_energy(force_consistent=True) - given["energy_ev"]) > SAME_EV:
        return {"failure": f"{given['saved']} is of another ground state; compute the step scf again"}
    points, places = np.unique(np.round(given["k_points"], 12), axis=0, return_inverse=True)
    n_bands = given["bands"]
    calc = ground.fixed_density(
        kpts=points,
        symmetry="off",
        nbands=n_bands + given["spare_bands"],
        maxiter=given["iterations"],
        convergence={**ground.parameters.convergence, "bands": n_bands},
        txt="-",
    )
    found = np.array(energies(calc, len(points), n_bands))
    return {"energies": found[:, places.reshape(-1)].tolist()}


def energies(calc: GPAW, n_points: int, n_bands: int) -> list[list[list[float]]]:
    """(s, k, b) band energies in eV."""
    return [
        [calc.get_eigenvalues(kpt=k, spin=s)[:n_bands].tolist() for k in range(n_points)]
        for s in range(calc.get_number_of_spins())
    ]


def occupations(width_ev: float) -> dict[str, Any]:
    """Gaussian smearing, which is that of Methfessel and Paxton to the order 0."""
    return {"name": "methfessel-paxton", "width": width_ev, "order": 0}


def convergence(tolerance_ev: float, n_electrons: int, converge_bands: str) -> dict[str, Any]:
    """Criteria that go with an error of the energy of a cell: the density enters it squared."""
    return {
        "energy": tolerance_ev / n_electrons,
        "eigenstates": tolerance_ev,
        "density": tolerance_ev**0.5 / 10,
        "bands": converge_bands,
    }


def main() -> None:
    """Read the input, do the task in it, and write the output, whole or not at all."""
    given = json.loads(Path(sys.argv[1]).read_text())
    try:
        found = {"about": about, "field": field, "bands": bands}[given["task"]](given)
    except KohnShamConvergenceError as error:
        found = {"failure": f"the field did not converge in {given['iterations']} iterations ({error})"}
    if world.rank == 0:
        output = Path(sys.argv[2])
        partial = output.with_suffix(".partial")
        partial.write_text(json.dumps(found))
        partial.replace(output)
    world.barrier()


if __name__ == "__main__":
    main()
