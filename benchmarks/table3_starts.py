"""Genes and structures that ``table3.py`` begins with: printed ones, and those that formula and space group allow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from table3_published import BY_ID, SITES, SUPPLEMENTARY_1, TABLE_3, Semiconductor, printed_gene
from wyckforge.execute.prediction_run import tries
from wyckforge.realise.csp.combinations import Combinations
from wyckforge.realise.csp.config import PredictionConfig
from wyckforge.realise.csp.space import SearchSpace
from wyckforge.realise.csp.stages import VISIT
from wyckforge.realise.starts import nth_start
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.parameters import Parameters, free_axes, parameters_of

SEED = 7
STARTS = 12
"""Starts of a printed gene."""

TRIES, PER_GENE = 60, 6
"""Starts of a crystal whose gene is not printed, the most plausible genes first; and how many of one gene at most."""

RANDOM = 8
"""Random starts by PyXtal of the gene that is lowest after these: the model's starts can all lie in one basin."""

PRINTED = "printed"
"""End of the id of what begins with the printed coordinates."""


def possible_genes(row: Semiconductor) -> int:
    """How many genes have the formula in the space group, those that the normalizer makes equal counted once."""
    return Combinations(row.space_group, row.composition).distinct


def crystals() -> list[Semiconductor]:
    """The eight of Table 3, then the rows of Supplementary Table 1 with one possible gene."""
    eight = [BY_ID[edges.id] for edges in TABLE_3]
    return eight + [row for row in SUPPLEMENTARY_1 if row not in eight and possible_genes(row) == 1]


def starts_of(row: Semiconductor) -> list[Candidate]:
    """What is tried: the printed coordinates and then other starts of the printed gene; or the most plausible genes."""
    if row.id not in SITES:
        return enumerated(row)
    gene = printed_gene(row.id).canonical()
    given = Candidate(f"{row.id}-{PRINTED}", gene, Origin(PRINTED), crystal=printed_crystal(row.id))
    return [given, *(start_of(row, gene, "t", k) for k in range(1, STARTS + 1))]


def start_of(row: Semiconductor, gene: WyckoffGene, series: str, number: int) -> Candidate:
    """The start of a gene with a number, from 1, in a series of starts, of which a letter tells one from the other."""
    visit = Evidence(VISIT, "pass", number, reason="which start of its gene")
    return Candidate(f"{row.id}-{series}{number:05d}", gene, Origin(PRINTED), evidence=(visit,))


def enumerated(row: Semiconductor) -> list[Candidate]:
    """Tries of a structure prediction for formula, formula units and space group."""
    z = math.gcd(*row.composition.values())
    n = min(TRIES, PER_GENE * possible_genes(row))
    config = PredictionConfig(formula=row.formula, z=str(z), space_group=str(row.space_group), tries=n, seed=SEED)
    space = SearchSpace.of(row.formula, range(z, z + 1), frozenset({row.space_group}))
    return [replace(one, id=f"{row.id}-{one.id}") for one in tries(space, config)]


def printed_crystal(number: int) -> Crystal:
    """The printed coordinates in the cell that the geometry model draws for the gene.

    Args:
        number: the paper's number of the crystal.
    """
    gene, left = printed_gene(number), list(SITES[number])
    drawn = detect(nth_start(gene, seed=SEED, number=1).crystal)
    cell = parameters_of(drawn.gene, drawn.crystal, drawn.site_letters).cell
    coordinates = []
    for element, letter in gene.sites:
        site = next(one for one in left if (one.element, one.letter) == (symbol(element), letter))
        left.remove(site)
        coordinates.append(np.array(site.point)[list(free_axes(gene.space_group, letter))] % 1)
    return detect(Parameters(gene, cell, tuple(coordinates)).crystal()).crystal
