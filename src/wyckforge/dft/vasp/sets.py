"""The settings of the paper as pymatgen input sets, one per step, and those of the Materials Project for the hull.

By hand, under custodian and in a flow, inputs come from here. Whatever cell goes in, the standard primitive one of
SeeK-path comes out, so that bands are computed in the cell that their path is made for.

Source: the validation procedures of the paper's methods. What it leaves open is as in the Materials Project, whose
scheme for U it follows: the choice of potentials, LASPH, and most of the moments to start from, see
:mod:`wyckforge.dft.magnetism`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.vasp import Kpoints
from pymatgen.io.vasp.sets import MPRelaxSet, MPStaticSet, VaspInputSet

from wyckforge.dft.magnetism import HUBBARD_ANIONS, HUBBARD_EV, STARTING_MOMENT_BOHR, is_magnetic
from wyckforge.dft.mesh import divisions
from wyckforge.dft.start import start_of
from wyckforge.errors import StructureError
from wyckforge.realise.zone_path import Path as ZonePath
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from pymatgen.io.vasp import VaspInput

Step = Literal["relax", "static", "bands", "phonon", "mp_relax", "mp_static"]

STEPS: tuple[Step, ...] = get_args(Step)

K_SPACING_PER_ANGSTROM: dict[str, float] = {"relax": 0.15, "static": 0.10, "phonon": 0.15}
"""Largest distance of mesh points along a reciprocal axis, with 2π, as VASP's KSPACING counts.

The paper does not say whether 2π is in, but it tells what spacing the meshes of MPRelaxSet have in the same measure,
about 0.35 Å⁻¹. These have 64 points per Å⁻³ of the reciprocal cell with 2π. Over 200 crystals that makes 0.30 Å⁻¹ along
an axis in the median (0.25 to 0.44 for nine of ten); without 2π it would be 0.05.
"""

BAND_POINTS = 40
"""Points on every segment of the path, its ends included."""

_DIGITS = 10
"""Decimals of lattice vectors (Å) and coordinates: those behind them differ from machine to machine."""

_COMMON: dict[str, Any] = {
    "ALGO": "Normal",
    "EDIFF": 1e-8,
    "ENCUT": 520,
    "GGA": "Pe",
    "ISMEAR": 0,
    "ISPIN": 2,
    "LASPH": True,
    "LCHARG": False,
    "LORBIT": 11,
    "LREAL": False,
    "LWAVE": False,
    "NELM": 200,
    "PREC": "Accurate",
    "SIGMA": 0.01,
}

_STEP: dict[str, dict[str, Any]] = {
    "relax": {"EDIFFG": -1e-4, "IBRION": 2, "ISIF": 3, "NSW": 200},
    "static": {"IBRION": -1, "ISMEAR": -5, "LCHARG": True, "NEDOS": 3001, "NSW": 0},
    "bands": {"IBRION": -1, "ICHARG": 11, "NSW": 0},
    "phonon": {"IBRION": 8, "LEPSILON": True, "NSW": 1},
}


def _config() -> dict[str, Any]:
    """What pymatgen keeps of a set: potentials of the Materials Project, U and moments that all engines share."""
    theirs = MPRelaxSet.CONFIG
    hubbard = {
        "LDAU": True,
        "LDAUJ": {anion: dict.fromkeys(HUBBARD_EV, 0) for anion in HUBBARD_ANIONS},
        "LDAUL": {anion: dict.fromkeys(HUBBARD_EV, 2) for anion in HUBBARD_ANIONS},
        "LDAUPRINT": 1,
        "LDAUTYPE": 2,
        "LDAUU": dict.fromkeys(HUBBARD_ANIONS, HUBBARD_EV),
    }
    return {
        "INCAR": _COMMON | hubbard | {"MAGMOM": STARTING_MOMENT_BOHR},
        "KPOINTS": {},
        "POTCAR": theirs["POTCAR"],
        "POTCAR_FUNCTIONAL": theirs["POTCAR_FUNCTIONAL"],
    }


class _InStandardCell(VaspInputSet):
    """A set that takes a crystal in any cell, with or without moments of an earlier run."""

    def get_input_set(
        self, structure: Structure | None = None, prev_dir: Any = None, potcar_spec: bool = False
    ) -> VaspInput:
        """Inputs in the standard primitive cell, atoms of an element together.

        Raises:
            StructureError: no symmetry can be determined.
        """
        if structure is not None:
            structure = standard(crystal_of(structure))
        return super().get_input_set(structure, prev_dir, potcar_spec)


@dataclass
class PublishedSet(_InStandardCell):
    """The settings of the paper for one step.

    Attributes:
        step: ``relax``, ``static``, ``bands`` or ``phonon``.
        spin: spin-polarised from a ferromagnetic high-spin start. Where a structure carries the moments of an earlier
            run, and no atom is magnetic there, it is not, whatever this says.
        metal: known to have no gap, so that no Born charges are asked for.
    """

    step: str = "relax"
    spin: bool = True
    metal: bool = False
    CONFIG: ClassVar[dict[str, Any]] = _config()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._polarised = self.spin

    def get_input_set(
        self, structure: Structure | None = None, prev_dir: Any = None, potcar_spec: bool = False
    ) -> VaspInput:
        """See the base; the moments of the structure decide on spin polarisation."""
        moments = None if structure is None else structure.site_properties.get("magmom")
        self._polarised = self.spin and (moments is None or is_magnetic(np.array(moments, np.float64)))
        return super().get_input_set(structure, prev_dir, potcar_spec)

    @property
    def incar_updates(self) -> dict[str, Any]:
        """What the step adds, and takes away."""
        unpolarised = {} if self._polarised else {"ISPIN": 1, "MAGMOM": None}
        return _STEP[self.step] | unpolarised | ({"LEPSILON": None} if self.metal else {})

    @property
    def kpoints_updates(self) -> Kpoints:
        """The path for bands, else a Γ-centred mesh."""
        crystal = crystal_of(self.structure)
        return _line(crystal) if self.step == "bands" else _mesh(crystal, K_SPACING_PER_ANGSTROM[self.step])


@dataclass
class MaterialsProjectRelaxSet(_InStandardCell, MPRelaxSet):
    """MPRelaxSet as it is, in the standard cell."""


@dataclass
class MaterialsProjectStaticSet(_InStandardCell, MPStaticSet):
    """MPStaticSet as it is, in the standard cell."""


def input_set(step: Step, *, spin: bool = True, metal: bool = False) -> VaspInputSet:
    """The input set of a step; those of the Materials Project are as they are, and always spin-polarised."""
    if step == "mp_relax":
        return MaterialsProjectRelaxSet()
    if step == "mp_static":
        return MaterialsProjectStaticSet()
    return PublishedSet(step=step, spin=spin, metal=metal)


def crystal_of(structure: Structure) -> Crystal:
    """A crystal as our own arrays, whatever its sites carry."""
    numbers = np.array([site.specie.Z for site in structure])
    return Crystal(structure.lattice.matrix, numbers, structure.frac_coords)


def standard(crystal: Crystal) -> Structure:
    """The standard primitive cell, atoms sorted by electronegativity as pymatgen does.

    Raises:
        StructureError: no symmetry can be determined.
    """
    cell = ZonePath.of(start_of(crystal)).cell
    coords = np.round(cell.frac_coords, _DIGITS) % 1.0 + 0.0
    return Structure(np.round(cell.lattice, _DIGITS) + 0.0, cell.numbers, coords).get_sorted_structure()


def _mesh(crystal: Crystal, spacing: float) -> Kpoints:
    mesh = Kpoints.gamma_automatic(divisions(crystal, spacing))
    mesh.comment = f"Gamma-centred, {spacing:.2f} per angstrom with 2 pi"
    return mesh


def _line(crystal: Crystal) -> Kpoints:
    path = ZonePath.of(start_of(crystal), points=2)
    if not np.allclose(path.cell.lattice, crystal.lattice, atol=1e-6):
        raise StructureError("the path is that of another cell than the standard primitive one; give that cell")
    ends = [end for piece in path.segments for end in np.round(piece.q_points, _DIGITS) + 0.0]
    return Kpoints(
        comment="SeeK-path",
        num_kpts=BAND_POINTS,
        style=Kpoints.supported_modes.Line_mode,
        coord_type="Reciprocal",
        kpts=[tuple(end.tolist()) for end in ends],
        labels=[label for piece in path.segments for label in piece.labels],
    )
