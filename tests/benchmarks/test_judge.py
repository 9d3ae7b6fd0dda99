from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import judge
from judge_page import page_of
from wyckforge.data.embedded import load_embedded
from wyckforge.models.distribution import Distribution


def scores(mae: float) -> dict:
    """Scores of one run in which both opinions are equally wrong."""
    one = {"mae": mae, "interval": [0.9 * mae, 1.1 * mae], "n": 500, "coverage": 0.9}
    opinion = {
        **dict.fromkeys(("energy", "energy_known", "energy_hypothetical", "gap", "gap_told"), one),
        "auc": {"value": 1 - mae / 2, "interval": [0.97, 0.99], "n": 2000},
        "metals_right": 0.93,
        "gap_coverage": 0.91,
        "zero_calibration_error": 0.02,
        "window_calibration_error": 0.03,
        "window_brier": 0.08,
        "window_best": {"hits": 120, "n": 200},
    }
    overturned = {"n": 600, "wrong": 60, "overturned": 40, "rightly": 30, "interval": [0.6, 0.86]}
    return {
        "own": 22_044,
        "sizes": {"train": 40_000, "val": 2_000, "test": 2_001},
        "semiconductors": {"train": 15_000, "val": 600, "test": 601},
        "opinions": {"genes": opinion, "judge": opinion},
        "by_vintage": {
            name: {"mp_20": {"n": 1000, "semiconductors": 400, "auc": 0.97, "gap": 0.3}} for name in ("genes", "judge")
        },
        "reproduced": {"mp_20": {"n": 900, "semiconductors": 350, "auc": 0.975, "gap": 0.12}},
        "overturned": {"semiconductors": overturned, "metals": overturned},
        "seconds": 1800.0,
        "place": "cpu",
    }


def test_the_page_says_what_was_reached_on_each_split() -> None:
    page = page_of({"formula": {0: scores(0.03)}, "chemical_system": {0: scores(0.3)}})
    formula, system = page.split("## Split by chemical system")
    assert "0.030 (0.027 to 0.033) | ≤ 0.035 reached" in formula
    assert "0.985 (0.970 to 0.990) | ≥ 0.985 reached" in formula
    assert (
        "| E<sub>g</sub> of semiconductors, eV | 0.300 (0.270 to 0.330) | 0.300 (0.270 to 0.330) | ≤ 0.35 reached"
        in system
    )
    assert "≤ 0.035 **missed**" in system
    assert "≥ 0.985 **missed**" in system
    assert "| semiconductors | 600 | 60 | 40 | 30 | 75 % (60 to 86) |" in page
    assert "60.0 % of 200" in page
    said = "0.970, 0.300 eV (n = 1,000)"
    assert f"| mp_20 | 1,000 | 400 | {said} | {said} | 0.975, 0.120 eV (n = 900) |" in page
    assert "22,044 ternary crystals" in page
    assert "- E<sub>f</sub>, eV/atom, split by chemical system: 0.300 instead of 0.035" in page
    assert "split by formula:" not in page.split("## What falls short")[1]


def test_seeds_are_summed_up() -> None:
    page = page_of({"formula": {0: scores(0.03), 1: scores(0.04)}})
    assert "0.035 ± 0.007" in page
    assert "Seeds 0, 1" in page


def test_verdicts_that_the_structure_overturns_are_counted_against_labels() -> None:
    gap = np.array([0, 0, 1, 1, 0, 2, np.nan])
    told_metal = np.array([0, 0, 0, 0, 1, 1, 0], bool)
    seen_metal = np.array([1, 0, 1, 0, 1, 0, 1], bool)
    found = judge._overturned(gap, told_metal, seen_metal)
    semiconductors = {key: found["semiconductors"][key] for key in ("n", "wrong", "overturned", "rightly")}
    assert semiconductors == {"n": 4, "wrong": 2, "overturned": 2, "rightly": 1}
    metals = {key: found["metals"][key] for key in ("n", "wrong", "overturned", "rightly")}
    assert metals == {"n": 2, "wrong": 1, "overturned": 1, "rightly": 1}


def test_another_calculation_agrees_with_the_embedded_labels_as_far_as_they_are_the_same() -> None:
    table = load_embedded()
    gap = table.column("band_gap")
    moved = replace(gap, values=np.where(gap.values > 0, gap.values + 0.1, 0.0))
    found = judge.reproduced(replace(table, labels={**table.labels, "band_gap": moved}))
    (one,) = found.values()
    assert one["auc"] == 1
    assert one["gap"] == pytest.approx(0.1)
    assert one["n"] == len(table)


def test_a_perfect_opinion_on_gaps_is_perfect() -> None:
    rng = np.random.default_rng(0)
    gap = np.where(rng.random(200) < 0.5, 0.0, rng.uniform(0.1, 4, 200))
    gap[::20] = np.nan
    known = np.nan_to_num(gap)
    found = Distribution(known, np.full(200, 1e-3), (known == 0).astype(float), non_negative=True)
    said = judge.Prediction(found.value(), known - 0.01, known + 0.01, found.zero)
    scored = judge._gap_scores(gap, found, said, rng)
    assert scored["auc"]["value"] == 1
    assert scored["metals_right"] == 1
    assert scored["gap"]["mae"] == pytest.approx(0)
    assert scored["gap"]["n"] == (gap > 0).sum()
    assert scored["window_brier"] == pytest.approx(0, abs=1e-3)
    assert scored["window_best"]["hits"] == scored["window_best"]["n"] == ((gap >= 0.5) & (gap <= 2)).sum()
