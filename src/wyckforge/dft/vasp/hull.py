"""Energies by the settings of the Materials Project, with its corrections, and how far they are above a hull.

A table of known phases names whose energies it holds, and no other energy is compared with it: DFT is one potential
more among those of :mod:`wyckforge.realise.reference`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.dft.results import Relaxed
from wyckforge.dft.vasp.identity import require_after
from wyckforge.dft.vasp.outputs import energy_ev, finished, tool
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.dft.vasp.sets import crystal_of, input_set
from wyckforge.errors import StructureError
from wyckforge.realise.config import HullConfig
from wyckforge.realise.corrections import CORRECTED, mp2020_correction
from wyckforge.realise.hull import tool as hull_tool
from wyckforge.records import Evidence

if TYPE_CHECKING:
    from pymatgen.io.vasp import Vasprun

    from wyckforge.realise.hull import ReferenceHull

ENERGIES = "VASP PBE, MP settings"
"""What energies by the settings of the Materials Project are called, whichever version of VASP gives them."""

CORRECTED_ENERGIES = ENERGIES + CORRECTED
"""The same with the corrections in them: what a table of known phases has to name as its potential."""


def hull_evidence(folder: Path, hull: ReferenceHull | None, relaxation: Relaxed | None = None) -> list[Evidence]:
    """Corrected energy of a static run by the settings of the Materials Project, and its place above a hull.

    Args:
        folder: of the run.
        hull: known phases; without them, the energy alone.
        relaxation: what the run has to have begun with, where that is known.

    Raises:
        TableError: the hull is of other energies.
    """
    try:
        run = finished(folder)
        crystal = crystal_of(run.final_structure)
        if relaxation is not None:
            require_after([crystal], relaxation, folder)
        if problem := guarded(folder, lambda _: _foreign(run)):
            raise OutputError(f"the run in {folder} is not by the settings of the Materials Project: {problem}")
        raw = energy_ev(run, folder)
    except (OutputError, StructureError) as error:
        return [Evidence("dft_mp_energy", "unknown", reason=str(error), tool=ENERGIES)]
    correction = mp2020_correction(crystal)
    energy = raw / len(crystal) + correction
    reason = f"{tool(run)}; with {correction:+.4f} eV/atom of MP2020 in it"
    found = [Evidence("dft_mp_energy", "pass", energy, "eV/atom", reason, CORRECTED_ENERGIES)]
    if hull is None:
        return found
    counts = {int(z): int(count) for z, count in zip(*np.unique(crystal.numbers, return_counts=True), strict=True)}
    place = hull.energy_above_hull(counts, energy, tool=CORRECTED_ENERGIES)
    if place.value is None or place.formation_energy is None:
        return [*found, Evidence("dft_hull", "unknown", reason=place.reason, tool=hull_tool())]
    phases = ", ".join(f"{share:.2f} {formula}" for formula, share in place.decomposition)
    limit = HullConfig().threshold_ev_per_atom
    return [
        *found,
        Evidence("dft_formation_energy", "pass", place.formation_energy, "eV/atom", "from the elements", hull_tool()),
        Evidence(
            "dft_hull",
            "pass" if place.value <= limit else "fail",
            place.value,
            "eV/atom",
            f"against {phases}; at most {limit:g} passes",
            hull_tool(),
        ),
    ]


def _foreign(run: Vasprun) -> str:
    """What sets a run apart from the input set of the Materials Project; empty where its energies fit."""
    theirs = input_set("mp_static").get_input_set(run.final_structure, potcar_spec=True)
    incar = theirs["INCAR"]
    potentials = [name.split()[1] for name in run.potcar_symbols]
    wanted = theirs["POTCAR.spec"].split()
    if sorted(set(potentials)) != sorted(set(wanted)) or not all("PBE" in name for name in run.potcar_symbols):
        return f"PBE potentials {', '.join(potentials)} instead of {', '.join(wanted)}"
    if run.parameters["ENMAX"] < incar["ENCUT"]:
        return f"cutoff {run.parameters['ENMAX']:g} eV instead of {incar['ENCUT']:g}"
    if (kind := run.run_type.removesuffix("+U")) not in ("GGA", "PBE"):
        return f"functional {kind}"
    elements = [name.split("_")[0] for name in wanted]
    expected = {element: u for element, u in zip(elements, incar.get("LDAUU", []), strict=False) if u}
    used = {element: u for element, u in run.hubbards.items() if u}
    return "" if used == expected else f"U {used} instead of {expected}"
