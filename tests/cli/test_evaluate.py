from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.orbit import tiny_orbit_checkpoint

from wyckforge.cli import main
from wyckforge.cli.evaluate import assessment_table

TARGETS = """
[cubic]
properties = { formation_energy = ":-1.5" }
space_group = "195:"

[anything]
n_elements = "2:3"
"""


def run(*args: str | Path):
    return CliRunner().invoke(main, ["evaluate", *map(str, args)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    tiny_orbit_checkpoint().save(folder / "model")
    tiny_orbit_checkpoint(seed=1, name="judge").save(folder / "judge")
    (folder / "targets.toml").write_text(TARGETS)
    return folder


@pytest.fixture(scope="module")
def generated(folder):
    models = ("--checkpoint", folder / "model", "--oracle", folder / "judge")
    return run(*models, "--generate", 50, "--targets", folder / "targets.toml", "--out", folder / "out", "--seed", 2)


def test_the_table_tells_what_the_file_holds(generated, folder):
    assert generated.exit_code == 0, generated.output
    found = json.loads((folder / "out" / "generation.json").read_text())
    assert (found["n"], found["seed"], found["judge"]["name"]) == (50, 2, "judge")
    assert assessment_table(found) in generated.stdout
    achieved = found["targets"]["cubic"]["hits"]["rates"]["joint"]["achieved"]
    assert f"{100 * achieved['value']:.1f} % [" in generated.stdout
    for words in ("judged by judge", "formation_energy ±0.100", "space_groups 195-230", "enrichment", "n_elements 2:3"):
        assert words in generated.stdout
    assert (folder / "out" / "generated.csv").read_text().count("\n") == 201
    assert "cubic, off by" in (folder / "out" / "calibration.svg").read_text()


def test_progress_is_shown_apart_from_the_result(generated):
    assert "judging anything" in generated.stderr
    assert "judging" not in generated.stdout


def test_without_targets_only_what_comes_out_is_told(folder):
    done = run("--checkpoint", folder / "model", "--generate", 10, "--out", folder / "free", "--method", "prior")
    assert done.exit_code == 0, done.output
    assert "unconditional" in done.stdout
    assert "judged by" not in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "neither of --data FILE and --generate N given; give exactly one"),
        (["--data", "x.csv", "--generate", 5], "both of --data FILE and --generate N given; give exactly one"),
        (["--data", "x.csv", "--oracle", "x", "--seed", 1], "--oracle, --seed given with --data"),
        (["--generate", 5, "--vintage", "modern"], "--vintage given with --generate"),
        (["--generate", 0], "--generate"),
        (["--generate", 5, "--targets", "absent.toml"], "absent.toml"),
    ],
)
def test_mistakes_are_named(options, words, tmp_path):
    done = run(*options, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2
    assert not (tmp_path / "out").exists()


def test_a_model_does_not_judge_itself(folder, tmp_path):
    models = ("--checkpoint", folder / "model", "--oracle", folder / "model")
    done = run(*models, "--generate", 5, "--targets", folder / "targets.toml", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "tiny cannot judge what it generates itself" in done.stderr
