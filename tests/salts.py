"""Simple salts in two structures, with labels that follow from their elements."""

from __future__ import annotations

import numpy as np
from ase.build import bulk

from wyckforge.data.material import Material
from wyckforge.symmetry.crystal import Crystal
from wyckforge.train.forward.method import Task

SALTS = [(a, x) for a in ("Li", "Na", "K", "Mg", "Ca") for x in ("F", "Cl", "Br", "I", "O", "S")]
EDGES = {"rocksalt": 5.6, "zincblende": 6.0}


def crystal(cation: str, anion: str, kind: str) -> Crystal:
    atoms = bulk(cation + anion, kind, a=EDGES[kind])
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


def material(cation: str, anion: str, kind: str) -> Material:
    return Material.of_crystal(crystal(cation, anion, kind))


def salts_task() -> Task:
    """60 salts with a property that is learned as a logarithm and one that can be exactly zero."""
    materials = [material(*salt, kind) for salt in SALTS for kind in EDGES]
    heavy = np.array([sum(one.gene.elements) for one in materials], np.float64)
    labels = {"stiffness": np.exp(4 - heavy / 15), "gap": np.where(heavy % 3 == 0, 0.0, heavy / 20)}
    labels["stiffness"][5] = np.nan
    rows = np.random.default_rng(0).permutation(len(materials))
    return Task(materials, labels, np.sort(rows[:42]), np.sort(rows[42:56]), seed=3)
