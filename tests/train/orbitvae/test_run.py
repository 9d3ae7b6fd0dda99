"""Whole runs: what they write, how they go on after a kill, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from wyckforge.data.table import GeneTable
from wyckforge.errors import CheckpointError, ConfigError
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.loop import Trainer
from wyckforge.train.orbitvae.run import train_orbitvae
from wyckforge.train.start import read_config, train_from_file

PARTS = ("autoencoder", "predictor-0", "predictor-1")


@pytest.fixture(scope="module")
def finished(orbit_config, tmp_path_factory) -> Path:
    """Folder of a finished run."""
    out = tmp_path_factory.mktemp("orbit") / "finished"
    assert train_orbitvae(orbit_config(out)) == out / "checkpoint"
    return out


def states_equal(one: Path, other: Path) -> bool:
    pairs = [(load_file(one / f"parts/{n}.safetensors"), load_file(other / f"parts/{n}.safetensors")) for n in PARTS]
    return all(set(a) == set(b) and all(a[name].equal(b[name]) for name in a) for a, b in pairs)


def toml(settings: dict) -> str:
    """Settings as TOML, in which null does not exist."""
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    lines = [
        f"{key} = {json.dumps(value)}" for key, value in settings.items() if key not in tables and value is not None
    ]
    for key, value in tables.items():
        lines += [f"[{key}]", toml({name: each for name, each in value.items() if each != {}})]
    return "\n".join(lines)


def test_a_run_writes_its_split_settings_metrics_and_checkpoint(finished, orbit_config):
    records = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [(r["part"], r["epoch"]) for r in records] == [(part, epoch) for part in PARTS for epoch in (1, 2)]
    assert set(records[0]["validation"]) == {"elements", "letters", "group", "exact", "nll", "nll_conditional"}
    assert {"formation_energy_mae", "band_gap_mae"} <= set(records[2]["validation"])
    assert all(np.isfinite(value) for r in records for value in (*r["train"].values(), *r["validation"].values()))
    assert OrbitConfig.from_dict(json.loads((finished / "config.json").read_text())) == orbit_config(finished)
    assert {"split.json", "checkpoint"} <= {path.name for path in finished.iterdir()}


@pytest.mark.parametrize("killed_after", [1, 2, 3, 5])
def test_a_killed_run_goes_on_exactly(finished, orbit_config, tmp_path, monkeypatch, killed_after):
    done, epoch = [], Trainer.epoch

    def killed(*args):
        if len(done) == killed_after:
            raise KeyboardInterrupt
        done.append(1)
        return epoch(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train_orbitvae(orbit_config(tmp_path))
    train_orbitvae(orbit_config(tmp_path), resume=True)
    assert states_equal(finished, tmp_path)
    parts = [json.loads(line)["part"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert parts == [part for part in PARTS for _ in range(2)]


def test_members_of_the_ensemble_differ(finished):
    one, other = (load_file(finished / f"parts/{name}.safetensors") for name in PARTS[1:])
    assert not one["average.predictor.site.0.weight"].equal(other["average.predictor.site.0.weight"])


def test_a_folder_with_a_run_is_not_overwritten(finished, orbit_config):
    with pytest.raises(ConfigError, match="holds a run already"):
        train_orbitvae(orbit_config(finished))
    with pytest.raises(ConfigError, match="seed = 3, the configuration says 4"):
        train_orbitvae(orbit_config(finished, seed=4), resume=True)


def test_other_tables_are_refused(finished, orbit_config, monkeypatch):
    monkeypatch.setattr(GeneTable, "content_hash", lambda _: "another")
    with pytest.raises(ConfigError, match="the tables have changed"):
        train_orbitvae(orbit_config(finished), resume=True)


def test_a_damaged_state_is_refused(orbit_config, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/autoencoder.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not the state of a run"):
        train_orbitvae(orbit_config(tmp_path), resume=True)


def test_the_file_names_the_architecture(finished, orbit_config, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(toml(orbit_config(finished).to_dict()))
    assert read_config(path) == orbit_config(finished)
    assert train_from_file(path, resume=True) == finished / "checkpoint"
    path.write_text('model = "gpt"')
    with pytest.raises(ConfigError, match="'gpt' given; allowed are mpvae, orbitvae"):
        read_config(path)


def test_the_running_mean_of_a_predictor_is_kept(finished):
    state = load_file(finished / "parts/predictor-0.safetensors")
    kept = OrbitCheckpoint.load(finished / "checkpoint").predictors[0].state_dict()
    moved = False
    for name, tensor in kept.items():
        mean, last = (next(state[key] for key in (f"{part}.{name}", f"{part}.predictor.{name}") if key in state)
                      for part in ("average", "network"))  # fmt: skip
        assert torch.equal(tensor, mean)
        moved |= not torch.equal(mean, last)
    assert moved
