from __future__ import annotations

import augmentation
from table2_page import METRICS, Score


def test_plain_and_augmented_make_one_and_three_times_the_updates():
    found = [run.model for run in augmentation.runs_of([4])]
    assert found == ["target-plain", "target-orbit", "target-plain-x3", "target-orbit-x3"]
    assert {run.seed for run in augmentation.runs_of([4])} == {4}
    assert [run.times for run in augmentation.runs_of([4])] == [1, 1, 3, 3]


def test_the_page_compares_at_equal_updates_and_tells_updates_apart():
    scores = [
        Score(run.model, run.seed, "target", {metric.key: 0.1 * rank for metric in METRICS}, (40.0, 250.0))
        for rank, run in enumerate(augmentation.runs_of([0]), 1)
    ]
    page = augmentation.page_of(scores, [0], 2070, 566)
    expected = {"at equal updates": 0.1, "at 3 × updates": 0.1, "updates alone": 0.2, "as published": 0.3}
    for what, more in expected.items():
        line = next(line for line in page.splitlines() if what in line and line.startswith("|"))
        assert f"~~+{more:.3f}~~ |" in line
    assert page.count("| WyCryst+, 3 × updates |") == 2
