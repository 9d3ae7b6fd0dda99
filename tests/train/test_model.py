from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.errors import CheckpointError
from wyckforge.train.artefact import bundled
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.model import BUNDLED, ProbabilisticModel, checkpoint_folder, load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint


@pytest.fixture(scope="module")
def orbit_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("orbit") / "checkpoint"
    tiny_orbit_checkpoint().save(folder)
    return folder


def test_the_format_decides_on_the_kind(orbit_folder, finished):
    orbit, mpvae = load_checkpoint(orbit_folder), load_checkpoint(finished / "checkpoint")
    assert isinstance(orbit, OrbitCheckpoint)
    assert isinstance(mpvae, Checkpoint)
    assert isinstance(orbit, ProbabilisticModel)
    assert not isinstance(mpvae, ProbabilisticModel)


def test_a_bundled_model_goes_by_its_name():
    assert checkpoint_folder("mpvae") == bundled("mpvae") == checkpoint_folder(Path("mpvae"))
    assert checkpoint_folder("./runs/mpvae") == Path("runs/mpvae")
    assert checkpoint_folder() in [bundled(name) for name in BUNDLED]
    assert load_checkpoint().targets


def test_what_is_no_model_is_refused(orbit_folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"mpvea is not a checkpoint.*one of orbitvae, mpvae"):
        load_checkpoint("mpvea")
    folder = shutil.copytree(orbit_folder, tmp_path / "foreign")
    index = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({**index, "format": "torch"}))
    with pytest.raises(CheckpointError, match=r"'torch'.*allowed are wyckforge-checkpoint, wyckforge-orbitvae"):
        load_checkpoint(folder)
    (folder / "checkpoint.json").write_text(json.dumps({**index, "version": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        load_checkpoint(folder)
