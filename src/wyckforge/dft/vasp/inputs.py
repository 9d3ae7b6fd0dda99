"""Folders of VASP inputs, one per step, and what a step takes over from one before it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wyckforge.dft.magnetism import is_magnetic
from wyckforge.dft.vasp.identity import described, potcar_elements, same_cell
from wyckforge.dft.vasp.outputs import ended, metallic, relaxed, site_moments
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.dft.vasp.sets import STEPS, Step, crystal_of, input_set, standard
from wyckforge.errors import StructureError
from wyckforge.files import write_atomically

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.io.vasp.sets import VaspInputSet

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


class Start(NamedTuple):
    """What inputs are written for.

    Attributes:
        crystal: in any cell.
        spin: spin-polarised.
        metal: known to have no gap, so that no Born charges are asked for.
    """

    crystal: Crystal
    spin: bool = True
    metal: bool = False


def write_inputs(
    crystal: Crystal, out: Path, steps: Sequence[Step] = STEPS, *, spin: bool = True, metal: bool = False
) -> list[Path]:
    """Write a folder per step, and a script that runs them all one after another.

    POTCAR files are not ours to give away: ``POTCAR.spec`` names the potentials, one a line.

    Args:
        crystal: in any cell; the inputs are for its standard primitive one.
        out: folder of the chain.
        steps: which.
        spin: as in :class:`Start`; those of the Materials Project always are spin-polarised.
        metal: as in :class:`Start`.

    Returns:
        The folders.

    Raises:
        StructureError: the symmetry cannot be determined, there is no potential for an element, or in a folder lies a
            finished run or a POTCAR of another crystal. Nothing is written then.
    """
    from pymatgen.core import Structure

    structure = Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)
    files = {step: _texts(structure, input_set(step, spin=spin, metal=metal)) for step in steps}
    for step in dict.fromkeys((*steps, *(CHARGE_OF[one] for one in steps if one in CHARGE_OF))):
        _require_same_run(out / step, crystal_of(standard(crystal)))
    for step, texts in files.items():
        _require_same_potentials(out / step, texts["POTCAR.spec"].split())
    for step, texts in files.items():
        for name, text in texts.items():
            write_atomically(out / step / name, text.encode())
    write_atomically(out / SCRIPT, (Path(__file__).parent / SCRIPT).read_bytes())
    return [out / step for step in files]


def after(folder: Path) -> Start:
    """What comes after a finished relaxation: its crystal, with spin where it is magnetic or where that is not known.

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
    return Start(found.crystal, spin=moments is None or is_magnetic(moments), metal=metallic(folder))


def _require_same_run(place: Path, crystal: Crystal) -> None:
    """Pass if no run of another crystal has ended in a folder.

    Raises:
        StructureError: one has.
    """
    try:
        began = guarded(place, lambda folder: crystal_of(ended(folder).initial_structure))
    except OutputError:
        return  # none has ended, of whatever crystal
    if not same_cell(began, crystal):
        raise StructureError(
            f"{place} holds a finished run of {described(began)}, and the inputs are for another crystal or cell "
            f"({described(crystal)}); move that folder away, or write into another one. For steps after a relaxation, "
            "give the folder of the relaxation"
        )


def _require_same_potentials(place: Path, potentials: Sequence[str]) -> None:
    """Pass if a POTCAR in a folder, where there is one, is of these elements in this order.

    Raises:
        StructureError: it is of others.
    """
    given, wanted = potcar_elements(place), [name.split("_")[0] for name in potentials]
    if given and given != wanted:
        raise StructureError(
            f"POTCAR in {place} is of {', '.join(given)}, and the inputs are for {', '.join(wanted)}; move it away"
        )


def _texts(structure: Structure, chosen: VaspInputSet) -> dict[str, str]:
    """The input files of a step by name.

    Raises:
        StructureError: as :func:`write_inputs`.
    """
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
