from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from wyckforge.dft.engine import Progress
from wyckforge.dft.watching import watched


def test_what_has_changed_is_told_with_the_time_that_is_left() -> None:
    looks: Iterator[Progress | None] = iter(
        [None, Progress("at 1", 0.1), Progress("at 1", 0.1), Progress("at 3", 0.3), Progress("geometry 2")]
    )
    told: list[str] = []
    with watched(lambda: next(looks, Progress("geometry 2")), told.append, every_s=0.05):
        time.sleep(0.6)

    assert told == ["at 1", "at 3; about a minute left", "geometry 2"]


def test_short_work_tells_nothing_and_failures_pass_through() -> None:
    told: list[str] = []
    with pytest.raises(ZeroDivisionError), watched(lambda: Progress("late"), told.append):
        _ = 1 / 0
    assert told == []
