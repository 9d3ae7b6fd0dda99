"""Folders of VASP inputs, one per step, and what a step takes over from one before it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wyckforge.dft.magnetism import is_magnetic
from wyckforge.dft.vasp.outputs import relaxed, site_moments
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.dft.vasp.sets import STEPS, Step, input_set
from wyckforge.errors import StructureError
from wyckforge.files import write_atomically

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from wyckforge.symmetry.crystal import Crystal

RELAXED_IN: dict[Step, Step] = {
    "static": "relax",
    "bands": "relax",
    "phonon": "relax",
    "mp_relax": "relax",
    "mp_static": "mp_relax",
}
"""Whose relaxed crystal a step is for."""

CHARGE_OF: dict[Step, Step] = {"bands": "static"}
"""Whose CHGCAR a step needs."""

SCRIPT = "run.sh"

_DIGITS = 10


def write_inputs(crystal: Crystal, out: Path, steps: Sequence[Step] = STEPS, *, spin: bool = True) -> list[Path]:
    """Write a folder per step, and a script that runs them all one after another.

    POTCAR files are not ours to give away: ``POTCAR.spec`` names the potentials, one a line.

    Args:
        crystal: in any cell; the inputs are for its standard primitive one.
        out: folder of the chain.
        steps: which.
        spin: spin-polarised; those of the Materials Project always are.

    Returns:
        The folders.

    Raises:
        StructureError: the symmetry cannot be determined, or there is no potential for an element.
    """
    from pymatgen.core import Structure

    structure = Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)
    folders = []
    for step in steps:
        for name, text in _texts(structure, step, spin).items():
            write_atomically(out / step / name, text.encode())
        folders.append(out / step)
    write_atomically(out / SCRIPT, (Path(__file__).parent / SCRIPT).read_bytes())
    return folders


def after(folder: Path) -> tuple[Crystal, bool]:
    """The crystal of a finished relaxation, and whether it is magnetic; it counts as such where that is not known.

    Raises:
        StructureError: the relaxation has not converged, or cannot be read.
    """
    try:
        found = guarded(folder, relaxed)
    except OutputError as error:
        raise StructureError(str(error)) from None
    if not found.converged:
        raise StructureError(f"the relaxation in {folder} has not converged; go on with it from its CONTCAR")
    moments = site_moments(folder, len(found.crystal))
    return found.crystal, moments is None or is_magnetic(moments)


def _texts(structure: Structure, step: Step, spin: bool) -> dict[str, str]:
    """The input files of a step by name.

    Raises:
        StructureError: as :func:`write_inputs`.
    """
    chosen = input_set(step, spin=spin)
    potentials = chosen.config_dict["POTCAR"]
    if missing := sorted({one.symbol for one in structure.composition} - set(potentials)):
        raise StructureError(
            f"the Materials Project has no VASP potential for {', '.join(missing)}; allowed are {', '.join(potentials)}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of choices that are the Materials Project's, and kept on purpose
        files = chosen.get_input_set(structure, potcar_spec=True)
    return {
        "INCAR": str(files["INCAR"]),
        "KPOINTS": str(files["KPOINTS"]),
        "POSCAR": files["POSCAR"].get_str(significant_figures=_DIGITS),
        "POTCAR.spec": f"{files['POTCAR.spec']}\n",
    }
