"""Known phases of a chemical system, those most like a crystal first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from wyckforge.realise.hull import composition_of
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

SAME_GENE, SAME_FORMULA, NEAR = "same gene", "same formula", "near"


@dataclass(frozen=True, slots=True)
class Known:
    """A known phase beside a crystal.

    Attributes:
        id: in the Materials Project.
        formula: reduced.
        gene: ``None`` where the structure is not at hand.
        likeness: ``same gene``, ``same formula``, or ``near``.
        distance: part of the atoms that would have to be exchanged.
    """

    id: str
    formula: str
    gene: str | None
    likeness: str
    distance: float


def phases_of(system: Sequence[str], frame: pd.DataFrame, phases: pd.DataFrame) -> list[tuple[str, str, str | None]]:
    """Id, reduced formula and gene of every known phase of a chemical system.

    Args:
        system: symbols of its elements.
        frame: the shared structures.
        phases: rows of the reference table of the package, which have no structures.
    """
    rows = frame[frame["chemical_system"] == "-".join(sorted(system))]
    found: dict[str, tuple[str, str, str | None]] = {}
    for row in rows.itertuples():
        gene = detect(Crystal(np.array(row.lattice), np.array(row.numbers), np.array(row.frac_coords))).gene.canonical()
        found[str(row.material_id)] = str(row.material_id), gene.formula, str(gene)
    for phase in phases.itertuples():
        if set(re.findall(r"[A-Z][a-z]?", str(phase.formula))) == set(system):
            found.setdefault(str(phase.id), (str(phase.id), str(phase.formula), None))
    return list(found.values())


def analogues(gene: WyckoffGene, known: Sequence[tuple[str, str, str | None]]) -> list[Known]:
    """The known phases, those most like a gene first.

    Args:
        gene: canonical.
        known: id, reduced formula and gene, as :func:`phases_of` gives them.
    """
    found = []
    for name, formula, other in known:
        far = distance(gene.composition, composition_of(formula))
        likeness = SAME_GENE if other == str(gene) else SAME_FORMULA if far < 1e-6 else NEAR
        found.append(Known(name, formula, other, likeness, far))
    order = (SAME_GENE, SAME_FORMULA, NEAR)
    return sorted(found, key=lambda one: (order.index(one.likeness), one.distance, one.id))


def distance(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    """What part of the atoms of one composition would have to be exchanged to have another one.

    Args:
        one: atoms by atomic number.
        other: the same.
    """
    total, others = sum(one.values()), sum(other.values())
    return sum(abs(one.get(z, 0) / total - other.get(z, 0) / others) for z in {*one, *other}) / 2
