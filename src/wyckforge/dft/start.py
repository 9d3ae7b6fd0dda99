"""What a calculation begins with: a crystal that can be one, with its whole symmetry."""

from __future__ import annotations

from wyckforge.data.structures import to_pymatgen
from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC, detect

SHORTEST_ANGSTROM = 0.5
"""Below this no two atoms are; the bond of hydrogen is 0.74 Å."""

EXACT = 1e-4
"""Tolerance in Å of the path and of the engines: what is not symmetric within it has no symmetry for them."""


def start_of(crystal: Crystal) -> Crystal:
    """The crystal with the symmetry that it has to within 0.01 Å, exactly.

    Coordinates that were rounded in a file would otherwise lose most of it, and nobody would be told. A crystal that
    is symmetric already is returned as it is, in its own cell; another one in its standard conventional cell.

    Raises:
        StructureError: two atoms are too close, or no symmetry can be determined.
    """
    if not to_pymatgen(crystal).is_valid(SHORTEST_ANGSTROM):
        raise StructureError(f"two atoms are closer than {SHORTEST_ANGSTROM} Å; check the coordinates and the cell")
    found = detect(crystal, symprec=SYMPREC)
    exact = detect(crystal, symprec=EXACT)
    return crystal if exact.gene.space_group == found.gene.space_group else found.crystal
