from __future__ import annotations

import math
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest

from wyckforge.data.positions import KnownPositions
from wyckforge.errors import TargetError
from wyckforge.realise.csp.space import MOST_ATOMS, SearchSpace, composition, units
from wyckforge.symmetry.gene import WyckoffGene

PEROVSKITE = WyckoffGene.parse("62|O:cd|Ca:c|Ti:a")
RUTILE = SearchSpace.of("TiO2", range(2, 3), frozenset({136}))
PNMA = SearchSpace.of("CaTiO3", range(4, 5), frozenset({62}))
SEVERAL = SearchSpace.of("TiO2", range(1, 5), frozenset({2, 12, 136, 141}))


def log_plausibilities(space: SearchSpace, genes: list[WyckoffGene]) -> list[float]:
    found = []
    for gene in genes:
        setting = next(
            one
            for one in space.settings
            if (one.space_group, one.z) == (gene.space_group, gene.composition[22] // gene.reduced_composition[22])
        )
        found.append(space.log_plausibility(setting, setting.genes.log_weight(gene)))
    return found


def test_all_genes_once_the_most_plausible_first() -> None:
    genes = list(SEVERAL.ranked())
    assert len(genes) == len(set(genes)) == SEVERAL.distinct
    assert all(gene == gene.canonical() for gene in genes)
    assert {gene.space_group for gene in genes} <= {2, 12, 136, 141}
    values = log_plausibilities(SEVERAL, genes)
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(values))


def test_the_plausibilities_of_all_descriptions_sum_to_one() -> None:
    genes = list(SEVERAL.ranked())
    sizes = [len(gene.orbit()) for gene in genes]
    values = log_plausibilities(SEVERAL, genes)
    assert sum(n * math.exp(value) for n, value in zip(sizes, values, strict=True)) == pytest.approx(1)


def test_the_known_gene_is_among_them() -> None:
    assert PNMA.distinct == 15
    assert PNMA.settings[0].genes.described == 27
    assert PNMA.rank_of(PEROVSKITE, 100) == 8
    assert PNMA.rank_of(WyckoffGene.parse("225|Na:a|Cl:b"), 100) is None


def test_further_rounds_hold_what_has_free_coordinates() -> None:
    first = list(RUTILE.ranked())
    free = [gene for gene in first if gene.degrees_of_freedom]
    assert list(islice(RUTILE.sequential(), len(first) + 2 * len(free))) == [*first, *free, *free]


def test_genes_without_free_coordinates_are_tried_once() -> None:
    space = SearchSpace.of("NaCl", range(4, 5), frozenset({225}))
    assert [str(gene) for gene in space.sequential()] == ["225|Na:a|Cl:b"]
    assert [str(gene) for gene in space.random(np.random.default_rng(0))] == ["225|Na:a|Cl:b"]


def test_draws_repeat_with_the_seed_and_prefer_the_plausible() -> None:
    one, again = (list(islice(PNMA.random(np.random.default_rng(3)), 300)) for _ in range(2))
    assert one == again
    assert one != list(islice(PNMA.random(np.random.default_rng(4)), 300))
    counts = Counter(one)
    points = [gene for gene in counts if not gene.degrees_of_freedom]
    assert all(counts[gene] == 1 for gene in points)
    sizes = {gene: len(gene.orbit()) * math.exp(value) for gene, value in zip(
        counts, log_plausibilities(PNMA, list(counts)), strict=True)}  # fmt: skip
    likeliest = max(sizes, key=sizes.__getitem__)
    assert counts[likeliest] == max(counts.values())


def test_without_groups_those_known_for_the_stoichiometry_are_taken() -> None:
    known = KnownPositions.count([PEROVSKITE, WyckoffGene.parse("221|O:c|Ca:a|Ti:b")])
    space = SearchSpace.of("SrZrO3", range(1, 5), None, known)
    assert {setting.space_group for setting in space.settings} == {62, 221}
    assert sum(setting.share for setting in space.settings) == pytest.approx(1)
    shares = {(setting.space_group, setting.z): setting.share for setting in space.settings}
    known_ones = shares.pop((62, 4)), shares.pop((221, 1))
    assert known_ones[0] == known_ones[1] > 2 * max(shares.values())
    unheard_of = SearchSpace.of("Xe7F5", range(4, 5), None, known)
    assert {setting.space_group for setting in unheard_of.settings} <= {62, 221}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("CaTiO3", {8: 3, 20: 1, 22: 1}), ("Ca2Ti2O6", {8: 3, 20: 1, 22: 1}), ("Ca(OH)2", {1: 2, 8: 2, 20: 1})],
)
def test_formulas_are_read(text: str, expected: dict[int, int]) -> None:
    assert composition(text) == expected


@pytest.mark.parametrize("text", ["", "CaTiO2.5", "Qq2", "42", "ca ti"])
def test_malformed_formulas_are_refused(text: str) -> None:
    with pytest.raises(TargetError, match="formula"):
        composition(text)


def test_units_are_read() -> None:
    assert list(units("4")) == [4]
    assert list(units("2:4")) == [2, 3, 4]
    assert list(units(":2")) == [1, 2]
    for text in ("2:", "0", "1.5", "x"):
        with pytest.raises(TargetError):
            units(text)


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(TargetError, match="no combination of Wyckoff positions holds NaCl with Z 3 in"):
        SearchSpace.of("NaCl", range(3, 4), frozenset({225}))
    with pytest.raises(TargetError, match=f"at most {MOST_ATOMS}"):
        SearchSpace.of("CaTiO3", range(1, 50))
