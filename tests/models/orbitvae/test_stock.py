from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wyckforge.models.orbitvae.pools import pools
from wyckforge.models.orbitvae.stock import IMPOSSIBLE, Stock
from wyckforge.symmetry.tables import space_group

MAX_SITES = 10


@cache
def fewest(number: int, letters: str, needs: tuple[int, ...]) -> int:
    """Least orbits of the letters that give every element its atoms, by trying all letters for all elements."""
    group = space_group(number)
    if not any(needs):
        return 0
    best = IMPOSSIBLE
    for letter in letters:
        for place, need in enumerate(needs):
            if 0 < group.multiplicity(letter) <= need:
                left = letters if group.degrees_of_freedom(letter) else letters.replace(letter, "")
                smaller = (*needs[:place], need - group.multiplicity(letter), *needs[place + 1 :])
                best = min(best, 1 + fewest(number, left, smaller))
    return best


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([1, 2, 81, 164, 216, 221]),
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(sorted).map(tuple),
    st.integers(1, 3),
)
def test_the_fewest_orbits_that_fill_all_elements(number: int, ratio: tuple[int, ...], units: int) -> None:
    root = int(pools().of[number - 1, 0, 0])
    found = Stock(root, ratio, 100, MAX_SITES).fill_all(root, ratio, np.array([units]))
    expected = fewest(number, space_group(number).letters, tuple(n * units for n in ratio))
    assert min(found, MAX_SITES) == min(expected, MAX_SITES)
