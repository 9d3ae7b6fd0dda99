from __future__ import annotations

import numpy as np
from tests.evaluate.conftest import KNOWN
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.evaluate.predictions import Prediction, predict, table

ORBIT = tiny_orbit_checkpoint()


def test_a_model_that_says_how_sure_it_is_gives_intervals_around_its_values():
    found = predict(ORBIT, CRYSTALS)
    plain, distributions = ORBIT.predict(CRYSTALS), ORBIT.distributions(CRYSTALS)
    for name, prediction in found.items():
        assert np.array_equal(prediction.value, plain[name])
        assert (prediction.low <= prediction.value).all()
        assert (prediction.value <= prediction.high).all()
    assert found["formation_energy"].zero is None
    assert np.array_equal(found["band_gap"].zero, distributions["band_gap"].zero)
    assert list(table(found)) == [
        "formation_energy", "formation_energy_low", "formation_energy_high",
        "band_gap", "band_gap_low", "band_gap_high", "band_gap_metal_probability",
    ]  # fmt: skip


def test_a_model_that_does_not_gives_values_alone(checkpoint):
    found = predict(checkpoint, KNOWN)
    assert list(table(found)) == ["formation_energy", "band_gap"]
    assert np.array_equal(found["band_gap"].value, checkpoint.predict(KNOWN)["band_gap"])


def test_rows_are_those_chosen():
    values = np.arange(3.0)
    some = Prediction(values, values - 1, values + 1, values / 3).rows(np.array([True, False, True]))
    assert some.columns("x")["x_low"].tolist() == [-1, 1]
    assert some.columns("x")["x_zero_probability"].tolist() == [0, 2 / 3]
    assert Prediction(values).rows(values > 0).columns("x") == {}


def test_no_genes_give_empty_columns(checkpoint):
    for model in (ORBIT, checkpoint):
        assert all(values.shape == (0,) for values in table(predict(model, [])).values())
