from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file
from tests.train.conftest import crystals, table_of

from wyckforge.data.labels import LabelColumn
from wyckforge.data.split import Split
from wyckforge.data.table import GeneTable
from wyckforge.errors import CheckpointError, ConfigError, TableError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.config import TrainConfig
from wyckforge.train.data import TrainingData
from wyckforge.train.run import train
from wyckforge.train.start import train_from_file

SCRIPT = """
import json, sys
from wyckforge.train.config import TrainConfig
from wyckforge.train.run import train
train(TrainConfig.from_dict(json.loads(sys.argv[1])))
"""


def weights(run) -> dict:
    return load_file(run / "state.safetensors")


def assert_equal_states(one, other) -> None:
    first, second = weights(one), weights(other)
    assert set(first) == set(second)
    different = [name for name in first if not first[name].equal(second[name])]
    assert not different


def test_a_run_leaves_everything_needed_to_judge_it(finished):
    assert {path.name for path in finished.iterdir()} == {
        "state.safetensors", "metrics.jsonl", "config.json", "split.json", "checkpoint",
    }  # fmt: skip
    records = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [(r["step"], r["epoch"]) for r in records] == [
        ("pretrain", 1), ("pretrain", 2), ("finetune", 1), ("finetune", 2),
    ]  # fmt: skip
    assert all(np.isfinite(list(record["validation"].values())).all() for record in records)
    assert TrainConfig.from_dict(json.loads((finished / "config.json").read_text())).name == "tiny"


def test_the_same_seed_gives_bitwise_the_same_weights(finished, settings_of, tmp_path):
    train(TrainConfig.from_dict(settings_of(tmp_path / "again")))
    assert_equal_states(finished, tmp_path / "again")


@pytest.mark.parametrize("killed_in", ["pretrain", "finetune"])
def test_a_killed_run_goes_on_to_bitwise_the_same_weights(finished, settings_of, tmp_path, killed_in):
    settings = settings_of(tmp_path / "run")
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, json.dumps(settings)], stderr=subprocess.DEVNULL)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not (metrics.exists() and f'"{killed_in}"' in metrics.read_text()):
        time.sleep(0.005)
    process.kill()
    assert process.wait() != 0
    assert len(metrics.read_text().splitlines()) < 4
    train(TrainConfig.from_dict(settings), resume=True)
    assert_equal_states(finished, tmp_path / "run")
    without_times = [
        [{**json.loads(line), "seconds": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (finished, tmp_path / "run")
    ]
    assert without_times[0] == without_times[1]


def test_a_second_run_does_not_overwrite_the_first(finished, settings_of):
    with pytest.raises(ConfigError, match="holds a run already"):
        train(TrainConfig.from_dict(settings_of(finished)))


def test_resuming_with_other_settings_is_refused(finished, settings_of):
    with pytest.raises(ConfigError, match="seed = 3, the configuration says 4"):
        train(TrainConfig.from_dict(settings_of(finished, seed=4)), resume=True)


@pytest.mark.parametrize("change", ["a label", "a crystal"])
def test_resuming_on_a_changed_table_is_refused(settings_of, tmp_path, change):
    path, genes = tmp_path / "table.parquet", crystals(36)
    settings = settings_of(tmp_path / "run", table=str(path))
    table = table_of(genes)
    table.write(path)
    train(TrainConfig.from_dict(settings))
    before = weights(tmp_path / "run")
    if change == "a label":
        table.labels["band_gap"].values[0] += 0.1
        table.write(path)
    else:
        table_of(genes[:-1]).write(path)
    with pytest.raises(ConfigError, match=r"the table has changed.*another folder"):
        train(TrainConfig.from_dict(settings), resume=True)
    after = weights(tmp_path / "run")
    assert all(before[name].equal(after[name]) for name in before)


def test_a_damaged_state_is_refused(settings_of, tmp_path):
    (tmp_path / "state.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(CheckpointError, match="not the state of a run"):
        train(TrainConfig.from_dict(settings_of(tmp_path)), resume=True)


def test_a_file_is_a_configuration_and_the_folder_can_be_chosen(table_path, tmp_path):
    path = tmp_path / "one_step.toml"
    path.write_text(
        f'name = "one"\ntable = "{table_path}"\nout = "{tmp_path / "never"}"\naugmentation = "none"\n'
        '[pretrain]\ntargets = ["band_gap"]\nepochs = 1\nbatch_size = 16\n'
    )
    folder = train_from_file(path, out=tmp_path / "chosen")
    assert folder == tmp_path / "chosen" / "checkpoint"
    assert not (tmp_path / "never").exists()


def test_scalers_know_the_training_part_only(settings_of, tmp_path):
    config = TrainConfig.from_dict(settings_of(tmp_path))
    data = TrainingData.prepare(config)
    for name in config.targets:
        values = data.table.label(name)[data.split.train]
        assert data.scaler.ranges[name] == (values.min(), values.max())


def test_the_split_is_saved_and_keeps_formulas_together(finished, table_path):
    split, table = Split.read(finished / "split.json"), GeneTable.read(table_path)
    parts = [{table.formulas[row] for row in getattr(split, part)} for part in ("train", "val", "test")]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_crystals_with_too_many_elements_are_left_out(settings_of, tmp_path):
    genes = [*crystals(30), WyckoffGene.parse("221|O:c|Ti:b|Sr:a|F:d")]
    table_of(genes).write(tmp_path / "table.parquet")
    data = TrainingData.prepare(TrainConfig.from_dict(settings_of(tmp_path, table=str(tmp_path / "table.parquet"))))
    assert (len(data.table), data.left_out) == (len(genes) - 1, 1)
    assert 9 not in data.representation.elements or any(9 in gene.elements for gene in genes[:-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pretrain": {"targets": ["hardness"]}}, "no label 'hardness'"),
        ({"table": "absent.parquet"}, "absent.parquet"),
        ({"max_elements": 2}, "0 crystals of at most 2 elements"),
        (
            {"finetune": {"targets": ["band_gap"], "rows_above": {"band_gap": 99.0}}, "pretrain": None},
            "no crystal has labels",
        ),
    ],
)
def test_tables_that_cannot_be_trained_on_are_refused(settings_of, tmp_path, changes, message):
    if changes.get("pretrain", 0) is None:
        changes = {**changes, "pretrain": {**changes["finetune"]}}
    with pytest.raises(TableError, match=message):
        train(TrainConfig.from_dict(settings_of(tmp_path / "run", **changes)))


def test_a_target_without_a_label_in_the_validation_part_is_refused(settings_of, tmp_path):
    path = tmp_path / "table.parquet"
    table = table_of(crystals(36))
    table.write(path)
    config = TrainConfig.from_dict(settings_of(tmp_path / "run", table=str(path), finetune=None))
    config = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"targets": ("band_gap",)})})
    validation = TrainingData.prepare(config).split.val
    gap, sources = table.label("band_gap").copy(), table.column("band_gap").sources.copy()
    gap[validation], sources[validation] = np.nan, ""
    replace(table, labels={"band_gap": LabelColumn(gap, "eV", sources)}).write(path)
    with pytest.raises(TableError, match=rf"none of the {len(validation)} validation crystals .* label band_gap"):
        train(config)
