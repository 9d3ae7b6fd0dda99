from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from wyckforge.evaluate.predictions import Prediction
from wyckforge.evaluate.uncertainty import uncertainty_metrics

N = 4000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def gaps(rng: np.random.Generator) -> tuple[np.ndarray, Prediction]:
    """Labels that follow from the probabilities of a model that is right about how sure it is."""
    zero, middle = rng.random(N), rng.uniform(1, 5, N)
    true = np.where(rng.random(N) < zero, 0.0, middle + rng.uniform(-1, 1, N))
    low = np.where(zero > 0.05, 0.0, middle - 0.9)
    return true, Prediction(np.where(zero > 0.5, 0.0, middle), low, middle + 0.9, zero)


def test_metals_are_told_as_scikit_learn_counts(rng):
    true, predicted = gaps(rng)
    found = uncertainty_metrics("band_gap", true, predicted, rng)
    metal, said = true == 0, predicted.zero > 0.5
    assert found["metal_precision"] == pytest.approx(precision_score(metal, said))
    assert found["metal_recall"] == pytest.approx(recall_score(metal, said))
    assert found["semiconductor_precision"] == pytest.approx(precision_score(~metal, ~said))
    assert found["semiconductor_recall"] == pytest.approx(recall_score(~metal, ~said))
    assert found["metal_calibration_error"] < 0.03
    assert found["metal_calibration_error_n"] == N


def test_overconfidence_shows_in_the_calibration(rng):
    true, predicted = gaps(rng)
    sure = Prediction(predicted.value, predicted.low, predicted.high, np.rint(predicted.zero))
    assert uncertainty_metrics("band_gap", true, sure, rng)["metal_calibration_error"] > 0.2


def test_coverage_is_the_share_of_labels_inside(rng):
    true, predicted = gaps(rng)
    found = uncertainty_metrics("band_gap", true, predicted, rng)
    inside = (predicted.low <= true) & (true <= predicted.high)
    assert found["band_gap_coverage"] == pytest.approx(inside.mean())
    assert found["band_gap_coverage_nonzero"] == pytest.approx(inside[predicted.zero <= 0.5].mean())
    assert found["band_gap_coverage_nonzero_n"] == (predicted.zero <= 0.5).sum()
    assert found["band_gap_width"] == pytest.approx((predicted.high - predicted.low).mean())
    for name in ("band_gap_coverage", "band_gap_coverage_nonzero", "band_gap_width", "metal_precision"):
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high


def test_rows_without_a_label_do_not_count(rng):
    true = np.array([1.0, np.nan, 3.0])
    predicted = Prediction(np.ones(3), np.zeros(3), np.full(3, 2.0))
    found = uncertainty_metrics("hardness", true, predicted, rng)
    assert (found["hardness_coverage"], found["hardness_coverage_n"]) == (0.5, 2)
    assert "hardness_zero_precision" not in found


def test_nothing_to_measure_is_said_so(rng):
    nothing = np.full(2, np.nan)
    found = uncertainty_metrics("band_gap", nothing, Prediction(*np.ones((4, 2))), rng)
    for name in ("band_gap_coverage", "band_gap_width", "metal_precision", "metal_recall", "metal_calibration_error"):
        assert found[name] is None
        assert found[f"{name}_reason"] == "no row has a label band_gap"
    assert uncertainty_metrics("band_gap", np.ones(2), Prediction(np.ones(2)), rng) == {}
