from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.train.conftest import crystals

from wyckforge.errors import CheckpointError, InvalidGeneError
from wyckforge.models.representation import Rejection
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.hashes import hash_set, text_hash

GENES = crystals(12)


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished / "checkpoint", tmp_path / "checkpoint")


def test_a_checkpoint_comes_back_as_it_was(checkpoint, finished, tmp_path):
    checkpoint.save(tmp_path / "copy")
    again = Checkpoint.load(tmp_path / "copy")
    assert again.representation == checkpoint.representation
    assert np.array_equal(again.representation.features, checkpoint.representation.features)
    for field in ("name", "targets", "scaler", "errors", "provenance", "card"):
        assert getattr(again, field) == getattr(checkpoint, field)
    one, other = checkpoint.predict(GENES), again.predict(GENES)
    assert all(np.array_equal(one[name], other[name]) for name in checkpoint.targets)
    for file in (tmp_path / "copy").iterdir():
        assert file.read_bytes() == (finished / "checkpoint" / file.name).read_bytes()


def test_half_precision_halves_the_file_and_hardly_moves_the_predictions(checkpoint, tmp_path):
    checkpoint.save(tmp_path / "full")
    checkpoint.save(tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("full", "half")]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)
    one, other = checkpoint.predict(GENES), Checkpoint.load(tmp_path / "half").predict(GENES)
    for name in checkpoint.targets:
        low, high = checkpoint.scaler.ranges[name]
        assert np.abs(one[name] - other[name]).max() < 0.01 * (high - low)


def test_predictions_are_in_the_range_of_the_training_labels(checkpoint):
    for name, values in checkpoint.predict(GENES).items():
        low, high = checkpoint.scaler.ranges[name]
        assert values.shape == (len(GENES),)
        assert ((values >= low) & (values <= high)).all()


def test_predictions_are_the_same_for_all_descriptions_of_a_crystal(checkpoint):
    gene = WyckoffGene.parse("2|O:ii|Ti:a|Sr:b")
    orbit = gene.orbit()
    assert len(orbit) == 8
    for values in checkpoint.predict(orbit).values():
        assert np.ptp(values) < 1e-6


def test_a_batch_gives_what_its_members_give(checkpoint):
    together, alone = checkpoint.predict(GENES), [checkpoint.predict([gene]) for gene in GENES]
    small = checkpoint.predict(GENES, batch=3)
    for name in checkpoint.targets:
        assert together[name] == pytest.approx([value[name][0] for value in alone], abs=1e-5)
        assert together[name] == pytest.approx(small[name], abs=1e-5)
    assert np.allclose(checkpoint.encode(GENES), checkpoint.encode(GENES, batch=5), atol=1e-5)


def test_errors_that_are_no_numbers_are_not_saved(checkpoint, tmp_path):
    diverged = replace(checkpoint, errors={"formation_energy": float("nan"), "band_gap": 0.1})
    with pytest.raises(CheckpointError, match=r"'formation_energy': nan.*not all numbers"):
        diverged.save(tmp_path / "checkpoint")
    assert not (tmp_path / "checkpoint").exists()


def test_nothing_in_gives_nothing_out(checkpoint):
    assert checkpoint.encode([]).shape == (0, 256)
    assert checkpoint.decode(np.zeros((0, 256), np.float32)) == []
    assert all(values.shape == (0,) for values in checkpoint.predict([]).values())


def test_every_latent_vector_becomes_a_gene_or_a_rejection(checkpoint):
    z = np.random.default_rng(0).normal(0, 3, (50, 256)).astype(np.float32)
    kept = z.copy()
    found = checkpoint.decode(z, batch=7)
    assert len(found) == 50
    assert all(isinstance(item, WyckoffGene | Rejection) for item in found)
    assert np.array_equal(z, kept)


def test_genes_outside_the_vocabulary_are_refused(checkpoint):
    foreign = WyckoffGene.parse("221|O:c|Ti:b|U:a")
    assert not checkpoint.represents(foreign)
    with pytest.raises(InvalidGeneError, match="U is not in the vocabulary"):
        checkpoint.predict([foreign])


def test_the_mirror_image_of_a_known_gene_is_known(checkpoint):
    known = {WyckoffGene.parse("152|Si:a|O:c").canonical(), WyckoffGene.parse("225|Na:a|Cl:b").canonical()}
    taught = replace(checkpoint, known_genes=hash_set(map(str, known)))
    for gene in known:
        assert all(taught.is_known_gene(member) for member in (*gene.orbit(), *gene.mirror_image().orbit()))
    assert not taught.is_known_gene(WyckoffGene.parse("154|Ge:a|O:c"))


def test_known_genes_and_formulas_are_recognised_in_any_description(checkpoint):
    for gene in crystals(36):
        for member in gene.orbit():
            assert checkpoint.is_known_gene(member)
            assert checkpoint.is_known_formula(member)
    assert not checkpoint.is_known_gene(WyckoffGene.parse("225|Cl:a|Na:b"))
    assert not checkpoint.is_known_formula(WyckoffGene.parse("225|Cl:a|Na:b"))
    polymorph = WyckoffGene.parse("1|Ti:a|O:aaa|Sr:a")
    assert checkpoint.is_known_formula(polymorph)
    assert not checkpoint.is_known_gene(polymorph)


def test_hashes_are_stable():
    assert text_hash("225|Na:a|Cl:b") == 0x3532B0EFBF243BAE
    assert hash_set(["b", "a", "a"]).tolist() == sorted([text_hash("a"), text_hash("b")])


def test_the_card_names_data_errors_and_limits(checkpoint):
    for words in ("## Data", "Formation energy", "Band gap", "## Limits", "here (", "36"):
        assert words in checkpoint.card


@pytest.mark.parametrize("name", ["checkpoint.json", "weights.safetensors", "known.safetensors", "README.md"])
def test_an_absent_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        Checkpoint.load(copy)


@pytest.mark.parametrize("name", ["weights.safetensors", "known.safetensors", "checkpoint.json"])
def test_a_truncated_file_is_refused(copy, name):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=name):
        Checkpoint.load(copy)


@pytest.mark.parametrize("name", ["weights.safetensors", "known.safetensors"])
def test_one_altered_byte_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[-5] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="altered"):
        Checkpoint.load(copy)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "torch", "not the index of a checkpoint"),
        ("version", 2, "reads version 1"),
        ("elements", ["O", "Xx", "Ti"], "Xx"),
        ("elements", ["O"], "rows in the vocabulary"),
        ("scaler", {"formation_energy": [1]}, "not a scaler"),
        ("model", {"rows": 3}, "not a usable checkpoint"),
        ("model", {"rows": 10**12, "max_elements": 3, "targets": []}, "rows is 1000000000000, allowed are"),
        ("model", {"rows": 151, "max_elements": 3, "targets": [], "dense": -1}, "dense is -1, allowed are"),
        ("model", {"rows": 151, "max_elements": 3, "targets": [], "strides": [0, 2, 1]}, "strides is 0, allowed are"),
        ("model", [1], "not a usable checkpoint"),
        ("errors", {"formation_energy": float("nan")}, "error of formation_energy is nan"),
        ("files", {}, "not a usable checkpoint"),
    ],
)
def test_a_foreign_index_is_refused(copy, key, value, message):
    index = json.loads((copy / "checkpoint.json").read_text())
    (copy / "checkpoint.json").write_text(json.dumps({**index, key: value}))
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.load(copy)


def test_something_else_than_a_checkpoint_is_refused(tmp_path):
    for content in ("[]", "no json", '"text"'):
        (tmp_path / "checkpoint.json").write_text(content)
        with pytest.raises(CheckpointError, match="checkpoint"):
            Checkpoint.load(tmp_path)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        Checkpoint.load(tmp_path / "absent")
