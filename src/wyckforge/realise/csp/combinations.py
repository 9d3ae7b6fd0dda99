"""The ways to put the atoms of a cell on the Wyckoff positions of a space group: counted, ranked, and drawn.

A combination is built by walking through slots, one for every position and element: at each, an orbit is placed or the
walk goes on. A position with free coordinates can be occupied again, one without is full after one orbit of any
element. Every combination is exactly one walk, so that sums over all of them follow from sums over the rest of a walk,
and need neither lists nor luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import cache, cached_property
from heapq import heappop, heappush
from itertools import count
from math import inf, log, prod
from operator import add
from typing import Any, NamedTuple

import numpy as np

from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import space_group as table_of

Left = tuple[int, ...]
"""Atoms of each element that are still to be placed."""

DIGITS = 9
"""Logarithms of weights that agree to so many digits behind the point are equal."""


class _Slot(NamedTuple):
    """A place in the walk.

    Attributes:
        letter: of the position; a representative where several are filled at once.
        element: index among the elements.
        atoms: that one orbit takes.
        after: slot of the walk after an orbit was placed.
        weight: factor of an orbit in the weight of a combination.
    """

    letter: str
    element: int
    atoms: int
    after: int
    weight: float | int


class _Position(NamedTuple):
    letter: str
    atoms: int
    free: bool
    weight: float | int


class Combinations:
    """The genes of a composition in a space group.

    Args:
        space_group: number.
        composition: atoms of each element in the conventional cell, by atomic number.
        weights: factor of an orbit by letter; the weight of a gene is the product over its orbits. Letters that the
            normalizer makes equal have the same. All 1 if omitted.
    """

    def __init__(
        self, space_group: int, composition: Mapping[int, int], weights: Mapping[str, float] | None = None
    ) -> None:
        self.space_group = space_group
        self.elements = tuple(composition)
        self._atoms = tuple(composition.values())
        self._table = table_of(space_group)
        self._weights = dict.fromkeys(self._table.letters, 1.0) if weights is None else dict(weights)

    @property
    def size(self) -> int:
        """No more numbers than these are kept for a sum over all genes: what can be left of every element at each slot.

        Known before any sum is made; time and memory of the sums grow with it.
        """
        orbits = {position.multiplicity for position in self._table.positions.values()}
        return len(self._slots) * prod(_remainders(atoms, orbits) for atoms in self._atoms)

    @cached_property
    def described(self) -> int:
        """Genes, those that the normalizer makes equal counted apart."""
        return self._fixed(dict(zip(self._table.letters, self._table.letters, strict=True)))

    @cached_property
    def distinct(self) -> int:
        """Genes, those that the normalizer makes equal counted once.

        By Burnside's lemma: the mean, over the permutations of letters, of the number of genes that each leaves alone.
        """
        permutations = letter_permutations(self.space_group)
        return sum(map(self._fixed, permutations)) // len(permutations)

    @cached_property
    def log_total(self) -> float:
        """Logarithm of the sum of the weights of all genes; minus infinity if there are none."""
        total = self._sums[0].get(self._atoms, 0.0)
        return log(total) if total else -inf

    def ranked(self) -> Iterator[tuple[float, WyckoffGene]]:
        """Logarithm of the weight and gene, in descending order, every canonical gene once.

        Best first: what the rest of a walk can still give at most is known exactly, so that no more of the walks is
        held than leads to what was asked for: each gene that comes out, and each of its equals, leaves behind at most
        one walk per step of its own.
        """
        best = _completions(self._slots, self._atoms, max)
        walks: list[tuple[float, int, float, int, Left, tuple[tuple[int, str], ...]]] = []
        pushed = 0

        def push(weight: float, slot: int, left: Left, sites: tuple[tuple[int, str], ...]) -> None:
            nonlocal pushed
            if promise := best[slot].get(left):
                pushed += 1
                # of equals the last comes first, so that one is finished before another is begun
                heappush(walks, (-round(weight + log(promise), DIGITS), -pushed, weight, slot, left, sites))

        push(0.0, 0, self._atoms, ())
        while walks:
            _, _, weight, at, left, sites = heappop(walks)
            if at == len(self._slots):
                gene = WyckoffGene(self.space_group, sites)
                if gene == gene.canonical():
                    yield weight, gene
                continue
            slot = self._slots[at]
            push(weight, at + 1, left, sites)
            if (rest := _placed(left, slot)) is not None:
                site = self.elements[slot.element], slot.letter
                push(weight + log(slot.weight), slot.after, rest, (*sites, site))

    def draw(self, rng: np.random.Generator) -> WyckoffGene:
        """A canonical gene, drawn in proportion to the weight of all that the normalizer makes equal to it.

        Raises:
            ValueError: there is none.
        """
        if not np.isfinite(self.log_total):
            raise ValueError(f"no gene of space group {self.space_group} has {self._atoms} atoms of {self.elements}")
        at, left, sites = 0, self._atoms, []
        while at < len(self._slots):
            slot = self._slots[at]
            rest = _placed(left, slot)
            placed = 0.0 if rest is None else slot.weight * self._sums[slot.after].get(rest, 0.0)
            if rest is not None and rng.random() * self._sums[at][left] < placed:
                sites.append((self.elements[slot.element], slot.letter))
                at, left = slot.after, rest
            else:
                at += 1
        return WyckoffGene(self.space_group, tuple(sites)).canonical()

    @cached_property
    def _slots(self) -> tuple[_Slot, ...]:
        return _slots(
            [
                _Position(one.letter, one.multiplicity, one.degrees_of_freedom > 0, self._weights[one.letter])
                for one in self._table.positions.values()
            ],
            len(self.elements),
        )

    @cached_property
    def _sums(self) -> list[dict[Left, float]]:
        return _completions(self._slots, self._atoms, add)

    def _fixed(self, images: Mapping[str, str]) -> int:
        """Genes that a permutation of the letters leaves alone: those constant on each of its cycles."""
        cycles = Counter(
            (length * self._table.multiplicity(letter), self._table.degrees_of_freedom(letter) > 0)
            for letter, length in _cycles(images)
        )
        return _count(tuple(sorted(cycles.elements())), self._atoms)


@cache
def _count(positions: tuple[tuple[int, bool], ...], atoms: Left) -> int:
    """Combinations on positions of so many atoms, with or without free coordinates."""
    slots = _slots([_Position("", size, free, 1) for size, free in positions], len(atoms))
    return int(_completions(slots, atoms, add)[0].get(atoms, 0))


def _cycles(images: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """A letter of every cycle of a permutation, and how many the cycle has."""
    seen: set[str] = set()
    for letter in images:
        length, at = 0, letter
        while at not in seen:
            seen.add(at)
            at, length = images[at], length + 1
        if length:
            yield letter, length


def _remainders(atoms: int, orbits: Set[int]) -> int:
    """How many different numbers of atoms can be left of these once orbits of such sizes are placed."""
    left = {atoms}
    for rest in range(atoms, 0, -1):
        if rest in left:
            left |= {rest - orbit for orbit in orbits if orbit <= rest}
    return len(left)


def _slots(positions: Sequence[_Position], n_elements: int) -> tuple[_Slot, ...]:
    return tuple(
        _Slot(one.letter, element, one.atoms, start + (element if one.free else n_elements), one.weight)
        for start, one in zip(count(0, n_elements), positions, strict=False)
        for element in range(n_elements)
    )


def _placed(left: Left, slot: _Slot) -> Left | None:
    """What is left after an orbit, or ``None`` where there are not so many atoms."""
    rest = left[slot.element] - slot.atoms
    return None if rest < 0 else (*left[: slot.element], rest, *left[slot.element + 1 :])


def _completions(slots: Sequence[_Slot], atoms: Left, plus: Callable[[Any, Any], Any]) -> list[dict[Left, Any]]:
    """For every slot that a walk can reach and what is left there: the weights of the ways to the end, added up.

    Args:
        slots: the walk.
        atoms: of each element, to be placed.
        plus: how two ways are added up: :func:`operator.add` for sums and counts, :func:`max` for the best way.
    """
    reached: list[set[Left]] = [set() for _ in range(len(slots) + 1)]
    reached[0].add(atoms)
    for at, slot in enumerate(slots):
        open_ends = list(reached[at])
        while open_ends:
            left = open_ends.pop()
            reached[at + 1].add(left)
            rest = _placed(left, slot)
            if rest is not None and rest not in reached[slot.after]:
                reached[slot.after].add(rest)
                if slot.after == at:
                    open_ends.append(rest)
    nothing = (0,) * len(atoms)
    found: list[dict[Left, Any]] = [{} for _ in slots] + [{nothing: 1} if nothing in reached[-1] else {}]
    for at in reversed(range(len(slots))):
        slot = slots[at]
        for left in sorted(reached[at], key=lambda left, slot=slot: left[slot.element]):  # type: ignore[misc]
            ways = found[at + 1].get(left)
            rest = _placed(left, slot)
            if rest is not None and (more := found[slot.after].get(rest)):
                ways = slot.weight * more if ways is None else plus(ways, slot.weight * more)
            if ways:
                found[at][left] = ways
    return found
