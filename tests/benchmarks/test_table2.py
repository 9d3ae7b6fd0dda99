from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.train.conftest import crystals, table_of

import table2
from wyckforge.data.split import Split, split_table
from wyckforge.data.vintages import VINTAGES
from wyckforge.errors import ConfigError, MissingDependencyError
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.config import TrainConfig

ROWS = {"source": 17_600, "target": 5_400}


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> tuple[table2.Ground, Path]:
    """A small table in a cache, split by formula, and the cache."""
    cache = tmp_path_factory.mktemp("table2")
    table = table_of(crystals(36))
    sources = np.full(len(table), "mp_20")
    table = replace(table, labels={name: replace(c, sources=sources) for name, c in table.labels.items()})
    table.with_vintage(VINTAGES["modern"]).write(cache / "table.parquet")
    return table2.Ground.prepare(cache / "absent", cache), cache


def test_what_a_run_starts_from_comes_before_it():
    runs = table2.runs_of([0, 4])
    assert len({run.name for run in runs}) == len(runs) == 12
    for place, run in enumerate(runs):
        if run.kind == "transfer":
            assert table2.Run("source", run.orbit, run.seed) in runs[:place]


def test_experiments_start_from_what_the_table_trains_and_have_names_of_their_own():
    runs, experiments = table2.runs_of([0, 4]), table2.experiments_of([0, 4])
    assert not {run.name for run in runs} & {run.name for run in experiments}
    assert all(table2.Run("source", run.orbit, run.seed) in runs for run in experiments)


@given(st.integers(1, 10_000), st.integers(1, 50_000), st.integers(2, 512))
def test_epochs_come_closest_to_the_updates(updates, rows, batch):
    per_epoch = -(-rows // batch)
    epochs = table2.epochs_of(updates, rows, batch)
    assert epochs >= 1
    assert abs(epochs * per_epoch - updates) <= per_epoch / 2 or (epochs == 1 and updates < per_epoch)


@pytest.mark.parametrize("run", [*table2.runs_of([3]), *table2.experiments_of([3])], ids=lambda run: run.name)
def test_runs_differ_in_what_the_table_compares_and_in_nothing_else(run, tmp_path):
    config = table2.settings(run, tmp_path, ROWS, 2_070)
    step = config.pretrain
    assert config.seed == 3
    assert config.split.saved == tmp_path / "split.json"
    assert (config.augmentation == "orbit") == run.orbit
    assert step.targets == ((FORMATION_ENERGY,) if run.kind == "source" else (FORMATION_ENERGY, BAND_GAP))
    assert step.rows_above == ({} if run.kind == "source" else {BAND_GAP: 0.0})
    assert step.freeze == (("encoder", "batch_norm") if run.kind == "transfer" else ())
    start = tmp_path / f"source-{'orbit' if run.orbit else 'plain'}-3" / "checkpoint"
    assert config.start == (start if run.kind in ("transfer", "thawed") else None)
    batches = -(-ROWS["source" if run.kind == "source" else "target"] // step.batch_size)
    assert abs(step.epochs * batches - 2_070 * run.times) <= batches / 2
    assert config.finetune is None


def test_the_split_is_drawn_once(ground):
    found, cache = ground
    again = table2.Ground.prepare(cache / "absent", cache)
    assert found.split.test.tolist() == again.split.test.tolist()
    assert set(found.sets("test")["target"]) < set(found.sets("test")["source"])
    assert (found.table.label(BAND_GAP)[found.sets("train")["target"]] > 0).all()


def test_a_finished_run_is_not_trained_again(ground, monkeypatch):
    found, cache = ground
    kinds = ("source", "transfer")
    scores = [score for kind in kinds for score in table2.finish(table2.Run(kind, True, 1), found, cache, 2)]
    assert [(score.model, score.test) for score in scores] == [
        (f"{kind}-orbit", test) for kind in kinds for test in ("source", "target")
    ]
    assert scores[0].metrics["n"] == len(found.split.test)
    assert scores[0].metrics["band_gap_mae_semiconductors"] is None
    assert all(0 < min(score.losses) < np.inf for score in scores)
    assert scores[3].metrics["band_gap_mae_semiconductors"] > 0

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(table2, "train", never)
    assert table2.finish(table2.Run("source", True, 1), found, cache, 2) == scores[:2]
    with pytest.raises(ConfigError, match=r"a run of 2 epochs, 50 asked for; give another --cache"):
        table2.finish(table2.Run("source", True, 1), found, cache, 50)
    saved = TrainConfig.from_dict(table2.settings(table2.Run("source", True, 1), cache, ROWS, 2).to_dict()).split.saved
    assert Split.read(saved).table_hash == Split.read(cache / "source-orbit-1" / "split.json").table_hash


def test_runs_in_the_cache_need_the_word_to_go_on(tmp_path):
    (tmp_path / "target-plain-5").mkdir()
    with pytest.raises(ConfigError, match=r"target-plain-5 already; go on with --resume"):
        table2.make(tmp_path / "data.parquet", tmp_path, [5], 2, resume=False)
    with pytest.raises(MissingDependencyError, match="--data"):
        table2.make(tmp_path / "data.parquet", tmp_path, [5], 2, resume=True)


def test_a_split_of_another_table_in_the_cache_is_refused(ground, tmp_path):
    found, _ = ground
    found.table.write(tmp_path / "table.parquet")
    split_table(found.table.select(np.arange(20)), seed=7).write(tmp_path / "split.json")
    with pytest.raises(table2.WyckforgeError, match="another table"):
        table2.Ground.prepare(tmp_path / "absent", tmp_path)


def test_a_run_uses_the_labels_of_the_vintage_that_is_asked_for(tmp_path):
    rows = {"source": 1000, "target": 300}
    for vintage in table2.PAGES:
        assert table2.settings(table2.Run("source", False, 0), tmp_path, rows, 10, vintage).vintage == vintage
