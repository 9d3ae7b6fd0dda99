from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement, islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyckforge.errors import InvalidGeneError
from wyckforge.realise.csp.combinations import Combinations
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import space_group

SMALL = [
    (62, {20: 4, 22: 4, 8: 12}),
    (225, {11: 4, 17: 4}),
    (2, {6: 4}),
    (16, {6: 2, 8: 2}),
    (47, {6: 2, 8: 1}),
    (123, {6: 2, 8: 4}),
    (166, {13: 6, 8: 9}),
    (194, {42: 2, 16: 4}),
    (216, {30: 4, 16: 4}),
    (227, {12: 8, 13: 16, 8: 32}),
]


def brute_force(number: int, composition: dict[int, int]) -> set[WyckoffGene]:
    """Every gene, by trying all multisets of letters for every element."""
    table = space_group(number)
    ways = []
    for element, atoms in composition.items():
        least = min(position.multiplicity for position in table.positions.values())
        words = [
            word
            for n in range(1, atoms // least + 1)
            for word in combinations_with_replacement(table.letters, n)
            if sum(map(table.multiplicity, word)) == atoms
        ]
        ways.append([[(element, letter) for letter in word] for word in words])
    found = set()
    for choice in product(*ways):
        try:
            found.add(WyckoffGene(number, tuple(site for sites in choice for site in sites)))
        except InvalidGeneError:
            continue
    return found


def weights(number: int, seed: int) -> dict[str, float]:
    """Random weights, the same for letters that the normalizer makes equal."""
    rng = np.random.default_rng(seed)
    letters = space_group(number).letters
    first = {a: min({images[a] for images in letter_permutations(number)}) for a in letters}
    drawn = {a: float(rng.uniform(0.1, 2.0)) for a in letters}
    return {a: drawn[first[a]] for a in letters}


def log_weight(gene: WyckoffGene, by_letter: dict[str, float]) -> float:
    return float(sum(np.log(by_letter[letter]) for _, letter in gene.sites))


@pytest.mark.parametrize(("number", "composition"), SMALL)
def test_counts_and_genes_are_those_of_brute_force(number: int, composition: dict[int, int]) -> None:
    genes = brute_force(number, composition)
    canonical = {gene.canonical() for gene in genes}
    combinations = Combinations(number, composition)
    assert combinations.described == len(genes)
    assert combinations.distinct == len(canonical)
    listed = [gene for _, gene in combinations.ranked()]
    assert len(listed) == len(canonical)
    assert set(listed) == canonical


@pytest.mark.parametrize(("number", "composition"), SMALL)
def test_the_heaviest_come_first_and_the_total_is_the_sum(number: int, composition: dict[int, int]) -> None:
    combinations = Combinations(number, composition, weights(number, seed=3))
    ranked = list(combinations.ranked())
    values = [weight for weight, _ in ranked]
    assert values == sorted(values, reverse=True) or np.diff(values).max() < 1e-9
    by_letter = weights(number, seed=3)
    assert all(abs(weight - log_weight(gene, by_letter)) < 1e-9 for weight, gene in ranked)
    total = sum(np.exp(log_weight(gene, by_letter)) for gene in brute_force(number, composition))
    assert combinations.log_total == pytest.approx(np.log(total))


@pytest.mark.parametrize(("number", "composition"), SMALL)
def test_what_the_sums_keep_is_bounded_beforehand(number: int, composition: dict[int, int]) -> None:
    combinations = Combinations(number, composition)
    assert sum(map(len, combinations._sums)) <= combinations.size


def test_the_bound_is_what_can_be_left_at_every_slot() -> None:
    assert Combinations(1, {6: 4}).size == 5
    assert Combinations(2, {6: 4}).size == 9 * 5
    assert Combinations(225, {11: 4, 17: 4}).size == 2 * 12 * 2 * 2  # four atoms are one orbit or none


def test_draws_follow_the_weights() -> None:
    number, composition = 62, {20: 4, 22: 4, 8: 12}
    by_letter = weights(number, seed=5)
    combinations = Combinations(number, composition, by_letter)
    rng = np.random.default_rng(1)
    n = 4000
    drawn = Counter(combinations.draw(rng) for _ in range(n))
    share: Counter[WyckoffGene] = Counter()
    for gene in brute_force(number, composition):
        share[gene.canonical()] += np.exp(log_weight(gene, by_letter) - combinations.log_total)
    for gene, expected in share.items():
        assert abs(drawn[gene] / n - expected) < 5 * np.sqrt(expected / n)


def test_what_does_not_fit_has_no_genes() -> None:
    combinations = Combinations(225, {11: 3, 17: 3})
    assert (combinations.described, combinations.distinct, list(combinations.ranked())) == (0, 0, [])
    with pytest.raises(ValueError, match="no gene of space group 225"):
        combinations.draw(np.random.default_rng(0))


def test_the_first_of_very_many_come_at_once() -> None:
    combinations = Combinations(47, {12: 8, 22: 8, 8: 24}, weights(47, seed=0))
    assert combinations.described > 10**15
    assert combinations.distinct < combinations.described
    first = list(islice(combinations.ranked(), 20))
    assert len({gene for _, gene in first}) == 20


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(1, 230),
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
)
def test_draws_are_canonical_genes_of_the_composition(number: int, counts: list[int], seed: int) -> None:
    composition = dict(zip((8, 12, 22), counts, strict=False))
    combinations = Combinations(number, composition)
    assert 0 <= combinations.distinct <= combinations.described
    if not combinations.distinct:
        return
    gene, again = (combinations.draw(np.random.default_rng(seed)) for _ in range(2))
    assert gene == again == gene.canonical()
    assert gene.composition == composition
    assert gene.space_group == number
    _, first = next(combinations.ranked())
    assert first.composition == composition
