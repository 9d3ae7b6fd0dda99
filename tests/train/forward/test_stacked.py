from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.regressor import Regressor
from wyckforge.train.forward.stacked import _perceptrons, _shares, mixed

RNG = np.random.default_rng(0)
NO_ZEROS = np.zeros(1, bool)


def voices(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heads of gene networks and perceptrons (3, n, 1), and a regression (n, 1), that have nothing in common."""
    return RNG.normal(size=(3, n, 1)), RNG.normal(size=(3, n, 1)), RNG.normal(size=(n, 1))


def test_shares_are_found_where_labels_are_a_mixture() -> None:
    said, perceived, regressed = voices()
    labels = 0.2 * said[0] + 0.5 * perceived[0] + 0.3 * regressed
    np.testing.assert_allclose(_shares(labels, NO_ZEROS, said, perceived, regressed), [[0.2, 0.5, 0.3]])


def test_a_silent_voice_has_no_share() -> None:
    said, perceived, _ = voices()
    shares = _shares(0.6 * said[0] + 0.4 * perceived[0], NO_ZEROS, said, perceived, None)
    np.testing.assert_allclose(shares, [[0.6, 0.4, 0.0]])


def test_exact_zeros_do_not_count() -> None:
    said, perceived, regressed = voices()
    labels = np.where(RNG.random((200, 1)) < 0.5, 0.0, perceived[0])
    np.testing.assert_allclose(_shares(labels, ~NO_ZEROS, said, perceived, regressed), [[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(_shares(0 * labels, ~NO_ZEROS, said, perceived, regressed), [[0.0, 1.0, 0.0]])


def test_a_mixture_is_silent_where_the_potential_is() -> None:
    said, perceived, regressed = voices(5)
    perceived[:, 3] = np.nan
    (votes,) = mixed(np.array([[0.5, 0.25, 0.25]]), said, perceived, regressed)
    np.testing.assert_allclose(votes.location[0, :3], (0.5 * said[0] + 0.25 * perceived[0] + 0.25 * regressed)[:3, 0])
    assert np.isnan(votes.location[0, 3])


def test_perceptrons_judge_rows_that_they_have_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Regressor, "pace", Pace(epochs=3, learning_rate=1e-2, batch_size=16))
    x = RNG.normal(size=(60, 4)).astype(np.float32)
    fold = np.arange(60) % 5
    labels = x[:, :1].astype(float)
    task = SimpleNamespace(seed=0, shown=False)
    _, perceived = _perceptrons(x, labels, NO_ZEROS, fold, task)
    labels[fold == 2] += 5.0
    networks, again = _perceptrons(x, labels, NO_ZEROS, fold, task)
    assert len(networks) == 5
    np.testing.assert_array_equal(again[:, fold == 2], perceived[:, fold == 2])
    assert not np.allclose(again[:, fold != 2], perceived[:, fold != 2])
