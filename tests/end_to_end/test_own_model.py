"""A user's own model from the command line: train, resume, evaluate, predict, and refuse what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from wyckforge.cli import main
from wyckforge.data.embedded import load_embedded

CONFIG = """
name = "own"
table = "{table}"
out = "{out}"
seed = 1

[pretrain]
targets = ["formation_energy"]
epochs = 1
batch_size = 64

[finetune]
targets = ["formation_energy", "band_gap"]
epochs = 1
batch_size = 64
freeze = ["encoder", "batch_norm"]
"""

METRICS = (
    "formation_energy_mae",
    "band_gap_mae",
    "band_gap_mae_semiconductors",
    "element_accuracy",
    "wyckoff_accuracy",
    "space_group_accuracy",
    "exact_gene_accuracy",
)

CAESIUM_CHLORIDE = """data_x
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{sites}
"""
PEROVSKITE = "X1 {x} 0.5 0.5 0.5\nTi1 Ti 0 0 0\nO1 O 0.5 0 0"


def run(*args: str | Path):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def config(folder: Path) -> Path:
    table = load_embedded()
    table.select(np.arange(0, len(table), 30)).write(folder / "train.parquet")
    table.select(np.arange(1, len(table), 100)).write(folder / "unseen.parquet")
    path = folder / "own.toml"
    path.write_text(CONFIG.format(table=folder / "train.parquet", out=folder / "run"))
    return path


@pytest.fixture(scope="module")
def checkpoint(config: Path, folder: Path) -> Path:
    result = run("train", config)
    assert result.exit_code == 0, result.output
    assert "checkpoint in" in result.stdout
    return folder / "run" / "checkpoint"


@pytest.mark.usefixtures("checkpoint")
def test_a_second_run_into_the_same_folder_is_refused(config):
    result = run("train", config)
    assert result.exit_code == 2
    assert "resume" in result.stderr


def test_resuming_a_finished_run_changes_nothing(checkpoint, config):
    before = (checkpoint / "weights.safetensors").read_bytes()
    assert run("train", config, "--resume").exit_code == 0
    assert (checkpoint / "weights.safetensors").read_bytes() == before


def test_evaluation_writes_every_metric_with_its_interval(checkpoint, folder):
    result = run(
        "evaluate", "--checkpoint", checkpoint, "--data", folder / "unseen.parquet", "--out", folder / "metrics"
    )
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "metrics" / "metrics.json").read_text())
    assert 0 < metrics["n"] <= metrics["rows"]
    assert metrics["rows"] - metrics["n"] == sum(metrics["dropped"].values())
    for name in METRICS:
        low, high = metrics[f"{name}_interval"]
        assert low <= metrics[name] <= high
        assert name in result.stdout


def test_prediction_of_files_good_and_bad(checkpoint, folder):
    cifs = folder / "cifs"
    cifs.mkdir()
    (cifs / "good.cif").write_text(CAESIUM_CHLORIDE.format(a=3.9, sites=PEROVSKITE.format(x="Sr")))
    (cifs / "unknown_element.cif").write_text(CAESIUM_CHLORIDE.format(a=3.9, sites=PEROVSKITE.format(x="Og")))
    (cifs / "broken.cif").write_text("data_\n")
    result = run("predict", cifs, "--json", "--checkpoint", checkpoint)
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert row["formula"] == "SrTiO3"
    assert np.isfinite([row["band_gap"], row["formation_energy"]]).all()
    assert "unknown_element" in result.stderr
    assert "broken" in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_the_three_forms_of_a_prediction_agree(checkpoint, folder):
    path = folder / "one.cif"
    path.write_text(CAESIUM_CHLORIDE.format(a=3.9, sites=PEROVSKITE.format(x="Ba")))
    forms = [run("predict", path, "--checkpoint", checkpoint, *form) for form in ((), ("--json",), ("--csv",))]
    assert all(form.exit_code == 0 for form in forms)
    energy = json.loads(forms[1].stdout)[0]["formation_energy"]
    assert f"{energy:.3f}" in forms[0].stdout
    assert str(energy) in forms[2].stdout


@pytest.mark.parametrize("name", ["weights.safetensors", "known.safetensors", "checkpoint.json"])
def test_a_truncated_checkpoint_is_refused(checkpoint, tmp_path, name):
    for file in checkpoint.iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content[: len(content) // 2] if file.name == name else content)
    result = run("predict", tmp_path, "--checkpoint", tmp_path)
    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr
    assert len(result.stderr.splitlines()) <= 2
