from __future__ import annotations

import pytest

import table2_page
from table2_page import METRICS, PUBLISHED, Score

ENERGY, GAP, ELEMENTS = METRICS[0], METRICS[1], METRICS[2]
SIZES = {part: {"source": 3_000, "target": 1_000} for part in ("train", "val", "test")}


def scores() -> list[Score]:
    """Three seeds of every model; every figure differs from seed to seed by 0.01."""
    found = []
    for seed in (2, 0, 1):
        for rank, model in enumerate(table2_page.LABELS):
            for test in ("source", "target"):
                metrics = {metric.key: 0.1 * rank + 0.01 * seed + 0.1 for metric in METRICS}
                metrics |= {f"{key}_interval": [value - 0.05, value + 0.05] for key, value in metrics.items()}
                if model.startswith("source"):
                    metrics["band_gap_mae_semiconductors"] = None
                found.append(Score(model, seed, test, metrics, (40.0 + seed, 250.0 + rank)))
    return found


def test_a_figure_is_the_mean_and_the_deviation_of_the_seeds():
    assert table2_page.summary([0.1, 0.12, 0.14], ENERGY) == "0.120 ± 0.020"
    assert table2_page.summary([0.5, 0.6], ELEMENTS) == "55.0 ± 7.1"
    assert table2_page.summary([0.5], ELEMENTS) == "50.0"
    assert table2_page.summary([None, None], GAP) == "–"


def test_values_come_by_seed_whatever_their_order():
    assert table2_page.select(scores(), "source-plain", "target", ENERGY) == pytest.approx({0: 0.1, 1: 0.11, 2: 0.12})


@pytest.mark.parametrize(
    ("pairs", "metric", "expected"),
    [
        ([(0.10, 0.12), (0.11, 0.14)], ENERGY, "**−0.025 ± 0.007**"),
        ([(0.12, 0.10), (0.14, 0.11)], ENERGY, "~~+0.025 ± 0.007~~"),
        ([(0.12, 0.10), (0.10, 0.11)], ENERGY, "+0.005 ± 0.021"),
        ([(0.9, 0.8)], ELEMENTS, "**+10.0**"),
        ([(0.8, 0.9)], ELEMENTS, "~~−10.0~~"),
        ([(0.8, 0.8)], ELEMENTS, "+0.0"),
        ([], GAP, "–"),
    ],
)
def test_a_difference_says_whether_all_seeds_agree(pairs, metric, expected):
    assert table2_page.difference(pairs, metric) == expected


def test_models_are_compared_on_the_seeds_that_both_have():
    few = [score for score in scores() if score.model != "target-orbit" or score.seed == 1]
    pairs = [("target-orbit", "target-plain", "augmentation"), ("absent", "target-plain", "nothing")]
    lines = table2_page.comparisons(few, pairs).splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("| WyCryst+ − WyCryst (multi) | augmentation | ~~+0.100~~ | ~~+0.100~~ | **+10.0** |")
    assert table2_page.comparisons(few, pairs[1:]) == ""


def test_experiments_are_told_of_only_where_they_were_run():
    without = [score for score in scores() if "x3" not in score.model and "thawed" not in score.model]
    assert "## An experiment" in table2_page.page_of(scores(), SIZES, 2_070)
    page = table2_page.page_of(without, SIZES, 2_070)
    assert "## An experiment" not in page
    assert "nothing frozen |" not in page


def test_the_page_sets_ours_beside_the_paper():
    page = table2_page.page_of(scores(), SIZES, 2_070)
    for model, published in PUBLISHED.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {table2_page.LABELS[model]} | "))
        for metric, value in zip(METRICS, published, strict=True):
            assert value is None or f"*{metric.text(value)}*" in row
    assert "| WyCryst (single) | 3,000 |" in page
    assert "| WyCryst+ | 1,000 |" in page
    assert "E<sub>f</sub> 0.450 to 0.550 eV/atom" in page
    assert "2,070" in page
    assert "| WyCryst (multi) | 41 | 251 |" in page
    assert "{{" not in page


def test_errors_are_told_by_vintage():
    found = [
        Score(
            "source-plain", seed, "source", {"formation_energy_mae_by_vintage": {"new": 0.1 + seed, "old": 0.3}}, (0, 0)
        )
        for seed in (0, 1)
    ]
    lines = table2_page.by_vintage(found).splitlines()
    assert lines[0] == "| model | new | old |"
    assert lines[2] == "| WyCryst (single) | 0.600 | 0.300 |"


def test_the_second_setting_has_a_page_of_its_own():
    page = table2_page.page_of(scores(), SIZES, 2_070, "all")
    assert "--vintage all" in page
    assert "| TL-WyCryst+ − TL-WyCryst |" in page
