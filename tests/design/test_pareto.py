from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wyckforge.design.pareto import pareto_front

numbers = st.one_of(st.integers(-3, 3).map(float), st.just(float("nan")), st.floats(-9, 9), st.just(float("inf")))
tables = st.integers(1, 4).flatmap(
    lambda k: st.tuples(
        arrays.arrays(np.float64, st.tuples(st.integers(0, 25), st.just(k)), elements=numbers),
        st.lists(st.sampled_from(["min", "max"]), min_size=k, max_size=k),
    )
)


def dominates(one, other, directions) -> bool:
    better = [a < b if direction == "min" else a > b for a, b, direction in zip(one, other, directions, strict=True)]
    worse = [a > b if direction == "min" else a < b for a, b, direction in zip(one, other, directions, strict=True)]
    return any(better) and not any(worse)


@given(tables)
def test_the_front_is_that_of_brute_force(table):
    values, directions = table
    complete = [row for row in values if not np.isnan(row).any()]
    expected = [
        not np.isnan(row).any() and not any(dominates(other, row, directions) for other in complete) for row in values
    ]
    assert pareto_front(values, directions).tolist() == expected


@given(tables, st.randoms())
def test_the_order_of_rows_does_not_matter(table, random):
    values, directions = table
    order = random.sample(range(len(values)), len(values))
    assert pareto_front(values[order], directions).tolist() == pareto_front(values, directions)[order].tolist()


def test_directions_decide():
    values = np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 2.0]])
    assert pareto_front(values, ["min", "min"]).tolist() == [True, False, False]
    assert pareto_front(values, ["min", "max"]).tolist() == [False, False, True]
    assert pareto_front(values, ["max", "max"]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("values", "directions"),
    [(np.zeros((2, 2)), ["min"]), (np.zeros((2, 1)), ["least"]), (np.zeros(2), ["min", "min"])],
)
def test_criteria_without_a_direction_are_refused(values, directions):
    with pytest.raises(ValueError, match="one of min, max for each of the k columns"):
        pareto_front(values, directions)
