from __future__ import annotations

import json
from pathlib import Path

import pytest

import table1
from aflow import GROUPS, Aflow
from table1 import Run, score_all
from table1_page import COLUMNS, MODELS, OURS, PUBLISHED, page_of
from wyckforge.errors import MissingDependencyError

SIZES = {group: {"train": 3433, "val": 735, "test": 736} for group in GROUPS}
SECONDS = {"first": 2900.0, "workers": 2.0, "again": 8.2}


def scores_of(model: str, seed: int, factor: float) -> dict:
    """Errors of ``factor`` times ten, or ten millionths."""
    found = {}
    for group, names in GROUPS.items():
        properties = {}
        for name in names:
            mae = factor * 10 / COLUMNS[name][1]
            properties[name] = {"mae": mae, "interval": [0.9 * mae, 1.1 * mae], "n": 736, "val": mae, "coverage": 0.9}
        found[model, group, seed] = {"seconds": 60.0, "properties": properties}
    return found


def test_the_page_has_every_row_beside_the_published_one() -> None:
    scores = {}
    for model in MODELS:
        for seed in (0, 1):
            scores |= scores_of(model, seed, 1 + seed / 10)
    page = page_of(scores, SIZES, SECONDS)
    assert "Not trained for this page" not in page
    some = {run: one for run, one in scores.items() if run[0] != "roost"}
    assert "Not trained for this page: Roost." in page_of(some, SIZES, SECONDS)
    for label, figures in PUBLISHED.values():
        assert f"| {label} | 10.50 ± 0.71 |" in page
        assert f"| *{label}, paper* | *{figures[0]:g}* |" in page
    for label in OURS.values():
        assert f"| **{label}** | **10.50 ± 0.71** |" in page
    assert "| *best of the paper* | *8.69* | *9.08* | *33.5* | *2.03* | *3.85* |" in page
    assert "| Roost | +19 | +5 | -72 | +289 | +165 |" in page
    assert "48 minutes" in page
    assert "8.2 seconds" in page


def test_a_page_of_some_models_has_no_holes() -> None:
    page = page_of(scores_of("structures", 0, 1.0), SIZES, SECONDS)
    assert "| **ours, structure** | **10.00** |" in page
    assert "| Roost" not in page
    assert "Roost, CrabNet, ElemNet, FTCP" in page.split("Not trained for this page: ")[1]


def test_published_figures_are_those_of_the_paper() -> None:
    table = {
        "ElemNet": "12.1 13.3 45.7 3.32 5.42",
        "WyCryst+": "14.7 12.2 47.8 2.38 6.71",
        "FTCP": "12.4 10.8 41.8 2.03 6.02",
    }
    printed = {label: " ".join(f"{value:g}" for value in figures) for label, figures in PUBLISHED.values()}
    assert table.items() <= printed.items()
    assert len(PUBLISHED) == 8


def test_what_is_scored_is_not_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [Run("roost", group, 3) for group in GROUPS]
    for run in runs:
        run.path(tmp_path).write_text(json.dumps(scores_of("roost", 3, 1.0)["roost", run.group, 3]))
    monkeypatch.setattr(table1, "score", lambda *_: pytest.fail("scored again"))
    found = score_all(runs, Path("nowhere.parquet"), tmp_path, workers=1)
    assert set(found) == set(runs)


def test_without_the_shared_structures_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="give the shared AFLOW structures"):
        Aflow.read(tmp_path / "absent.parquet")
