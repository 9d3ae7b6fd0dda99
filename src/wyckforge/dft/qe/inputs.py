"""Inputs of Quantum ESPRESSO 6.7 as text: the same settings give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.data import atomic_masses

from wyckforge.dft.magnetism import starting_moment_bohr
from wyckforge.dft.qe.pseudopotentials import Pseudopotential
from wyckforge.dft.units import BOHR_ANGSTROM, RYDBERG_EV
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import atomic_number, symbol

PSEUDO = "pseudo"
"""Folder of the pseudopotentials, beside the input."""

OUT = "out"
"""Folder of the program's own files, beside the input."""

SAVED = f"{OUT}/pwscf.save"
"""Where density and wave functions lie."""

MATRIX = "gamma.xml"
"""File that ph.x writes its dynamical matrix into, beside the input."""

KBAR_PER_GPA = 10.0

_STRESS_SHARE = 0.5
"""Of the stress allowed, within the basis of a relaxation: what is left is for the change of the basis at its end."""

_ITERATIVE_THRESHOLD_RY = 1e-9
"""Change of a band energy at which its diagonalisation ends, at given k points."""

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Model:
    """What all inputs for a crystal have in common.

    Attributes:
        kinds: pseudopotentials, in the order in which the elements appear.
        cutoff_ev: of the plane waves; the density gets four times as much.
        spin: polarised.
        hubbard_ev: Dudarev U by element.
    """

    kinds: tuple[Pseudopotential, ...]
    cutoff_ev: float
    spin: bool
    hubbard_ev: Mapping[str, float]

    def electrons(self, crystal: Crystal) -> float:
        """Valence electrons of the cell."""
        by_element = {one.element: one.electrons for one in self.kinds}
        return sum(by_element[symbol(int(number))] for number in crystal.numbers)


@dataclass(frozen=True, slots=True)
class Field:
    """How the self-consistent field is found.

    Attributes:
        tolerance_ev: estimated error of the energy of a cell at which it ends.
        smearing_ev: Gaussian width; None for fixed occupations.
        moment_bohr: of the cell, where occupations are fixed and spin is polarised.
        iterations: at most.
        mixing_beta: share of the new density.
        mixing_mode: ``plain``, or ``local-TF`` for inhomogeneous charges.
        diagonalization: ``david``, or ``cg``, slower and safer.
        from_saved: begins with the density and wave functions that are saved, not with those of atoms.
    """

    tolerance_ev: float
    smearing_ev: float | None
    moment_bohr: int | None = None
    iterations: int = 100
    mixing_beta: float = 0.7
    mixing_mode: Literal["plain", "local-TF"] = "plain"
    diagonalization: Literal["david", "cg"] = "david"
    from_saved: bool = False


@dataclass(frozen=True, slots=True)
class Relaxation:
    """When a relaxation ends.

    Attributes:
        fmax_ev_per_angstrom: largest force.
        max_stress_gpa: largest stress component.
        steps: at most.
    """

    fmax_ev_per_angstrom: float
    max_stress_gpa: float
    steps: int


def scf(crystal: Crystal, model: Model, field: Field, mesh: Sequence[int]) -> str:
    """Ground state on a Γ-centred mesh, with forces and stress."""
    control: dict[str, Value] = {"calculation": "scf", "tprnfor": True, "tstress": True}
    return _pw(crystal, model, field, control, k_points=_mesh(mesh))


def vc_relax(crystal: Crystal, model: Model, field: Field, mesh: Sequence[int], until: Relaxation) -> str:
    """Relaxation of cell and atoms that keeps the symmetry found in the input."""
    per_rydberg = RYDBERG_EV / BOHR_ANGSTROM
    control: dict[str, Value] = {
        "calculation": "vc-relax",
        "tprnfor": True,
        "tstress": True,
        "nstep": until.steps,
        "etot_conv_thr": 1e-5,
        "forc_conv_thr": until.fmax_ev_per_angstrom / per_rydberg,
    }
    motion: dict[str, dict[str, Value]] = {
        "IONS": {"ion_dynamics": "bfgs", "upscale": 1.0},
        "CELL": {"cell_dynamics": "bfgs", "press_conv_thr": _STRESS_SHARE * until.max_stress_gpa * KBAR_PER_GPA},
    }
    return _pw(crystal, model, field, control, motion=motion, k_points=_mesh(mesh))


def bands(crystal: Crystal, model: Model, field: Field, k_points: Array, n_bands: int) -> str:
    """Band energies at k points (k, 3) in units of the reciprocal basis, in the density that is saved."""
    rows = [f"  {_numbers(point)} 1.0" for point in k_points]
    text = "\n".join(["K_POINTS crystal", str(len(rows)), *rows])
    system = {"nbnd": n_bands}
    electrons = {"diago_thr_init": _ITERATIVE_THRESHOLD_RY}
    control = {"calculation": "bands", "verbosity": "high"}  # tells every k point as it begins
    return _pw(crystal, model, field, control, system=system, electrons=electrons, k_points=text)


def phonon(title: str, *, polar: bool, modes: bool, mixing: float = 0.7) -> str:
    """Input of ph.x at Γ, which goes on where it was killed.

    Args:
        title: its first line.
        polar: Born charges and dielectric tensor.
        modes: the dynamical matrix.
        mixing: share of the new response in an iteration.
    """
    settings: dict[str, Value] = {
        "prefix": "pwscf",
        "outdir": f"./{OUT}",
        "fildyn": MATRIX,
        "tr2_ph": 1e-14,
        "alpha_mix(1)": mixing,
        "epsil": polar,
        "trans": modes,
        "recover": True,
    }
    return "\n".join([title, _namelist("INPUTPH", settings), "0.0 0.0 0.0", ""])


def _pw(
    crystal: Crystal,
    model: Model,
    field: Field,
    control: Mapping[str, Value],
    *,
    k_points: str,
    system: Mapping[str, Value] | None = None,
    electrons: Mapping[str, Value] | None = None,
    motion: Mapping[str, Mapping[str, Value]] | None = None,
) -> str:
    where = {"prefix": "pwscf", "outdir": f"./{OUT}", "pseudo_dir": f"./{PSEUDO}", "disk_io": "low"}
    parts = [
        _namelist("CONTROL", {**control, **where}),
        _namelist("SYSTEM", {**_system(crystal, model, field), **(system or {})}),
        _namelist("ELECTRONS", {**_electrons(field), **(electrons or {})}),
        *(_namelist(name, settings) for name, settings in (motion or {}).items()),
        "ATOMIC_SPECIES",
        *(f"  {one.element} {_mass(one.element):.4f} {one.path.name}" for one in model.kinds),
        "CELL_PARAMETERS angstrom",
        *(f"  {_numbers(row)}" for row in crystal.lattice),
        "ATOMIC_POSITIONS crystal",
        *(
            f"  {symbol(int(number))} {_numbers(place)}"
            for number, place in zip(crystal.numbers, crystal.frac_coords, strict=True)
        ),
        k_points,
        "",
    ]
    return "\n".join(parts)


def _system(crystal: Crystal, model: Model, field: Field) -> dict[str, Value]:
    settings: dict[str, Value] = {
        "ibrav": 0,
        "nat": len(crystal),
        "ntyp": len(model.kinds),
        "ecutwfc": model.cutoff_ev / RYDBERG_EV,
    }
    if field.smearing_ev is None:
        settings["occupations"] = "fixed"
    else:
        settings |= {"occupations": "smearing", "smearing": "gaussian", "degauss": field.smearing_ev / RYDBERG_EV}
    if model.spin:
        settings["nspin"] = 2
        for place, one in enumerate(model.kinds, start=1):
            if moment := starting_moment_bohr(atomic_number(one.element)):
                settings[f"starting_magnetization({place})"] = min(1.0, moment / one.electrons)
    if model.spin and field.moment_bohr is not None:
        settings["tot_magnetization"] = float(field.moment_bohr)
    if model.hubbard_ev:
        settings |= {"lda_plus_u": True, "lda_plus_u_kind": 0, "U_projection_type": "atomic"}
        for place, one in enumerate(model.kinds, start=1):
            if one.element in model.hubbard_ev:
                settings[f"Hubbard_U({place})"] = model.hubbard_ev[one.element]
    return settings


def _electrons(field: Field) -> dict[str, Value]:
    settings: dict[str, Value] = {
        "conv_thr": field.tolerance_ev / RYDBERG_EV,
        "electron_maxstep": field.iterations,
        "mixing_beta": field.mixing_beta,
        "mixing_mode": field.mixing_mode,
        "diagonalization": field.diagonalization,
    }
    if field.from_saved:
        settings |= {"startingpot": "file", "startingwfc": "file"}
    return settings


def _namelist(name: str, settings: Mapping[str, Value]) -> str:
    return "\n".join([f"&{name}", *(f"  {key} = {_value(value)}" for key, value in settings.items()), "/"])


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, str):
        return f"'{value}'"
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def _numbers(row: Array) -> str:
    return " ".join(f"{number:.12f}" for number in np.round(row, 12) + 0.0)


def _mesh(mesh: Sequence[int]) -> str:
    return "K_POINTS automatic\n  {} {} {} 0 0 0".format(*mesh)


def _mass(element: str) -> float:
    return float(atomic_masses[atomic_number(element)])
