"""Whether what lies in a folder is of the crystal that it is taken for.

Outputs outlive their inputs: another crystal is written beside them, a relaxation is repeated. They count only as those
of the POSCAR beside them, and of what the relaxation before them found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wyckforge.dft.results import Relaxed
from wyckforge.dft.vasp.reading import OutputError, find, guarded, lines
from wyckforge.dft.vasp.sets import crystal_of, standard
from wyckforge.symmetry.crystal import Crystal

SAME_CELL_ANGSTROM = 1e-4
"""Of lattice vectors and places: far above the rounding of files, far below what a relaxation changes that matters."""

_TITLE = re.compile(rb"TITEL\s*=\s*\S+\s+([A-Z][a-z]?)")


def same_cell(one: Crystal, other: Crystal) -> bool:
    """Whether the same atoms are at the same places of the same cell, whole lattice vectors aside."""
    if not np.array_equal(one.numbers, other.numbers):
        return False
    shifts = one.frac_coords - other.frac_coords
    apart = (shifts - np.round(shifts)) @ one.lattice
    return bool(max(np.abs(one.lattice - other.lattice).max(), np.abs(apart).max()) <= SAME_CELL_ANGSTROM)


def described(crystal: Crystal) -> str:
    """A crystal in a message: ``Ni1 O1, 18.39 Å³``."""
    from pymatgen.core import Structure

    formula = Structure(crystal.lattice, crystal.numbers, crystal.frac_coords).formula
    return f"{formula}, {crystal.volume:.2f} Å³"


def poscar(folder: Path, name: str = "POSCAR") -> Crystal | None:
    """The crystal of a POSCAR; None where there is none, or where it leaves the elements to POTCAR.

    Raises:
        OutputError: it cannot be read.
    """
    from pymatgen.io.vasp import Poscar

    try:
        path = find(folder, name)
    except OutputError:
        return None
    found = guarded(path, lambda file: Poscar.from_file(str(file), check_for_potcar=False))
    return crystal_of(found.structure) if found.true_names else None


def require_poscar(began: Crystal, folder: Path) -> None:
    """Pass if a run began with the POSCAR beside it, or if there is none.

    Raises:
        OutputError: it began with another crystal.
    """
    given = poscar(folder)
    if given is not None and not same_cell(began, given):
        raise OutputError(
            f"the run in {folder} is of another crystal than POSCAR there ({described(began)} instead of "
            f"{described(given)}); run VASP there anew"
        )


def require_after(starts: Sequence[Crystal], relaxation: Relaxed, folder: Path) -> None:
    """Pass if a run began with what a relaxation found, as it is or in its standard cell.

    Args:
        starts: what the run began with, the last time first; one of them has to fit.
        relaxation: that came before it.
        folder: of the run.

    Raises:
        OutputError: it began with another crystal.
        StructureError: the symmetry of the relaxed crystal cannot be determined.
    """
    fitting = relaxation.crystal, crystal_of(standard(relaxation.crystal))
    if not any(same_cell(start, one) for start in starts for one in fitting):
        raise OutputError(
            f"the run in {folder} is of another crystal or cell than the relaxation before it found "
            f"({described(starts[0])} instead of {described(relaxation.crystal)}); compute it anew"
        )


def potcar_elements(folder: Path) -> list[str]:
    """Elements of the potentials in POTCAR, in their order; none where there is no such file, or no title in it."""
    try:
        path = find(folder, "POTCAR")
    except OutputError:
        return []
    return [found[1].decode() for line in lines(path) if (found := _TITLE.search(line))]
