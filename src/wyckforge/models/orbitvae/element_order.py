"""Which elements may come next in a partial gene, as far as the elements asked for go."""

from __future__ import annotations

import math

import numpy as np

from wyckforge.errors import TargetError
from wyckforge.models.orbitvae.pools import Bools, Ints
from wyckforge.records import Interval, Target
from wyckforge.symmetry.elements import symbol


class ElementOrder:
    """The elements of a target under the rule that their indices never fall within a gene.

    Args:
        elements: vocabulary, atomic numbers in the order of emission.
        target: hard constraints.
        max_elements: most elements of a gene.

    Raises:
        TargetError: no set of elements meets the target.
    """

    def __init__(self, elements: tuple[int, ...], target: Target, max_elements: int) -> None:
        numbers, places = np.array(elements), np.arange(len(elements))
        self._low, self._high = _bounds(target, max_elements)
        self._allowed = ~np.isin(numbers, list(target.exclude))
        if target.elements is not None:
            self._allowed &= np.isin(numbers, list(target.elements))
        required = np.isin(numbers, list(target.must_contain))
        # entry i + 1 speaks of the elements after the i-th
        self._n_allowed_after = _sums_from_each(self._allowed)
        self._n_required_after = _sums_from_each(required)
        required_places = np.append(np.where(required, places, len(places)), len(places))
        self._next_required = np.minimum.accumulate(required_places[::-1])[::-1]
        self._check(elements, target, max_elements)

    def in_order(self, element: Ints) -> Bools:
        """(n, E) allowed elements from the last one (n,) on (-1: none yet) that skip no required one."""
        every = np.arange(len(self._allowed))
        reached = (every >= element[:, None]) & (every <= self._next_required[element + 1][:, None])
        return np.asarray(reached & self._allowed)

    def further(self, element: Ints, n_elements: Ints) -> tuple[Ints, Ints]:
        """The least and most elements that may follow an element, by the elements alone.

        Args:
            element: index of the element, -1 where there is none yet.
            n_elements: elements of the gene up to this one; broadcast against ``element``.

        Returns:
            Two arrays of the common shape; the first exceeds the second where no number of elements will do.
        """
        least = np.maximum(self._n_required_after[element + 1], self._low - n_elements)
        most = np.minimum(self._n_allowed_after[element + 1], self._high - n_elements)
        return least, most

    def _check(self, elements: tuple[int, ...], target: Target, max_elements: int) -> None:
        known = f"the {len(elements)} elements that the model knows"
        if unknown := target.must_contain.difference(elements):
            raise TargetError(
                f"{_symbols(unknown)} must be contained but is not among {known}; drop it or use another model"
            )
        least = max(self._low, len(target.must_contain))
        if least > max_elements:
            raise TargetError(
                f"genes of {least} elements or more asked for; the model makes genes of at most {max_elements}; "
                "ask for fewer elements or use another model"
            )
        if self._allowed.sum() < least:
            allowed = frozenset(z for z, may in zip(elements, self._allowed, strict=True) if may)
            raise TargetError(
                f"genes of {least} elements or more asked for, but of {known} the target allows "
                f"{_symbols(allowed) or 'none'}; allow more or ask for fewer"
            )


def _bounds(target: Target, max_elements: int) -> tuple[int, int]:
    """Least and most elements of a gene."""
    if target.stoichiometry is not None:
        return len(target.stoichiometry), len(target.stoichiometry)
    low, high = whole_numbers(target.n_elements)
    return low, max_elements if high is None else min(high, max_elements)


def whole_numbers(interval: Interval) -> tuple[int, int | None]:
    """The least and the greatest positive whole number of an interval; ``None`` where there is no greatest."""
    return math.ceil(max(interval.low, 1.0)), None if math.isinf(interval.high) else math.floor(interval.high)


def _sums_from_each(flags: Bools) -> Ints:
    """(n + 1,) set flags from each place to the end."""
    return np.append(np.cumsum(flags[::-1])[::-1], 0)


def _symbols(numbers: frozenset[int]) -> str:
    return ", ".join(symbol(number) for number in sorted(numbers))
