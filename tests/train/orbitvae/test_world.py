"""Several processes that train together end with the weights of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.train.orbitvae.test_run import toml

from wyckforge.errors import ConfigError
from wyckforge.train.orbitvae.run import train_orbitvae
from wyckforge.train.orbitvae.world import World, joined

# What ``-m wyckforge`` does, with features of elements that need no potential to be loaded.
WORKER = """
import sys
import numpy as np
from wyckforge.models.orbitvae import descriptors

descriptors.elements = lambda numbers: np.eye(119, dtype=np.float32)[list(numbers)]
sys.argv[0] = "wyckforge"
from wyckforge import __main__
__main__.main()
"""
EXACT = {"learning_rate": 1e-3, "epochs": 2, "batch_size": 11}


def test_two_processes_end_with_the_weights_of_one(orbit_config, shown_table, tmp_path):
    def settings(out: Path):
        return orbit_config(
            out,
            table=str(shown_table),
            precision="float32",
            autoencoder={**EXACT, "condition_dropout": 0.4},
            predictor={**EXACT, "members": 1, "dropout": 0.0},
        )

    train_orbitvae(settings(tmp_path / "one"))
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "config.toml").write_text(toml(settings(tmp_path / "two").to_dict()))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(tmp_path / "worker.py"), "train", str(tmp_path / "config.toml")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for part in ("autoencoder", "predictor-0"):
        one, two = (load_file(tmp_path / where / f"parts/{part}.safetensors") for where in ("one", "two"))
        assert set(one) == set(two)
        for name in (name for name in one if not name.startswith("optimiser")):
            first, second = one[name], two[name]
            if name.endswith("project.bias"):  # attention does not feel a bias of its keys: only rounding moves it
                (first, _, third), (second, _, fourth) = first.chunk(3), second.chunk(3)
                first, second = torch.cat([first, third]), torch.cat([second, fourth])
            torch.testing.assert_close(first, second, atol=1e-5, rtol=0, msg=name)


def test_shares_are_a_partition():
    worlds = [World(torch.device("cpu"), rank, 3) for rank in range(3)]
    for n in (1, 2, 7, 12):
        assert sorted(place for world in worlds for place in world.share(n).tolist()) == list(range(n))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no GPU that torch can use"), joined("cuda"):
        pass
    with joined("auto") as world:
        assert world == World(torch.device("cpu"))
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
