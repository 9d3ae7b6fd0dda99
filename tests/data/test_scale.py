from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler as Reference

from wyckforge.data.scale import MinMaxScaler
from wyckforge.errors import TableError

values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).map(np.array).filter(lambda x: np.ptp(x) > 1e-3)


@given(values, values)
def test_agrees_with_scikit_learn_on_training_and_unseen_values(train, unseen):
    ours = MinMaxScaler.fit({"band_gap": train})
    theirs = Reference().fit(train[:, None])
    for given_values in (train, unseen):
        scaled = ours.transform("band_gap", given_values)
        np.testing.assert_allclose(scaled, theirs.transform(given_values[:, None])[:, 0], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ours.inverse("band_gap", scaled), given_values, atol=1e-6)
    assert ours.transform("band_gap", train).min() == 0
    assert ours.transform("band_gap", train).max() == 1


def test_missing_labels_are_ignored_and_stay_missing():
    scaler = MinMaxScaler.fit({"band_gap": np.array([np.nan, 1.0, 3.0])})
    assert scaler.ranges == {"band_gap": (1.0, 3.0)}
    np.testing.assert_array_equal(scaler.transform("band_gap", np.array([np.nan, 2.0])), [np.nan, 0.5])


def test_json_form_round_trips():
    scaler = MinMaxScaler({"band_gap": (0.0, 9.5), "formation_energy": (-4.25, 1 / 3)})
    assert MinMaxScaler.from_dict(json.loads(json.dumps(scaler.to_dict()))) == scaler


@pytest.mark.parametrize("labels", [[], [np.nan], [2.0, 2.0]])
def test_labels_without_a_range_are_refused(labels):
    with pytest.raises(TableError, match="two different values"):
        MinMaxScaler.fit({"band_gap": np.array(labels)})


@pytest.mark.parametrize("data", [{"band_gap": [1.0]}, {"band_gap": [0.0, float("inf")]}, {"band_gap": ["a", "b"]}])
def test_malformed_json_form_is_refused(data):
    with pytest.raises(TableError):
        MinMaxScaler.from_dict(data)
