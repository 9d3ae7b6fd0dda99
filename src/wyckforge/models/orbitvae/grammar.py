"""The rules by which genes are emitted orbit by orbit, as exact masks.

A choice is allowed if and only if at least one gene that meets the target can be reached from it. Generation under
these masks therefore never ends in a dead end and never needs to reject, and every gene that meets the target can come.

Elements are emitted in the order of the vocabulary, the letters of one element in ascending order. A letter without
free parameters occurs once in a gene.
"""

from __future__ import annotations

import numpy as np

from wyckforge.errors import TargetError
from wyckforge.models.orbitvae.element_order import ElementOrder, whole_numbers
from wyckforge.models.orbitvae.feasibility import AtomCount, Counting
from wyckforge.models.orbitvae.pools import Bools, Ints
from wyckforge.models.orbitvae.state import State
from wyckforge.models.orbitvae.stoichiometry import Stoichiometry
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import MULTIPLICITY

MAX_SITES = 61
"""Most orbits of a gene: their numbers, and one more, are bits of signed integers."""


class Grammar:
    """What may come next, for batches of partial genes.

    Space groups, elements and letters are indices: the zero-based number, the place in the vocabulary, and the place in
    :data:`~wyckforge.symmetry.tables.LETTERS`. The element index after the last one means stop.

    Args:
        elements: vocabulary, atomic numbers in the order of emission.
        target: hard constraints; ``None`` allows every gene.
        max_sites: most orbits of a gene, 1 to 61.
        max_elements: most elements of a gene.

    Raises:
        TargetError: no gene meets the target.
        ValueError: a limit is out of range.
    """

    def __init__(self, elements: tuple[int, ...], target: Target | None, max_sites: int, max_elements: int) -> None:
        if not 1 <= max_sites <= MAX_SITES or max_elements < 1:
            raise ValueError(
                f"at most {max_sites} orbits and {max_elements} elements given; allowed are 1 to {MAX_SITES} orbits "
                "and at least 1 element"
            )
        target = target or Target()
        self.elements = elements
        self.max_sites = max_sites
        self.max_elements = min(max_elements, max_sites)
        self._order = ElementOrder(elements, target, self.max_elements)
        low, high = _atoms(target, max_sites)
        self._counting: Counting = (
            AtomCount(low, high, max_sites)
            if target.stoichiometry is None
            else Stoichiometry(target.stoichiometry, low, high, max_sites)
        )
        self._groups = self._feasible_groups(target)

    @property
    def stop(self) -> int:
        """The element index that means stop."""
        return len(self.elements)

    def groups(self) -> Bools:
        """(230,) space groups in which a gene meets the target."""
        return self._groups.copy()

    def start(self, groups: Ints) -> State:
        """Genes without an orbit.

        Args:
            groups: (n,) zero-based space groups.
        """
        return State.start(groups, self.max_sites, self.max_elements)

    def element_mask(self, state: State) -> Bools:
        """(n, E + 1) elements that the next orbit may have, then stop, which is all that a finished gene may do."""
        mask = np.zeros((len(state), len(self.elements) + 1), bool)
        mask[:, :-1] = self._new_elements(state)
        same = np.flatnonzero(state.n_sites > 0)
        mask[same, state.element[same]] = self._letters(state.take(same), state.element[same]).any(axis=1)
        mask[state.finished] = False
        mask[:, -1] = state.finished | self._complete(state)
        return mask

    def letter_mask(self, state: State, element: Ints) -> Bools:
        """(n, 27) letters that the next orbit may have; all of them, without a meaning, where the gene stops.

        Args:
            state: n partial genes.
            element: (n,) index of the element of the orbit, or stop.
        """
        stops = state.finished | (element == self.stop)
        element = np.where(stops, 0, element)
        mask = self._letters(state, element)
        mask &= self._order.in_order(state.element)[np.arange(len(state)), element][:, None]
        mask[stops] = True
        return mask

    def advance(self, state: State, element: Ints, letter: Ints) -> State:
        """The genes with one orbit more, or finished.

        Args:
            state: n partial genes; finished ones stay as they are.
            element: (n,) index of the element, or stop. Must be allowed.
            letter: (n,) index of the letter, ignored where the gene stops. Must be allowed.
        """
        rows = np.flatnonzero(~state.finished & (element < self.stop))
        return state.add(rows, element[rows], letter[rows]).stop(element == self.stop)

    def genes(self, state: State) -> list[WyckoffGene]:
        """The genes as they are, finished or not.

        Raises:
            InvalidGeneError: a gene has no orbit yet.
        """
        return state.genes(self.elements)

    def _new_elements(self, state: State) -> Bools:
        """(n, E) elements with which the gene can go on, other than that of the last orbit."""
        every = np.arange(len(self.elements))
        least, most = self._order.further(every, state.n_elements[:, None] + 1)
        opens = self._counting.opens(state)[:, None] - 1
        fresh = self._order.in_order(state.element) & (every != state.element[:, None])
        return np.asarray(fresh & (least <= np.minimum(most, opens)))

    def _letters(self, state: State, element: Ints) -> Bools:
        """(n, 27) letters of an element that is in order with which the gene can go on."""
        fresh = element != state.element
        least, most = self._order.further(element, state.n_elements + fresh)
        ways = self._counting.letters(state, fresh)
        closes = ways.closes & ((least == 0) & (most >= 0))[:, None]
        opens = np.maximum(least, 1)[:, None] <= np.minimum(most[:, None], ways.opens)
        return np.asarray(closes | opens)

    def _complete(self, state: State) -> Bools:
        """(n,) whether the gene meets the target as it is."""
        least, most = self._order.further(state.element, state.n_elements)
        complete = (state.n_sites > 0) & (least == 0) & (most >= 0)
        return np.asarray(complete & self._counting.complete(state))

    def _feasible_groups(self, target: Target) -> Bools:
        asked = np.array(sorted(target.space_groups)) - 1
        feasible = np.zeros(230, bool)
        feasible[asked] = self.element_mask(self.start(asked)).any(axis=1)
        if not feasible.any():
            asked_for = {key: value for key, value in target.to_dict().items() if key not in target.properties}
            raise TargetError(
                f"no gene of at most {self.max_sites} orbits and {self.max_elements} elements meets all of "
                + ", ".join(f"{key} {value}" for key, value in asked_for.items())
                + "; widen one of these"
            )
        return feasible


def _atoms(target: Target, max_sites: int) -> tuple[int, int | None]:
    """Bounds on the atoms of the conventional cell; ``None`` where the orbits are the tighter limit."""
    low, high = whole_numbers(target.n_atoms)
    most = max_sites * int(MULTIPLICITY.max())
    return min(low, most + 1), high if high is not None and high < most else None
