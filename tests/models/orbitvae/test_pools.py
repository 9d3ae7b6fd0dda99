from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import space_groups

from wyckforge.models.orbitvae.pools import MULTIPLICITIES, POINT_BIT, pools
from wyckforge.symmetry.tables import MULTIPLICITY, space_group


@given(st.data(), space_groups)
def test_a_pool_holds_the_unused_letters_from_one_on(data: st.DataObject, number: int) -> None:
    group = space_group(number)
    points = [letter for letter in group.letters if group.degrees_of_freedom(letter) == 0]
    used = data.draw(st.sets(st.sampled_from(points))) if points else set()
    first = data.draw(st.integers(0, len(group.letters) - 1))
    rest = set(group.letters[first:]) - used

    bits = sum(int(POINT_BIT[number - 1, group.letters.index(letter)]) for letter in used)
    pool = pools().of[number - 1, bits, first]
    held = {int(m): int(n) for m, n in zip(MULTIPLICITIES, pools().points[pool], strict=True) if n}
    assert held == Counter(group.multiplicity(letter) for letter in rest & set(points))
    free = {group.multiplicity(letter) for letter in rest - set(points)}
    assert set(MULTIPLICITIES[pools().free[pool]].tolist()) == free


def test_multiplicities_ascend_with_the_letters() -> None:
    for row in MULTIPLICITY:
        assert (np.diff(row[row > 0]) >= 0).all()
