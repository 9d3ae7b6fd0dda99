"""A material in numbers that a regression can learn from: chemistry, symmetry, geometry, and what CHGNet says."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.features import element_features
from wyckforge.models.forward.architecture import LAST_ELEMENT
from wyckforge.potential.debye import debye_temperature, moduli, thermal
from wyckforge.potential.mechanics import VOLUME_RATIOS, Mechanics
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS

Floats = NDArray[np.float64]

_QUANTITIES = (
    "Z",
    "atomic_mass",
    "row",
    "group",
    "X",
    "mendeleev_no",
    "atomic_radius",
    "atomic_radius_calculated",
    "van_der_waals_radius",
    "molar_volume",
    "density_of_solid",
    "melting_point",
    "boiling_point",
    "bulk_modulus",
    "rigidity_modulus",
    "youngs_modulus",
    "coefficient_of_linear_thermal_expansion",
    "thermal_conductivity",
    "electrical_resistivity",
    "ionization_energy",
    "electron_affinity",
)
"""Of an element, from pymatgen's tables; what is unknown there takes the median of the others."""

OF_GENE, OF_SIZE, OF_MECHANICS = 239, 2, 28
"""Numbers that :func:`of_gene`, :func:`of_size` and :func:`of_mechanics` give."""


def of_gene(gene: WyckoffGene) -> Floats:
    """What a gene tells: mean, deviation and extremes of the elements' quantities, and its symmetry in numbers."""
    counts = gene.composition
    share = np.array(list(counts.values())) / gene.n_atoms
    described = element_table()[np.array(list(counts)) - 1]
    mean = share @ described
    spread = np.sqrt(share @ (described - mean) ** 2)
    number = gene.space_group
    system = gene.table.crystal_system
    symmetry = (
        number,
        len(gene.table.operators),
        len(gene.sites),
        np.log(gene.n_atoms),
        gene.degrees_of_freedom,
        len(counts),
        share.max(),
        -share @ np.log(share),
        *(float(system == each) for each in CRYSTAL_SYSTEMS),
    )
    return np.concatenate([mean, spread, described.max(0), described.min(0), symmetry])


def of_size(crystal: Crystal) -> Floats:
    """(2,) logarithms of the mean atomic mass (u) and of the density (u/Å³)."""
    return np.log([_mass(crystal), _mass(crystal) / _volume(crystal)])


def of_mechanics(crystal: Crystal, mechanics: Mechanics) -> Floats:
    """(OF_MECHANICS,) what elastic constants and energies at several volumes tell; NaN where it cannot be told.

    Logarithms of the four bounds of the moduli with relaxed atoms, then with clamped ones, of the softest elastic
    constant (GPa), and of the Debye temperature of the elastic constants (K). Lower by upper bound of shear and of bulk
    modulus, shear by bulk modulus. Of the Debye model of the equation of state the Grüneisen parameter, the volume at
    300 K, and logarithms of bulk modulus, Debye temperature, conductivity and expansion. Energies at the nine volumes,
    less that at the given one.

    Args:
        crystal: primitive cell.
        mechanics: of the same.
    """
    if not (np.isfinite(mechanics.relaxed).all() and np.isfinite(mechanics.clamped).all()):
        return np.full(OF_MECHANICS, np.nan)
    mass, volume = _mass(crystal), _volume(crystal)
    relaxed, clamped = moduli(mechanics.relaxed), moduli(mechanics.clamped)
    softest = np.linalg.eigvalsh((mechanics.relaxed + mechanics.relaxed.T) / 2).min()
    bulk, shear = relaxed.bulk_voigt, relaxed.shear_voigt
    debye = debye_temperature(bulk, shear, mass, volume)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.divide([relaxed.shear_reuss, relaxed.bulk_reuss, shear], [shear, bulk, bulk])
    found = thermal(volume * VOLUME_RATIOS, mechanics.energies, mass, len(crystal))
    model = [np.nan] * 6 if found is None else [found.grueneisen, found.volume_ratio, *_logs(*found[:1], *found[3:])]
    curve = mechanics.energies - mechanics.energies[len(VOLUME_RATIOS) // 2]
    with np.errstate(invalid="ignore"):
        return np.concatenate([_logs(*relaxed, *clamped, softest, debye), ratios, model, curve])


@cache
def element_table() -> Floats:
    """(94, 56) quantities of the elements, then their binned features."""
    from pymatgen.core import Element

    numbers = range(1, LAST_ELEMENT + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns about every unknown property; unknown is a case here
        known = np.array([[_number(getattr(Element.from_Z(z), name)) for name in _QUANTITIES] for z in numbers])
    filled = np.where(np.isnan(known), np.nanmedian(known, axis=0), known)
    return np.hstack([filled, element_features(numbers)])


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _logs(*values: float) -> list[float]:
    """Natural logarithms, NaN of what is not positive."""
    return [float(np.log(value)) if value > 0 else float("nan") for value in values]


def _volume(crystal: Crystal) -> float:
    """Per atom, in Å³."""
    return crystal.volume / len(crystal)


def _mass(crystal: Crystal) -> float:
    """Mean atomic mass in u."""
    return float(element_table()[crystal.numbers - 1, _QUANTITIES.index("atomic_mass")].mean())
