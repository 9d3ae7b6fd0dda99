from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVR

from wyckforge.train.forward.kernel import _COST, _RATE, _TUBE, Kernel


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6)).astype(np.float32)
    labels = np.column_stack([np.sin(x[:, 0]) + x[:, 1], x[:, 2] ** 2])
    labels[::3, 1] = np.nan
    return x, labels


def test_it_says_what_scikit_learn_says(rows: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = rows
    new = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    said = Kernel.fit(x, labels)(new)
    for column, values in enumerate(labels.T):
        known = np.isfinite(values)
        theirs = SVR(C=_COST, epsilon=_TUBE, gamma=_RATE / 6).fit(x[known], values[known]).predict(new)
        np.testing.assert_allclose(said[:, column], theirs, atol=1e-6)


def test_arrays_bring_it_back(rows: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = rows
    kernel = Kernel.fit(x, labels)
    again = Kernel.from_arrays(kernel.to_arrays(), inputs=6, outputs=2)
    np.testing.assert_allclose(again(x), kernel(x), atol=1e-5)
    with pytest.raises(ValueError, match="a kernel of shapes"):
        Kernel.from_arrays(kernel.to_arrays(), inputs=5, outputs=2)
    broken = kernel.to_arrays()
    broken["offset"][0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        Kernel.from_arrays(broken, inputs=6, outputs=2)


def test_without_labels_it_has_no_opinion(rows: tuple[np.ndarray, np.ndarray]) -> None:
    x, labels = rows
    labels[:, 1] = np.nan
    assert (Kernel.fit(x, labels)(x)[:, 1] == 0).all()
    assert Kernel.fit(x, labels)(x[:0]).shape == (0, 2)
