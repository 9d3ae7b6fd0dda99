from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.errors import CheckpointError, ConfigError
from wyckforge.models.geometry.model import GeometryModel
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.geometry.config import GeometryConfig
from wyckforge.train.geometry.examples import TEST, TRAIN, VALIDATION, Examples
from wyckforge.train.geometry.loop import Trained, train_geometry
from wyckforge.train.geometry.prepare import contacts_of, describe_all, prepare
from wyckforge.train.geometry.storage import load_geometry, save_geometry

SMALL = GeometryConfig(
    width=24, heads=2, gene_layers=1, layers=1, dropout=0.0, batch_size=32, learning_rate=5e-3, updates=40,
    validate_every=20, average=0.9,
)  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> Examples:
    table = load_embedded()
    small = [row for row, gene in enumerate(table.genes) if gene.n_atoms <= 16][:160]
    crystals = [(table.crystals or ())[row] for row in small]
    parameters = [one for one in describe_all([c for c in crystals if c is not None]) if one is not None]
    assert len(parameters) > 120
    parts = np.full(len(parameters), TRAIN, np.uint8)
    parts[-40:-20], parts[-20:] = VALIDATION, TEST
    elements = sorted({z for one in parameters for z in one.gene.elements})
    features = np.eye(len(elements), dtype=np.float32)
    return prepare(parameters, parts, contacts_of(parameters[:-40]), elements, features)


@pytest.fixture(scope="module")
def trained(examples: Examples) -> Trained:
    return train_geometry(examples, SMALL, lambda _: None)


def model_of(examples: Examples, trained: Trained) -> GeometryModel:
    elements = tuple(int(z) for z in examples.elements)
    return GeometryModel(trained.network.eval().requires_grad_(False), elements, examples.contacts)


def test_it_learns(trained: Trained) -> None:
    first, last = trained.history[0], trained.history[-1]
    assert last["update"] == SMALL.updates
    assert last["loss"] < first["loss"] < 2
    assert np.isfinite([value for record in trained.history for value in record.values()]).all()


def test_the_seed_decides_and_the_test_part_is_not_looked_at(examples: Examples, trained: Trained) -> None:
    numbers = examples.number.copy()
    of_test = np.repeat(examples.part == TEST, examples.n_steps)
    assert of_test.any()
    numbers[of_test] = 0.123
    other = Examples(**{**examples.__dict__, "number": numbers})
    again = train_geometry(other, SMALL, lambda _: None)
    assert [record["loss"] for record in again.history] == [record["loss"] for record in trained.history]


def test_examples_survive_the_file(examples: Examples, tmp_path: Path) -> None:
    examples.write(tmp_path / "examples.safetensors")
    again = Examples.read(tmp_path / "examples.safetensors")
    for name, array in examples.__dict__.items():
        np.testing.assert_array_equal(getattr(again, name), array)


def test_a_selection_holds_the_numbers_of_its_crystals(examples: Examples) -> None:
    chosen = examples.select(np.array([5, 2]))
    steps = np.concatenate([[0], np.cumsum(examples.n_steps, dtype=np.int64)])
    expected = np.concatenate([examples.number[steps[row] : steps[row + 1]] for row in (5, 2)])
    np.testing.assert_array_equal(chosen.number, expected)
    assert len(chosen.element) == chosen.n_orbits.sum()


def test_a_saved_model_draws_the_same(examples: Examples, trained: Trained, tmp_path: Path) -> None:
    model = model_of(examples, trained)
    save_geometry(model, tmp_path / "model", provenance={"crystals": 1}, card="# a card\n")
    again = load_geometry(tmp_path / "model")
    assert again.elements == model.elements
    gene = WyckoffGene(225, ((model.elements[0], "a"), (model.elements[1], "b")))
    assert again.expected_volume(gene) == pytest.approx(model.expected_volume(gene), rel=0.02)


def test_a_damaged_model_is_refused(examples: Examples, trained: Trained, tmp_path: Path) -> None:
    save_geometry(model_of(examples, trained), tmp_path, provenance={}, card="")
    index = json.loads((tmp_path / "checkpoint.json").read_text())
    (tmp_path / "checkpoint.json").write_text(json.dumps({**index, "network": {**index["network"], "width": 48}}))
    with pytest.raises(CheckpointError, match="not a usable geometry model"):
        load_geometry(tmp_path)
    (tmp_path / "checkpoint.json").write_text(json.dumps({**index, "version": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        load_geometry(tmp_path)
    (tmp_path / "checkpoint.json").write_text(json.dumps(index))
    content = (tmp_path / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        load_geometry(tmp_path)


def test_a_training_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="no end"):
        GeometryConfig.from_dict({})
    with pytest.raises(ConfigError, match="heads"):
        GeometryConfig.from_dict({"updates": 1, "width": 32, "heads": 5})
