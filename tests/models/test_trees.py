"""Trees kept as arrays against scikit-learn, which grew them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from wyckforge.models.trees import Trees


def grown(seed: int, trees: int = 12) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((600, 5)).astype(np.float32)
    yes = x[:, 0] * x[:, 1] + 0.3 * rng.standard_normal(600) > 0
    return HistGradientBoostingClassifier(max_iter=trees, early_stopping=False).fit(x, yes), x


def test_they_say_what_scikit_learn_says() -> None:
    (one, x), (other, _) = grown(0), grown(1)
    found = Trees.of([one, other]).log_odds(x)
    assert found.shape == (2, len(x))
    np.testing.assert_allclose(found, [one.decision_function(x), other.decision_function(x)], atol=1e-5)


def test_rows_do_not_depend_on_each_other() -> None:
    machine, x = grown(0)
    trees = Trees.of([machine])
    together = trees.log_odds(x)
    np.testing.assert_array_equal(together[:, 17:18], trees.log_odds(x[17:18]))
    assert trees.log_odds(x[:0]).shape == (1, 0)


def test_arrays_bring_them_back() -> None:
    machine, x = grown(0)
    trees = Trees.of([machine])
    again = Trees.from_arrays(trees.to_arrays(), inputs=5)
    np.testing.assert_array_equal(again.log_odds(x), trees.log_odds(x))


def spoilt(name: str, place: tuple[int, ...], value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def spoil(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][place] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoilt("feature", (0, 0, 0), 5), "more than the 5 numbers"),
        (spoilt("feature", (0, 0, 0), -1), "more than the 5 numbers"),
        (spoilt("left", (0, 0, 1), 0), "nowhere or back"),
        (spoilt("right", (0, 0, 0), 5_000), "nowhere or back"),
        (spoilt("value", (0, 3, 2), np.nan), "not finite"),
        (spoilt("threshold", (0, 3, 0), np.nan), "not finite"),
        (lambda arrays: arrays.update(base=np.zeros(3, np.float32)), "bases of shape"),
        (lambda arrays: arrays.update(value=arrays["value"][:, :, :-1]), "different shapes"),
        (lambda arrays: arrays.update(left=arrays["left"].astype(np.float32)), "no whole numbers"),
    ],
)
def test_damaged_arrays_are_refused(spoil: Callable[[dict[str, np.ndarray]], None], message: str) -> None:
    arrays = Trees.of([grown(0, trees=4)[0]]).to_arrays()
    spoil(arrays)
    with pytest.raises(ValueError, match=message):
        Trees.from_arrays(arrays, inputs=5)
