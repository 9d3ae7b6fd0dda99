from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hull
from hull_page import page_of


def part(n: int, seed: int) -> pd.DataFrame:
    """Crystals of which one potential sees the DFT energy with an error of 0.05 eV/atom and the others with more."""
    rng = np.random.default_rng(seed)
    dft = np.abs(rng.laplace(0, 0.1, n)) * (rng.random(n) < 0.7)
    noise = {"chgnet": 0.08, "sevennet-0": 0.06, "sevennet-l3i5": 0.05}
    seen = {name: dft + rng.normal(0, error, n) for name, error in noise.items()}
    off = {f"formation_{name}": rng.normal(0, error, n) for name, error in noise.items()}
    origin = np.where(np.arange(n) % 3, "Materials Project", "WBM")
    return pd.DataFrame({"formula": "NaCl", "origin": origin, "formation": -1.0, "dft": dft, **seen, **off})


def test_a_crystal_is_compared_with_phases_of_other_formulas_and_its_own_kind():
    """Salt lies deep below the hull once it is taken out of the table; its polymorph lies above salt nevertheless."""
    above, formation = hull.above_hull(["NaCl", "NaCl", "KCl"], np.array([-3.667, -3.617, -3.3]), "chgnet")
    assert formation[0] < above[0] < -1
    assert above[1] == pytest.approx(0.05)
    assert formation[1] == pytest.approx(formation[0] + 0.05)


@pytest.mark.parametrize("names", hull.SETS)
def test_the_fit_is_calibrated_on_crystals_that_it_has_not_seen(names):
    fit = hull.fitted(part(4000, 0), names)
    rows = part(4000, 1)
    for limit in hull.LIMITS:
        found = hull.probability_scores(rows, names, fit, limit, np.random.default_rng(0))
        assert found["calibration"]["expected_calibration_error"] < 0.04
        assert found["brier"]["value"] < found["brier_of_the_base_rate"]
        assert found["claimed"] == pytest.approx(found["achieved"]["value"], abs=0.03)


def test_what_the_page_tells():
    rows = part(600, 2)
    fits = [hull.fitted(part(600, 3), names) for names in hull.SETS]
    found = hull.scores(rows, fits) | {"fitted_on": 600}
    one = found["hull"]["WBM"]["chgnet"]
    assert one["n"] == (rows["origin"] == "WBM").sum()
    assert one["mae"]["interval"][0] < one["mae"]["value"] < one["mae"]["interval"][1]
    page = page_of(found, hull.TOOLS)
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)
    assert sum(line.startswith("| WBM | CHGNet 0.3.0 |") for line in lines) == 1
    assert "### At most 0.1 eV/atom above the DFT hull" in page
    assert "fitted on the 600 crystals" in page
