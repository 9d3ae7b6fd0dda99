from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.cli import main
from wyckforge.cli.errors import MISTAKE
from wyckforge.errors import CheckpointError, TableError
from wyckforge.evaluate.run import evaluate_file
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.finetune import FinetuneSettings, draw, finetune, finetune_file
from wyckforge.train.orbitvae.labelled import Labelled

SETTINGS = FinetuneSettings.model_validate(
    {"seed": 4, "predictor": {"folds": 3, "head_epochs": 4, "epochs": 4}, "generator": {"samples": 150, "epochs": 2}}
)


@pytest.fixture(scope="module")
def base() -> OrbitCheckpoint:
    return tiny_orbit_checkpoint()


@pytest.fixture(scope="module")
def labelled(base) -> Labelled:
    genes = tuple(dict.fromkeys(draw(base, 300, seed=9)))[:90]
    weight = np.array([np.mean(gene.elements) for gene in genes])
    share = np.where(np.arange(90) % 3 == 0, np.nan, np.maximum(weight - np.median(weight), 0))
    return Labelled(genes, {"weight": weight, "share": share}, {"no label": 2})


@pytest.fixture(scope="module")
def tuned(base, labelled) -> OrbitCheckpoint:
    return finetune(base, labelled, SETTINGS, source="mine.csv")


def test_what_the_base_predicts_does_not_change(base, tuned, labelled):
    before, after = base.predict(labelled.genes), tuned.predict(labelled.genes)
    assert list(after) == [*before, "weight", "share"]
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_the_new_properties_are_predicted_with_their_uncertainty(tuned, labelled):
    found = tuned.distributions(labelled.genes)
    assert tuned.scales["share"].zero_inflated
    assert not tuned.scales["weight"].zero_inflated
    low, high = tuned.calibrations["weight"].interval(found["weight"])
    true = labelled.labels["weight"]
    assert tuned.calibrations["weight"].disagreement == 0  # every label was judged by one network
    assert ((low <= true) & (true <= high)).mean() > 0.7
    assert (found["share"].value() >= 0).all()


def test_errors_are_those_of_cross_validation(tuned, labelled):
    account = tuned.provenance["finetuned"][0]
    for name, found in account["properties"].items():
        assert found["labels"] == labelled.n_labels[name]
        assert found["mae"] == pytest.approx(tuned.errors[name])
        assert found["mae_interval"][0] < found["mae"] < found["mae_interval"][1]
    assert account["properties"]["weight"]["mae_of_median"] == pytest.approx(
        np.abs(labelled.labels["weight"] - np.median(labelled.labels["weight"])).mean()
    )


def test_genes_can_be_asked_to_have_the_new_properties(base, tuned):
    assert tuned.conditions == (*base.conditions, "weight", "share")
    latents, rng = np.zeros((50, 16)), np.random.default_rng
    unasked = tuned.decode(latents, rng=rng(0), level=1.0)
    wanted = np.tile([np.nan, np.nan, 20.0, np.nan], (50, 1))
    assert tuned.decode(latents, rng=rng(0), level=1.0, wanted=wanted) != unasked


def test_what_was_measured_joins_the_labels_to_ask_for(base, tuned, labelled):
    n = len(base.labels)
    assert tuned.labels.shape == (n + len(labelled.genes), 4)
    np.testing.assert_array_equal(tuned.labels[:n, :2], base.labels)
    assert np.isnan(tuned.labels[:n, 2:]).all()
    np.testing.assert_array_equal(tuned.labels[n:, 2], labelled.labels["weight"])
    measured = ~np.isnan(labelled.labels["share"])
    np.testing.assert_array_equal(tuned.labels[n:, 3][measured], labelled.labels["share"][measured])
    assert np.isfinite(tuned.labels[n:]).all()


def test_the_labelled_crystals_are_known_from_now_on(base, tuned, labelled):
    assert all(tuned.is_known_gene(gene) for gene in labelled.genes)
    assert not all(base.is_known_gene(gene) for gene in labelled.genes)


def test_the_card_tells_what_was_learned_and_from_what(base, tuned):
    assert tuned.name == "tiny+weight+share"
    for text in ("tiny, fine-tuned", "90 crystals", "mine.csv", "no label (2)", "| Weight (unit of the labels) | 90 |"):
        assert text in tuned.card
    assert base.card in tuned.card


def test_it_is_saved_like_any_other_and_can_be_tuned_again(tuned, labelled, tmp_path):
    tuned.save(tmp_path)
    again = load_checkpoint(tmp_path)
    for name, values in tuned.predict(labelled.genes).items():
        np.testing.assert_array_equal(again.predict(labelled.genes)[name], values)
    twice = finetune(again, Labelled(labelled.genes, {"third": labelled.labels["weight"] / 3}, {}), SETTINGS)
    assert twice.targets == (*tuned.targets, "third")
    assert [account["base"] for account in twice.provenance["finetuned"]] == ["tiny", "tiny+weight+share"]
    np.testing.assert_array_equal(twice.predict(labelled.genes)["weight"], tuned.predict(labelled.genes)["weight"])


def test_it_is_measured_on_the_genes_of_a_file(files, tuned, tmp_path, labelled):
    metrics = evaluate_file(tuned, files[1], tmp_path / "out")
    error = np.abs(tuned.predict(labelled.genes)["weight"] - labelled.labels["weight"])
    assert metrics["weight_mae"] == pytest.approx(error.mean())
    assert metrics["weight_mae_n"] == len(labelled.genes)


def test_a_property_of_the_base_is_not_replaced(base, labelled):
    with pytest.raises(TableError, match=r"predicts band_gap already.*my_band_gap"):
        finetune(base, Labelled(labelled.genes, {"band_gap": labelled.labels["weight"]}, {}), SETTINGS)


@pytest.fixture
def files(base, labelled, tmp_path) -> tuple[Path, Path]:
    """Folder of the base, and a CSV of genes."""
    base.save(tmp_path / "base")
    data = tmp_path / "mine.csv"
    with data.open("w", newline="") as stream:
        rows = zip(labelled.genes, labelled.labels["weight"].tolist(), strict=True)
        csv.writer(stream).writerows([["gene", "weight"], *rows])
    return tmp_path / "base", data


def test_a_file_becomes_a_checkpoint(files, tmp_path, labelled):
    folder, data = files
    out = tmp_path / "tuned"
    tuned = finetune_file(folder, data, ["weight"], out, SETTINGS)
    np.testing.assert_array_equal(
        load_checkpoint(out).predict(labelled.genes)["weight"], tuned.predict(labelled.genes)["weight"]
    )
    with pytest.raises(CheckpointError, match="holds something already"):
        finetune_file(folder, data, ["weight"], out, SETTINGS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--target": "band_gap"}, "predicts band_gap already"),
        ({"--target": "colour"}, "no column 'colour'; it has: gene, weight"),
        ({"--checkpoint": "mpvae"}, "is no OrbitVAE"),
        ({"--data": "absent.csv"}, "absent.csv does not exist"),
    ],
)
def test_mistakes_end_in_one_line(files, tmp_path, changes, message):
    given = {"--data": files[1], "--target": "weight", "--out": tmp_path / "out", "--checkpoint": files[0], **changes}
    result = CliRunner().invoke(main, ["finetune", *(str(word) for pair in given.items() for word in pair)])
    assert result.exit_code == MISTAKE
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_generator_learns_from_no_longer_genes_than_it_draws(base, monkeypatch):
    drawing_little = tiny_orbit_checkpoint()
    monkeypatch.setattr(drawing_little.autoencoder, "config", replace(drawing_little.autoencoder.config, max_sites=3))
    seen = []

    def stop(_, genes, *__, **___):
        seen.extend(genes)
        raise InterruptedError

    monkeypatch.setattr("wyckforge.train.orbitvae.finetune.with_generator", stop)
    genes = tuple(dict.fromkeys(draw(base, 300, seed=9)))[:60]
    weight = np.array([np.mean(gene.elements) for gene in genes])
    assert max(len(gene.sites) for gene in genes) > 3
    with pytest.raises(InterruptedError):
        finetune(drawing_little, Labelled(genes, {"weight": weight}, {}), SETTINGS)
    assert 0 < max(len(gene.sites) for gene in seen) <= 3
