"""Crystals, CIF texts and tables that several tests use."""

from __future__ import annotations

import numpy as np

from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

CIF = """data_example
_cell_length_a 3.9
_cell_length_b 3.9
_cell_length_c 3.9
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 221
_chemical_formula_sum '{formula}'
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
A1 {first} 0 0 0 {occupancy}
Ti1 Ti 0.5 0.5 0.5 1
O1 O 0.5 0.5 0 1
O2 O 0.5 0 0.5 1
O3 O 0 0.5 0.5 1
"""


def perovskite_cif(first: str = "Sr", *, occupancy: str = "1", formula: str | None = None) -> str:
    """CIF text of a cubic perovskite; nonsense can be put in."""
    return CIF.format(first=first, occupancy=occupancy, formula=f"{first} Ti O3" if formula is None else formula)


def perovskite(first: int = 38, edge: float = 3.9) -> Crystal:
    """The same perovskite as arrays."""
    coords = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    return Crystal(edge * np.eye(3), np.array([first, 22, 8, 8, 8]), coords)


def rock_salt(cation: int = 11, anion: int = 17) -> Crystal:
    """A primitive cell of rock salt."""
    lattice = 2.8 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(lattice, np.array([cation, anion]), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def label(values: list[float], sources: str | list[str] = "here", unit: str = "eV") -> LabelColumn:
    """A column whose missing values have no source."""
    names = [sources] * len(values) if isinstance(sources, str) else sources
    return LabelColumn(
        np.array(values), unit, np.array(["" if v != v else n for v, n in zip(values, names, strict=True)])
    )


def table_of(genes: list[WyckoffGene], **columns: LabelColumn) -> GeneTable:
    """A table without structures."""
    return GeneTable(
        ids=tuple(f"row-{number}" for number in range(len(genes))),
        genes=tuple(genes),
        labels=columns,
        crystals=None,
        given_space_groups=np.zeros(len(genes), dtype=np.int64),
    )
