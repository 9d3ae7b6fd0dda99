"""Real crystals whose elements are replaced by metals that ASE's effective medium theory knows: cheap to relax."""

from __future__ import annotations

import numpy as np
from ase.calculators.emt import EMT

from wyckforge.data.embedded import load_embedded
from wyckforge.potential.ase_bridge import AsePotential
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.tables import crystal_system

METALS = (29, 79, 28, 46, 47, 78, 13)
VOLUME = 15.0  # Å³ per atom, near that of these metals


def emt() -> AsePotential:
    return AsePotential(EMT(), name="emt", tool="ASE EMT", cutoff_angstrom=6.0)


def alloys(per_system: int = 1, *, most_atoms: int = 24) -> list[Crystal]:
    """Crystals with free coordinates, so many of each crystal system, as primitive cells."""
    table = load_embedded()
    found: dict[str, list[Crystal]] = {}
    for gene, crystal in zip(table.genes, table.crystals or (), strict=True):
        same = found.setdefault(crystal_system(gene.space_group), [])
        if crystal is None or len(same) == per_system or not gene.degrees_of_freedom or gene.n_atoms > most_atoms:
            continue
        kinds = np.unique(crystal.numbers, return_inverse=True)[1]
        scale = (VOLUME * len(crystal) / crystal.volume) ** (1 / 3)
        alloy = Crystal(crystal.lattice * scale, np.array(METALS)[kinds], crystal.frac_coords)
        primitive = detect(alloy).primitive
        same.append(primitive)
    return [crystal for group in found.values() for crystal in group]
