from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

from wyckforge.errors import CheckpointError
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

WEIGHTS, KNOWN = "weights.safetensors", "known.safetensors"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("orbit") / "checkpoint"
    tiny_orbit_checkpoint().save(folder)
    return folder


def altered(saved: Path, out: Path, *, index: Change | None = None, arrays: Change | None = None, file: str = WEIGHTS):
    """A copy with another index or other arrays, sizes and hashes stated as they then are."""
    folder = shutil.copytree(saved, out / "checkpoint")
    told = json.loads((folder / "checkpoint.json").read_text())
    if arrays:
        held = load((folder / file).read_bytes())
        arrays(held)
        content = save(held)
        (folder / file).write_bytes(content)
        told["files"][file] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    if index:
        index(told)
    (folder / "checkpoint.json").write_text(json.dumps(told))
    return folder


def test_a_checkpoint_comes_back_as_it_was(saved, tmp_path):
    one, other = tiny_orbit_checkpoint(), OrbitCheckpoint.load(saved)
    other.save(tmp_path / "again")
    for file in saved.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    for name, values in one.predict(CRYSTALS).items():
        assert np.array_equal(values, other.predict(CRYSTALS)[name])
    z = one.encode(CRYSTALS)
    assert np.array_equal(z, other.encode(CRYSTALS))
    assert one.decode(z) == other.decode(z)
    assert not any(parameter.requires_grad for parameter in other.autoencoder.parameters())


def test_half_precision_halves_the_file_and_hardly_moves_the_predictions(saved, tmp_path):
    full = OrbitCheckpoint.load(saved)
    full.save(tmp_path / "half", half=True)
    assert (tmp_path / "half" / WEIGHTS).stat().st_size < 0.55 * (saved / WEIGHTS).stat().st_size
    for name, values in OrbitCheckpoint.load(tmp_path / "half").predict(CRYSTALS).items():
        assert values == pytest.approx(full.predict(CRYSTALS)[name], abs=0.02)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("autoencoder", "width"), -32),
        (("autoencoder", "width"), 10**12),
        (("autoencoder", "width"), 4096),
        (("autoencoder", "layers"), 10**9),
        (("autoencoder", "heads"), 0),
        (("autoencoder", "heads"), 5),
        (("autoencoder", "latent"), "16"),
        (("autoencoder", "latent"), True),
        (("autoencoder", "colour"), 3),
        (("autoencoder",), [1, 2]),
        (("autoencoder", "max_sites"), 25),
        (("max_sites",), 62),
        (("predictors", 0, "width"), 16),
        (("predictors", 0, "dropout"), math.nan),
        (("predictors",), []),
        (("elements",), ["O", "Ti"]),
        (("max_sites",), 10**9),
        (("max_elements",), 0),
        (("scales", 0, "deviation"), math.nan),
        (("scales",), None),
        (("calibrations", "band_gap", "spread"), math.inf),
        (("calibrations",), {}),
        (("errors", "band_gap"), math.nan),
        (("errors", "band_gap"), "small"),
        (("errors",), [0.1, 0.2]),
        (("provenance",), 7),
    ],
)
def test_an_index_that_cannot_be_is_refused(saved, tmp_path, path, value):
    def change(index: dict[str, Any]) -> None:
        place: Any = index
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    with pytest.raises(CheckpointError, match="is not a usable checkpoint"):
        OrbitCheckpoint.load(altered(saved, tmp_path, index=change))


def without(name: str) -> Change:
    return lambda arrays: arrays.pop(name)


def with_value(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda arrays: arrays.update({name: change(arrays[name])})


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (WEIGHTS, without("autoencoder.stop"), "stop"),
        (WEIGHTS, lambda arrays: arrays.update(foreign=np.zeros(2, np.float32)), "foreign"),
        (WEIGHTS, lambda arrays: arrays.update({"predictor.7.place": np.zeros(2, np.float32)}), "no network"),
        (WEIGHTS, lambda arrays: arrays.update({"autoencoder.foreign": np.zeros(2, np.float32)}), "foreign"),
        (WEIGHTS, with_value("autoencoder.stop", lambda w: w[:-1]), "stop"),
        (WEIGHTS, with_value("autoencoder.stop", lambda w: w * np.float32("nan")), "stop holds what"),
        (WEIGHTS, with_value("autoencoder.stop", lambda w: w.astype(np.int64)), "stop holds what"),
        (KNOWN, without("labels"), "labels"),
        (KNOWN, without("templates"), "templates"),
        (KNOWN, with_value("labels", lambda pool: pool[:, :1]), "for 2 properties"),
        (KNOWN, with_value("labels", lambda pool: pool[0]), "for 2 properties"),
    ],
)
def test_arrays_that_do_not_belong_are_refused(saved, tmp_path, file, change, words):
    with pytest.raises(CheckpointError, match=words):
        OrbitCheckpoint.load(altered(saved, tmp_path, arrays=change, file=file))


@pytest.mark.parametrize("file", [WEIGHTS, KNOWN, "README.md", "checkpoint.json"])
def test_an_absent_file_is_named(saved, tmp_path, file):
    folder = shutil.copytree(saved, tmp_path / "checkpoint")
    (folder / file).unlink()
    with pytest.raises(CheckpointError, match=file):
        OrbitCheckpoint.load(folder)


@pytest.mark.parametrize("file", [WEIGHTS, KNOWN])
def test_a_truncated_or_altered_file_is_named(saved, tmp_path, file):
    folder = shutil.copytree(saved, tmp_path / "checkpoint")
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match=f"{file} has .*truncated"):
        OrbitCheckpoint.load(folder)
    (folder / file).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=f"{file} is altered"):
        OrbitCheckpoint.load(folder)
