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


def log_plausibilities(space: SearchSpace) -> dict[WyckoffGene, float]:
    return {
        gene: space.log_plausibility(setting, weight)
        for setting in space.settings
        for weight, gene in setting.genes.ranked()
    }


def test_all_genes_once_the_most_plausible_first() -> None:
    genes = list(SEVERAL.ranked())
    assert len(genes) == len(set(genes)) == SEVERAL.distinct
    assert all(gene == gene.canonical() for gene in genes)
    assert {gene.space_group for gene in genes} <= {2, 12, 136, 141}
    of = log_plausibilities(SEVERAL)
    values = [of[gene] for gene in genes]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(values))


def test_the_plausibilities_of_all_descriptions_sum_to_one() -> None:
    values = log_plausibilities(SEVERAL)
    assert sum(len(gene.orbit()) * math.exp(value) for gene, value in values.items()) == pytest.approx(1)


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
    sizes = {gene: len(gene.orbit()) * math.exp(value) for gene, value in log_plausibilities(PNMA).items()}
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


def test_elements_of_no_known_crystal_are_refused() -> None:
    with pytest.raises(TargetError, match="no atomic volume is known for Og"):
        composition("NaOg")


@pytest.mark.parametrize("text", ["", "CaTiO2.5", "Qq2", "42", "ca ti", "Na0Cl", "Li1e400O"])
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


@pytest.mark.parametrize(
    ("formula", "z", "where"),
    [("Ca3Al2Si3O12", 8, "group 10 with Z 8"), ("CaTiO3", 40, "group 47"), ("K2Al2Si3O10H2F", 4, "group 47")],
)
def test_more_combinations_than_can_be_summed_over_are_refused_at_once(formula: str, z: int, where: str) -> None:
    with pytest.raises(TargetError, match=rf"{formula} has too many combinations .*{where}.* give fewer --z"):
        SearchSpace.of(formula, range(z, z + 1))


def test_a_large_cell_of_high_symmetry_is_no_large_space() -> None:
    garnet = SearchSpace.of("Ca3Al2Si3O12", range(8, 9), frozenset({230}))
    assert 0 < garnet.distinct < 1000
