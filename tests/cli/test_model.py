from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.cli import main
from wyckforge.symmetry.gene import WyckoffGene


def run(*args: str | Path):
    return CliRunner().invoke(main, ["predict", *map(str, args)])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("predict") / "model"
    tiny_orbit_checkpoint().save(folder)
    return folder


@pytest.fixture
def structures(write_rock_salt, tmp_path) -> Path:
    for a, b in (("Na", "Cl"), ("U", "O"), ("K", "Cl")):
        write_rock_salt(a + b, a, b)
    return tmp_path


def test_every_prediction_comes_with_how_sure_it_is(model, structures):
    done = run(structures, "--checkpoint", model, "--json")
    assert done.exit_code == 1
    records = json.loads(done.stdout)
    assert [record["formula"] for record in records] == ["KCl", "NaCl"]
    genes = [WyckoffGene.parse(record["gene"]) for record in records]
    distributions = tiny_orbit_checkpoint().distributions(genes)
    for i, record in enumerate(records):
        for name in ("formation_energy", "band_gap"):
            assert record[f"{name}_low"] <= record[name] <= record[f"{name}_high"]
            assert record[name] == pytest.approx(distributions[name].value()[i], abs=1e-5)
        assert record["band_gap_metal_probability"] == pytest.approx(distributions["band_gap"].zero[i], abs=1e-5)
    assert "UO: 225|O:a|U:b cannot be predicted: U not in the vocabulary" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_table_and_csv_say_the_same(model, structures):
    (structures / "UO.vasp").unlink()
    forms = [run(structures, "--checkpoint", model, *form) for form in ((), ("--json",), ("--csv",))]
    assert [form.exit_code for form in forms] == [0, 0, 0]
    records = json.loads(forms[1].stdout)
    rows = list(csv.DictReader(io.StringIO(forms[2].stdout)))
    assert [{key: str(value) for key, value in record.items()} for record in records] == rows
    head, first, *_ = forms[0].stdout.splitlines()
    assert "90 %" in head
    assert "metal probability" in head
    low, high = records[0]["formation_energy_low"], records[0]["formation_energy_high"]
    assert f"{low:.2f} to {high:.2f}" in first
    assert f"{records[0]['band_gap_metal_probability']:.3f}" in first


def test_the_model_of_the_paper_goes_by_its_name(structures):
    (structures / "UO.vasp").unlink()
    done = run(structures, "--checkpoint", "mpvae", "--json")
    assert done.exit_code == 1
    assert "2 elements, the model is for crystals of 3 elements" in done.stderr
    assert json.loads(done.stdout) == []


def test_genes_of_a_table_need_no_structures(model, tmp_path):
    table = tmp_path / "genes.csv"
    table.write_text("id,gene\nsalt,225|Na:a|Cl:b\nbroken,225|Na:a|Cl\noxide,225|U:a|O:b\nother,225|Cl:a|K:b\n")
    done = run(table, "--checkpoint", model, "--json")
    assert done.exit_code == 1
    assert [(record["file"], record["formula"]) for record in json.loads(done.stdout)] == [
        ("salt", "NaCl"),
        ("other", "KCl"),
    ]
    assert "broken: unreadable" in done.stderr
    assert "oxide: 225|O:a|U:b cannot be predicted" in done.stderr
    others = [tmp_path / "none.csv", tmp_path / "semicolons.csv"]
    others[0].write_text("gene\nnone\n")
    others[1].write_text("id;gene\nsalt;225|Na:a|Cl:b\n")
    done = run(others[0], others[1], table, "--checkpoint", model, "--json")
    assert done.exit_code == 1
    assert len(json.loads(done.stdout)) == 2
    assert "holds a gene" in done.stderr
    assert "separated by semicolons" in done.stderr
