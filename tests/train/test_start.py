"""Runs on a saved split, from the weights of a checkpoint, and with a learning rate that falls evenly."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file
from tests.train.conftest import crystals, table_of

import wyckforge.train.run as run
from wyckforge.data.split import Split
from wyckforge.errors import CheckpointError, ConfigError, TableError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.config import TrainConfig
from wyckforge.train.data import TrainingData

BOTH = {"targets": ["formation_energy", "band_gap"], "epochs": 1, "batch_size": 16}


def states_equal(one, other) -> bool:
    first, second = load_file(one / "state.safetensors"), load_file(other / "state.safetensors")
    return set(first) == set(second) and all(first[name].equal(second[name]) for name in first)


def test_a_saved_split_is_used_whatever_the_seed(finished, settings_of, tmp_path):
    saved = {"saved": str(finished / "split.json")}
    first, second = (
        TrainingData.prepare(TrainConfig.from_dict(settings_of(tmp_path, seed=seed, split=saved))).split
        for seed in (11, 12)
    )
    for part in ("train", "val", "test"):
        expected = getattr(Split.read(finished / "split.json"), part)
        assert getattr(first, part).tolist() == getattr(second, part).tolist() == expected.tolist()


def test_seeds_on_one_split_differ_in_their_weights(finished, settings_of, tmp_path):
    for seed in (11, 12):
        changes = {"seed": seed, "split": {"saved": str(finished / "split.json")}, "pretrain": BOTH, "finetune": None}
        run.train(TrainConfig.from_dict(settings_of(tmp_path / str(seed), **changes)))
    assert not states_equal(tmp_path / "11", tmp_path / "12")
    assert (tmp_path / "11/split.json").read_text() == (tmp_path / "12/split.json").read_text()


def test_a_split_of_another_table_is_refused(finished, settings_of, tmp_path):
    table_of(crystals(36)[:-1]).write(tmp_path / "table.parquet")
    changes = {"table": str(tmp_path / "table.parquet"), "split": {"saved": str(finished / "split.json")}}
    with pytest.raises(TableError, match="another table"):
        TrainingData.prepare(TrainConfig.from_dict(settings_of(tmp_path, **changes)))


def test_a_network_begins_with_the_weights_of_a_checkpoint(settings_of, tmp_path):
    energy = {"pretrain": {"targets": ["formation_energy"], "epochs": 1, "batch_size": 16}, "finetune": None}
    source = run.train(TrainConfig.from_dict(settings_of(tmp_path / "source", **energy)))
    frozen = BOTH | {"freeze": ["encoder", "batch_norm"]}
    changes = {"seed": 9, "start": str(source), "pretrain": frozen, "finetune": None}
    tuned = Checkpoint.load(run.train(TrainConfig.from_dict(settings_of(tmp_path / "tuned", **changes))))
    before, after = Checkpoint.load(source).model.state_dict(), tuned.model.state_dict()
    assert tuned.targets == ("formation_energy", "band_gap")
    for name in before:
        assert name.startswith(("decoder", "branches")) or before[name].equal(after[name]), name
    assert not before["decoder_group.0.weight"].equal(after["decoder_group.0.weight"])
    assert (before["decoder_group.0.weight"] - after["decoder_group.0.weight"]).abs().max() < 0.01


def test_a_start_for_other_elements_or_an_absent_one_is_refused(finished, settings_of, tmp_path):
    table_of([*crystals(36), WyckoffGene.parse("221|F:c|Mg:b|K:a")]).write(tmp_path / "table.parquet")
    changes = {"start": str(finished / "checkpoint"), "table": str(tmp_path / "table.parquet")}
    with pytest.raises(ConfigError, match=r"trained on this table, or leave start out"):
        run.train(TrainConfig.from_dict(settings_of(tmp_path / "other", **changes)))
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        run.train(TrainConfig.from_dict(settings_of(tmp_path / "absent", start=str(tmp_path / "nothing"))))


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_killed_run_from_a_start_goes_on_exactly(finished, settings_of, tmp_path, monkeypatch, killed_after):
    changes = {
        "start": str(finished / "checkpoint"),
        "optimiser": {"schedule": "linear"},
        "pretrain": BOTH | {"epochs": 3},
        "finetune": None,
    }
    whole, parted = (TrainConfig.from_dict(settings_of(tmp_path / name, **changes)) for name in ("whole", "parted"))
    run.train(whole)
    done, epoch = [], run.train_epoch

    def killed(*args):
        if len(done) == killed_after:
            raise KeyboardInterrupt
        done.append(1)
        return epoch(*args)

    monkeypatch.setattr(run, "train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        run.train(parted)
    monkeypatch.setattr(run, "train_epoch", epoch)
    run.train(parted, resume=True)
    assert states_equal(tmp_path / "whole", tmp_path / "parted")
