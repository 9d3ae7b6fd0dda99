"""`wyckforge predict` with a model that sees structures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.salts import crystal, salts_task

from wyckforge.cli import main
from wyckforge.errors import CheckpointError
from wyckforge.execute.outputs import cif
from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.environments import EnvironmentTransformer
from wyckforge.potential import cache
from wyckforge.symmetry.crystal import Crystal
from wyckforge.train.forward.model import fit_model
from wyckforge.train.model import load_checkpoint


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.LOCATION, str(tmp_path / "cache"))
    monkeypatch.setattr(EnvironmentTransformer, "pace", Pace(epochs=1, learning_rate=1e-3, batch_size=32))
    fit_model("environments", salts_task()).save(tmp_path / "model")
    return tmp_path / "model"


def test_what_the_potential_cannot_describe_is_named_and_the_rest_is_done(model: Path, tmp_path: Path) -> None:
    salt = crystal("Na", "Cl", "rocksalt")
    files = tmp_path / "files"
    files.mkdir()
    (files / "salt.cif").write_text(cif(salt))
    (files / "gas.cif").write_text(cif(Crystal(5 * salt.lattice, salt.numbers, salt.frac_coords)))
    done = CliRunner().invoke(main, ["predict", str(files), "--checkpoint", str(model), "--json"])
    assert done.exit_code == 1
    assert "gas" in done.stderr
    assert "cannot describe the structure" in done.stderr
    (record,) = json.loads(done.stdout)
    assert record["formula"] == "NaCl"
    assert record["gap_low"] <= record["gap"] <= record["gap_high"]


def test_a_forward_model_is_turned_away_by_name_where_genes_are_to_be_made(model: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a forward model, which makes no genes: give it to predict"):
        load_checkpoint(model)


def test_crystals_of_a_table_keep_their_names(model: Path, tmp_path: Path) -> None:
    salts = {"first": crystal("Na", "Cl", "rocksalt"), "second": crystal("K", "Br", "rocksalt")}
    table = tmp_path / "salts.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "cif", "gene"), *((name, cif(salt), "?") for name, salt in salts.items())])
    done = CliRunner().invoke(main, ["predict", str(table), "--checkpoint", str(model), "--json"])
    assert [(record["file"], record["formula"]) for record in json.loads(done.stdout)] == [
        ("first", "NaCl"),
        ("second", "KBr"),
    ]
