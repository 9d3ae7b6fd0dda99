from __future__ import annotations

import math

import numpy as np
import pytest

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError
from wyckforge.models.distribution import Distribution
from wyckforge.train.calibration import LEVEL, Calibration, Votes, needed_level

ENERGY = PropertyScale("formation_energy", -1.5, 0.8)
GAP = PropertyScale("band_gap", 0.0, 1.7, zero_inflated=True, non_negative=True)
CONDUCTIVITY = PropertyScale("thermal_conductivity", 1.0, 0.7, logarithmic=True, non_negative=True)


def told(scale: PropertyScale, n: int, seed: int, *, wrong: float = 2.5, members: int = 3) -> tuple[Votes, np.ndarray]:
    """Votes that say the errors are ``wrong`` times smaller than they are, and labels in physical units."""
    rng = np.random.default_rng(seed)
    location = np.tile(rng.normal(0.5, 0.5, n), (members, 1)) + rng.normal(0, 0.02, (members, n))
    log_scale = np.tile(rng.uniform(-2.5, -1.0, n), (members, 1))
    odds = np.tile(rng.normal(0, 3, n), (members, 1))
    scaled = location.mean(0) + wrong * rng.laplace(0, np.exp(log_scale[0]))
    labels = np.exp(scale.inverse(scaled)) if scale.logarithmic else scale.inverse(scaled)
    if scale.zero_inflated:
        zero = rng.random(n) < 1 / (1 + np.exp(-odds[0] / 2))
        labels = np.where(zero, 0.0, np.maximum(labels, 1e-3))
    return Votes(location, log_scale, odds), labels


@pytest.mark.parametrize("scale", [ENERGY, GAP, CONDUCTIVITY], ids=lambda scale: scale.name)
@pytest.mark.parametrize("wrong", [0.4, 2.5])
def test_intervals_hold_nine_tenths_of_labels_not_calibrated_on(scale, wrong):
    votes, labels = told(scale, 3000, 0, wrong=wrong)
    calibration = Calibration.fit(votes, scale, labels)
    votes, labels = told(scale, 6000, 1, wrong=wrong)
    low, high = calibration.interval(calibration.distribution(votes, scale))
    # standard errors: 0.4 points of the test labels, 0.55 of those calibrated on
    assert np.mean((low <= labels) & (labels <= high)) == pytest.approx(LEVEL, abs=0.02)
    assert (low <= high).all()


def test_what_is_likely_zero_but_not_sure_has_room_to_be_something():
    votes, labels = told(GAP, 5000, 0)
    calibration = Calibration.fit(votes, GAP, labels)
    votes, labels = told(GAP, 8000, 1)
    found = calibration.distribution(votes, GAP)
    low, high = calibration.interval(found)
    sure, unsure = found.zero > 0.9, (found.zero > 0.5) & (found.zero <= 0.9)
    assert (high[sure] == 0).all()
    assert (high[unsure] > 0).mean() > 0.9
    inside = (low <= labels) & (labels <= high)
    assert inside[unsure].mean() == pytest.approx(LEVEL, abs=0.02)
    assert inside[sure].mean() >= LEVEL


def test_the_spread_is_by_how_much_the_networks_err_more_than_they_say():
    votes, labels = told(ENERGY, 20_000, 0, wrong=2.5)
    assert Calibration.fit(votes, ENERGY, labels).spread == pytest.approx(2.5, rel=0.03)


def test_the_temperature_is_that_of_the_odds():
    votes, labels = told(GAP, 20_000, 0)  # zeros come with half of the log-odds
    found = Calibration.fit(votes, GAP, labels)
    assert found.temperature == pytest.approx(2, rel=0.1)
    chance = found.distribution(votes, GAP).zero
    for low in (0.1, 0.4, 0.7):
        these = (chance > low) & (chance < low + 0.2)
        assert (labels[these] == 0).mean() == pytest.approx(chance[these].mean(), abs=0.04)


def test_missing_labels_change_nothing():
    votes, labels = told(GAP, 500, 0)
    gaps = np.where(np.arange(500) < 300, labels, math.nan)
    part = Votes(*(each[:, :300] for each in votes))
    assert Calibration.fit(votes, GAP, gaps) == Calibration.fit(part, GAP, labels[:300])


@pytest.mark.parametrize("n", [0, 5])
def test_too_few_labels_leave_it_as_it_is(n):
    votes, labels = told(ENERGY, n, 0)
    assert Calibration.fit(votes, ENERGY, labels) == Calibration()


def test_disagreement_widens_the_distribution_unless_its_worth_is_unknown():
    votes = Votes(np.array([[0.0], [1.0]]), np.full((2, 1), -2.0), np.zeros((2, 1)))
    own = math.exp(-2) * ENERGY.deviation
    assert Calibration(disagreement=0).distribution(votes, ENERGY).scale == pytest.approx([own])
    wide = math.sqrt(math.exp(-4) + 0.25) * ENERGY.deviation
    assert Calibration().distribution(votes, ENERGY).scale == pytest.approx([wide])


def test_the_needed_level_is_the_least_whose_interval_holds_the_label():
    rng = np.random.default_rng(0)
    n = 300
    chances = np.where(rng.random(n) < 0.5, rng.random(n), 0.0)
    found = Distribution(rng.normal(1, 1, n), rng.uniform(0.4, 1, n), chances, non_negative=True)
    labels = np.where(rng.random(n) < 0.3, 0.0, rng.uniform(0.01, 4, n))
    needed = needed_level(found, labels)
    for row, level in enumerate(needed):
        one = Distribution(found.location[[row]], found.scale[[row]], found.zero[[row]], non_negative=True)
        low, high = one.interval(min(level + 1e-9, 1 - 1e-12))
        assert low[0] - 1e-6 <= labels[row] <= high[0] + 1e-6
        if level > 1e-3:
            low, high = one.interval(level - 1e-4)
            assert not low[0] + 1e-9 <= labels[row] <= high[0] - 1e-9 or labels[row] == 0


def test_it_comes_back_from_its_dictionary():
    found = Calibration(1.5, 0.8, 0.93, 0.4, 0.0, 0.95)
    assert Calibration.from_dict(found.to_dict()) == found
    early = {name: value for name, value in found.to_dict().items() if name != "level_unsure"}
    assert Calibration.from_dict(early).level_unsure == found.level_zero
    with pytest.raises(CheckpointError, match=r"no calibration.*fetch"):
        Calibration.from_dict({"heat": 1.0})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spread", 0),
        ("spread", 1e300),
        ("spread", math.nan),
        ("temperature", -1),
        ("disagreement", -0.1),
        ("disagreement", math.inf),
        ("level", -5),
        ("level", 1),
        ("level_unsure", 1.5),
        ("level_zero", math.nan),
    ],
)
def test_a_number_out_of_range_is_refused(name, value):
    with pytest.raises(CheckpointError, match=f"no calibration.*{name} is .*allowed are numbers from"):
        Calibration.from_dict({**Calibration().to_dict(), name: value})


def test_sure_zeros_may_need_no_room():
    assert Calibration.from_dict({**Calibration().to_dict(), "level_zero": 0.0}).level_zero == 0


def test_labels_that_a_logarithm_cannot_hold_tell_nothing():
    votes, labels = told(CONDUCTIVITY, 200, 3)
    with_wrong = Votes(*(np.concatenate([part, part[:, :2]], 1) for part in votes))
    found = Calibration.fit(with_wrong, CONDUCTIVITY, np.concatenate([labels, [0.0, -1.0]]))
    assert found == Calibration.fit(votes, CONDUCTIVITY, labels)
