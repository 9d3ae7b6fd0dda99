from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aflow import GROUPS, Aflow
from table1 import Run, score_all, variants
from table1_page import CHANGES, COLUMNS, MODELS, OURS, PUBLISHED, page_of
from table1_variants import RUNS, Variant, changed, squared
from wyckforge.data import property_scale
from wyckforge.errors import MissingDependencyError
from wyckforge.models.forward import composition, wycryst
from wyckforge.models.orbitvae.predictor import Heads
from wyckforge.train.forward import loop, network

SIZES = {group: {"train": 3433, "val": 735, "test": 736} for group in GROUPS}
SECONDS = {"first": 2900.0, "workers": 2.0, "again": 8.2}


def scores_of(model: str, seed: int, factor: float, place: str = "cpu") -> dict:
    """Errors of ``factor`` times ten, or ten millionths."""
    found = {}
    for group, names in GROUPS.items():
        properties = {}
        for name in names:
            mae = factor * 10 / COLUMNS[name][1]
            properties[name] = {"mae": mae, "interval": [0.9 * mae, 1.1 * mae], "n": 736, "val": mae, "coverage": 0.9}
        found[model, group, seed] = {"seconds": 60.0, "place": place, "properties": properties}
    return found


def test_the_page_has_every_row_beside_the_published_one() -> None:
    scores = {}
    for model in MODELS:
        for seed in (0, 1):
            scores |= scores_of(model, seed, 1 + seed / 10)
    page = page_of(scores, {}, SIZES, SECONDS)
    assert "Not trained for this page" not in page
    some = {run: one for run, one in scores.items() if run[0] != "roost"}
    assert "Not trained for this page: Roost." in page_of(some, {}, SIZES, SECONDS)
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
    page = page_of(scores_of("structures", 0, 1.0), {}, SIZES, SECONDS)
    assert "| **ours, structure** | **10.00** |" in page
    assert "| Roost" not in page
    assert "Roost, CrabNet, ElemNet, FTCP" in page.split("Not trained for this page: ")[1]


def test_the_page_tells_processors_from_gpus() -> None:
    scores = scores_of("roost", 0, 1.0) | scores_of("roost", 1, 1.0, "cuda") | scores_of("crabnet", 0, 1.0, "cuda")
    words = " ".join(page_of(scores, {}, SIZES, SECONDS).split("## Time")[1].split())
    # two groups of a minute each; the seed on the GPU counts as if it took as long
    assert "both groups: Roost 2. So the 2 seeds take 0 hours of one processor, without CrabNet;" in words
    assert "Some or all seeds of Roost, CrabNet learned on a GPU" in words
    assert "learned on a GPU" not in page_of(scores_of("roost", 0, 1.0), {}, SIZES, SECONDS)


def test_variants_stand_behind_what_they_change() -> None:
    scores = scores_of("wycryst", 0, 1.0) | scores_of("wycryst", 1, 9.0)
    variants = {
        ("wycryst", "mechanical", "squared+linear"): scores_of("wycryst", 0, 2.0)["wycryst", "mechanical", 0],
        ("wycryst", "thermal", "thermal_expansion"): scores_of("wycryst", 0, 3.0)["wycryst", "thermal", 0],
    }
    page = page_of(scores, variants, SIZES, SECONDS)
    assert "| WyCryst, as above | 10.00 | 10.00 | 10.0 | 10.00 | 10.00 |" in page
    assert "| WyCryst, squared errors, no logarithms | 20.00 | 20.00 | 20.0 | – | – |" in page
    assert "| WyCryst, one property alone | – | – | – | 30.00 | 30.00 |" in page
    assert "What would explain" not in page_of(scores, {}, SIZES, SECONDS)


def test_variants_are_found_by_the_names_of_their_files(tmp_path: Path) -> None:
    run = Variant("wycryst-l+", "thermal", 0, "squared+last")
    (tmp_path / "variants").mkdir()
    run.path(tmp_path / "variants").write_text("{}")
    assert variants(tmp_path) == {("wycryst-l+", "thermal", "squared+last"): {}}


def test_every_change_has_its_words() -> None:
    assert {change for run in RUNS for change in run.changes.split("+")} <= set(CHANGES)


def what_changes() -> list[object]:
    from_loop = [loop._MEMORY, loop.predictor_loss, network.learn, property_scale._LONG_TAIL]
    from_models = [composition._ElemNet._DROPPED, composition.ElementVectors, wycryst.PUBLISHED_BATCH]
    return [*from_loop, *from_models, Aflow.task]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_changes_hold_for_the_time_of_a_training_only(run: Variant) -> None:
    before = what_changes()
    with changed(run.changes):
        assert sum(a != b for a, b in zip(before, what_changes(), strict=True)) == len(run.changes.split("+"))
    assert what_changes() == before


def test_a_squared_error_leaves_out_what_is_not_known() -> None:
    heads = Heads(torch.tensor([[1.0, 5.0], [3.0, 2.0]]), torch.zeros(2, 2), torch.zeros(2, 2))
    labels = torch.tensor([[0.0, float("nan")], [1.0, 2.0]])
    assert squared(heads, labels, torch.zeros(2), torch.ones(2)).item() == pytest.approx((1 + 4) / 2)


def test_published_figures_are_those_of_the_paper() -> None:
    table = {
        "ElemNet": "12.1 13.3 45.7 3.32 5.42",
        "WyCryst+": "14.7 12.2 47.8 2.38 6.71",
        "FTCP": "12.4 10.8 41.8 2.03 6.02",
    }
    printed = {label: " ".join(f"{value:g}" for value in figures) for label, figures in PUBLISHED.values()}
    assert table.items() <= printed.items()
    assert len(PUBLISHED) == 8


def test_what_is_scored_is_not_scored_again(tmp_path: Path) -> None:
    runs = [Run("roost", group, 3) for group in GROUPS]
    for run in runs:
        run.path(tmp_path).write_text(json.dumps(scores_of("roost", 3, 1.0)["roost", run.group, 3]))
    found = score_all(runs, Path("nowhere.parquet"), tmp_path, 1, lambda *_: pytest.fail("scored again"))
    assert set(found) == set(runs)


def test_without_the_shared_structures_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="give the shared AFLOW structures"):
        Aflow.read(tmp_path / "absent.parquet")
