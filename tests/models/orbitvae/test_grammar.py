from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.strategies import genes

from wyckforge.errors import TargetError
from wyckforge.models.orbitvae.feasibility import _highest_bit
from wyckforge.models.orbitvae.grammar import MAX_SITES, Grammar
from wyckforge.models.orbitvae.state import State
from wyckforge.records import Interval, Target
from wyckforge.symmetry.elements import electronegativity
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import LETTERS, space_group

ALL = tuple(sorted(range(1, 119), key=lambda number: (electronegativity(number), number)))
FEW = (38, 22, 8)  # Sr, Ti, O
SMALL_GROUPS = (1, 2, 5, 81, 147, 164, 216, 227)


def count_intervals(most: int) -> st.SearchStrategy[Interval]:
    bounds = st.one_of(st.just(Interval()), st.integers(1, most).map(lambda high: Interval(high=high)))
    exact = st.integers(1, most).map(lambda n: Interval(n, n))
    return st.one_of(bounds, exact, st.integers(1, most).map(lambda low: Interval(low=low)))


@st.composite
def small_targets(draw: st.DrawFn) -> Target:
    """Targets on few elements, many of which no gene meets."""
    parts: dict[str, Any] = {
        "space_groups": draw(st.frozensets(st.sampled_from(SMALL_GROUPS), min_size=1, max_size=2)),
        "elements": draw(st.none() | st.frozensets(st.sampled_from((*FEW, 26)), min_size=1)),
        "must_contain": draw(st.frozensets(st.sampled_from(FEW), max_size=2)),
        "exclude": draw(st.frozensets(st.sampled_from(FEW), max_size=1)),
        "stoichiometry": draw(st.none() | st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)),
        "n_elements": draw(count_intervals(3)),
        "n_atoms": draw(count_intervals(16)),
    }
    try:
        return Target(**parts)
    except TargetError:
        assume(False)
        raise


@st.composite
def met_targets(draw: st.DrawFn, gene: WyckoffGene) -> Target:
    """Targets that a gene meets."""
    others = frozenset(ALL) - set(gene.elements)

    def around(number: int, spread: int) -> Interval:
        return Interval(
            draw(st.sampled_from([-np.inf, number, number - spread])),
            draw(st.sampled_from([number, number + spread, np.inf])),
        )

    return Target(
        space_groups=draw(st.sampled_from([frozenset(range(1, 231)), frozenset([gene.space_group])])),
        elements=draw(st.none() | st.frozensets(st.sampled_from(sorted(others)), max_size=5).map(gene_and(gene))),
        must_contain=draw(st.frozensets(st.sampled_from(gene.elements))),
        exclude=draw(st.frozensets(st.sampled_from(sorted(others)), max_size=5)) - set(gene.elements),
        stoichiometry=draw(st.none() | st.just(tuple(gene.reduced_composition.values()))),
        n_elements=around(len(gene.elements), 1),
        n_atoms=around(gene.n_atoms, 10),
    )


def gene_and(gene: WyckoffGene) -> Any:
    return lambda others: others | frozenset(gene.elements)


def every_gene(groups: Iterable[int], elements: tuple[int, ...], max_sites: int) -> set[WyckoffGene]:
    """All genes, from nothing but the definition of a gene."""
    found = set()
    for group in map(space_group, groups):
        orbits = [(z, letter) for z in elements for letter in group.letters]
        for n in range(1, max_sites + 1):
            for sites in combinations_with_replacement(orbits, n):
                points = [letter for _, letter in sites if group.degrees_of_freedom(letter) == 0]
                if len(set(points)) == len(points):
                    found.add(WyckoffGene(group.number, sites))
    return found


def reachable(grammar: Grammar) -> list[WyckoffGene]:
    """The gene at the end of every path through the masks."""
    state = grammar.start(np.flatnonzero(grammar.groups()))
    found = []
    while len(state):
        elements = grammar.element_mask(state)
        assert elements.any(axis=1).all(), "dead end"
        found += grammar.genes(state.take(elements[:, -1]))
        rows, element = np.nonzero(elements[:, :-1])
        letters = grammar.letter_mask(state.take(rows), element)
        assert letters.any(axis=1).all(), "an element without a letter"
        choice, letter = np.nonzero(letters)
        state = grammar.advance(state.take(rows[choice]), element[choice], letter)
    return found


def random_walk(grammar: Grammar, groups: np.ndarray, seed: int) -> State:
    """Genes by choices that are all equally likely, stop as likely as all elements together."""
    rng = np.random.default_rng(seed)

    def choose(weights: np.ndarray) -> np.ndarray:
        assert weights.any(axis=1).all(), "dead end"
        return (rng.random(weights.shape) * weights).argmax(axis=1)

    state = grammar.start(groups)
    while not state.finished.all():
        mask = grammar.element_mask(state)
        stop = mask[:, -1] & (~mask[:, :-1].any(axis=1) | (rng.random(len(state)) < 0.5))
        mask[:, -1] &= stop
        element = np.where(stop, grammar.stop, choose(mask))
        state = grammar.advance(state, element, choose(grammar.letter_mask(state, element)))
    return state


@settings(max_examples=60, deadline=None)
@given(small_targets(), st.integers(1, 3), st.integers(1, 3))
@example(Target(space_groups=frozenset([2]), stoichiometry=(1, 3)), 3, 3)
@example(Target(space_groups=frozenset([216]), stoichiometry=(1, 1), n_atoms=Interval(8, 40)), 3, 2)
@example(Target(space_groups=frozenset([164]), n_atoms=Interval(7, 8), n_elements=Interval(2, 2)), 3, 3)
@example(Target(space_groups=frozenset([147]), must_contain=frozenset([22]), n_atoms=Interval(5, 5)), 3, 3)
def test_the_paths_are_exactly_the_genes_that_meet_the_target(target: Target, max_sites: int, most: int) -> None:
    meeting = {
        gene
        for gene in every_gene(target.space_groups, FEW, max_sites)
        if target.rejects(gene) is None and len(gene.elements) <= most
    }
    try:
        paths = reachable(Grammar(FEW, target, max_sites, most))
    except TargetError:
        paths = []
    assert set(paths) == meeting
    assert len(paths) == len(meeting), "two paths lead to one gene"


@settings(max_examples=100, deadline=None)
@given(st.data(), genes(max_orbits=10))
def test_every_gene_that_meets_the_target_can_be_emitted(data: st.DataObject, gene: WyckoffGene) -> None:
    target = data.draw(met_targets(gene))
    grammar = Grammar(ALL, target, data.draw(st.sampled_from([len(gene.sites), 24, 61])), 10)
    group = np.array([gene.space_group - 1])
    assert grammar.groups()[group]
    state = grammar.start(group)
    for element, letter in sorted((ALL.index(number), LETTERS.index(letter)) for number, letter in gene.sites):
        assert grammar.element_mask(state)[0, element]
        assert grammar.letter_mask(state, np.array([element]))[0, letter]
        state = grammar.advance(state, np.array([element]), np.array([letter]))
    assert grammar.element_mask(state)[0, grammar.stop]
    assert grammar.genes(state) == [gene]


@settings(max_examples=10, deadline=None)
@given(st.data(), genes(max_orbits=6))
@example(None, WyckoffGene.parse("221|Sr:a|Ti:b|O:c"))
def test_random_walks_in_all_groups_meet_the_target(data: st.DataObject | None, gene: WyckoffGene) -> None:
    target = Target(stoichiometry=(1, 1, 3)) if data is None else data.draw(met_targets(gene))
    grammar = Grammar(ALL, target, 24, 6)
    groups = np.flatnonzero(grammar.groups())
    made = grammar.genes(random_walk(grammar, groups, seed=0))
    assert [made.space_group - 1 for made in made] == groups.tolist()
    assert {target.rejects(gene) for gene in made} == {None}


def test_without_a_target_every_group_is_open() -> None:
    grammar = Grammar(ALL, None, 24, 6)
    assert grammar.groups().all()
    made = grammar.genes(random_walk(grammar, np.arange(230), seed=1))
    assert max(len(gene.elements) for gene in made) <= 6
    assert max(len(gene.sites) for gene in made) <= 24


def test_finished_genes_stay_as_they_are() -> None:
    grammar = Grammar(FEW, None, 4, 3)
    state = grammar.start(np.array([224, 224]))
    state = grammar.advance(state, np.array([0, 0]), np.array([0, 0]))
    state = grammar.advance(state, np.array([grammar.stop, 2]), np.array([5, 1]))
    state = grammar.advance(state, np.array([1, grammar.stop]), np.array([1, 0]))
    assert state.finished.all()
    assert grammar.genes(state) == [WyckoffGene.parse("225|Sr:a"), WyckoffGene.parse("225|Sr:a|O:b")]
    assert grammar.element_mask(state).tolist() == [[False, False, False, True]] * 2
    assert grammar.letter_mask(state, np.array([0, 1])).all()


def test_masks_of_a_gene_do_not_depend_on_the_batch() -> None:
    grammar = Grammar(ALL, Target(stoichiometry=(1, 2, 4), n_atoms=Interval(high=60)), 24, 6)
    state = grammar.start(np.flatnonzero(grammar.groups()))
    for _ in range(2):
        elements = grammar.element_mask(state)
        element = elements.argmax(axis=1)
        letters = grammar.letter_mask(state, element)
        for row in range(0, len(state), 23):
            alone = state.take(np.array([row]))
            assert np.array_equal(grammar.element_mask(alone)[0], elements[row])
            assert np.array_equal(grammar.letter_mask(alone, element[[row]])[0], letters[row])
        state = grammar.advance(state, element, letters.argmax(axis=1))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(must_contain=frozenset([26])), "Fe must be contained but is not among the 3 elements"),
        (Target(elements=frozenset([26, 27])), "the target allows none"),
        (Target(n_elements=Interval(3), exclude=frozenset([8])), "3 elements or more .* the target allows Ti, Sr"),
        (Target(n_elements=Interval(4)), "at most 3"),
        (Target(stoichiometry=(1, 1, 1, 1)), "at most 3"),
        (Target(must_contain=frozenset(FEW), n_elements=Interval(high=3)), "at most 2"),
        (Target(space_groups=frozenset([225]), n_atoms=Interval(5, 7)), "n_atoms 5:7"),
        (Target(n_atoms=Interval(10_000)), "at most 4 orbits"),
        (Target(space_groups=frozenset([1]), stoichiometry=(3, 5)), r"stoichiometry \[3, 5\]"),
    ],
)
def test_a_target_that_no_gene_meets_is_refused(target: Target, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Grammar(FEW, target, 4, 2 if "at most 2" in message else 3)


def test_the_highest_bit_is_exact_up_to_the_most_orbits():
    powers = np.arange(MAX_SITES + 1)
    assert _highest_bit(2**powers).tolist() == powers.tolist()
    assert _highest_bit(2 ** (powers + 1) - 1).tolist() == powers.tolist()
    assert _highest_bit(np.zeros(1, np.int64)).tolist() == [-1]


@pytest.mark.parametrize(("max_sites", "max_elements"), [(0, 1), (62, 1), (4, 0)])
def test_limits_out_of_range_are_refused(max_sites: int, max_elements: int) -> None:
    with pytest.raises(ValueError, match=re.escape("allowed are 1 to 61 orbits")):
        Grammar(FEW, None, max_sites, max_elements)
