from __future__ import annotations

import pytest

from rates import bracketed, clustered, count, per, percent, percent_of_n, rate
from wyckforge.evaluate.metrics import Rate


def test_rates_come_with_their_wilson_interval() -> None:
    assert rate([True] * 92 + [False] * 8) == "92 of 100, 92 % [85, 96]"
    assert count(Rate(92, 100)) == "92 of 100 (85 to 96 %)"
    assert percent(Rate(92, 100)) == "92.0 (85.0 to 95.9)"
    assert per(Rate(92, 100)) == "92.0 (85.0–95.9)"
    assert per(Rate(92, 100), 1000) == "920.0 (850.0–958.9)"
    assert percent_of_n(Rate(92, 100).to_dict()) == "92.0 (85.0 to 95.9; n = 100)"
    assert bracketed(Rate(92, 100).to_dict()) == "92.0 % [85.0, 95.9]"
    assert [percent_of_n(Rate(0, 0).to_dict()), bracketed(Rate(0, 0).to_dict())] == ["–"] * 2
    assert [rate([]), count(Rate(0, 0)), percent(Rate(0, 0))] == ["–"] * 3


def test_tries_that_stand_and_fall_together_tell_less_than_as_many_of_their_own() -> None:
    together = clustered([20] * 5 + [0] * 5, [20] * 10)
    low, high = Rate(100, 200).interval or (0.0, 0.0)
    assert together[0] < low < high < together[1]
    assert count(Rate(100, 200), together) == f"100 of 200 ({100 * together[0]:.0f} to {100 * together[1]:.0f} %)"


@pytest.mark.parametrize("hits", [0, 20])
def test_where_nothing_or_everything_succeeds_each_group_is_one_witness(hits: int) -> None:
    assert clustered([hits] * 5, [20] * 5) == Rate(5 if hits else 0, 5).interval
