from __future__ import annotations

import csv
import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wyckforge import __version__
from wyckforge.cli import main
from wyckforge.cli.design import run_config
from wyckforge.cli.errors import FAILED, INTERRUPTED, MISTAKE, SAVED, UserErrors
from wyckforge.cli.symmetry import coordinate_triplet
from wyckforge.errors import TargetError
from wyckforge.symmetry.normalizer import operators

DOCS = Path(__file__).parents[1] / "docs"

ROCK_SALT = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 {na}
Cl1 Cl 0.5 0.5 0.5 1.0
"""
ROCK_SALT_P1 = ROCK_SALT.replace("'F m -3 m'", "'P 1'").replace("_symmetry_Int_Tables_number 225", "")


def run(*args: str | Path, **kwargs):
    return CliRunner().invoke(main, [str(arg) for arg in args], **kwargs)


@pytest.fixture
def rock_salt(tmp_path: Path) -> Path:
    path = tmp_path / "salt.cif"
    path.write_text(ROCK_SALT_P1.format(na="1.0"))
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.cif"
    path.write_text("this is not a CIF")
    return path


def refused(result, *words: str, status: int = MISTAKE) -> None:
    """One or two lines on standard error, no traceback, the status of a mistake, and the words that help."""
    assert result.exit_code == status, result.output
    assert result.stderr.strip()
    assert "Traceback" not in result.output
    assert result.stderr.count("\n") <= 2  # a progress bar returns to the start of its line
    for word in words:
        assert word in result.stderr


# ── the verbs ──


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["design", "--elements", "", "--out", "run"], "the value of --elements is empty; give one, or leave it out"),
        (["design", "--out", "run", "--band-gap="], "the value of --band-gap is empty"),
        (["predict-structure", " ", "--out", "run"], "an argument is empty"),
        (["phonon", "a.cif", ""], "an argument is empty"),
    ],
)
def test_empty_values_are_refused(command, words):
    """An unset variable of the shell must not ask for a run without constraints."""
    refused(run(*command), words)


def test_help_names_every_verb_and_the_exit_statuses():
    result = run("--help")
    assert result.exit_code == 0
    for verb in ("design", "evaluate", "predict", "train", "data", "symmetry", "report"):
        assert re.search(rf"^  {verb} ", result.output, re.MULTILINE)
    assert "130 interrupted" in result.output


def test_version_is_that_of_the_package():
    assert run("--version").output.split()[-1] == __version__


def test_nothing_heavy_is_imported_before_a_verb_runs():
    code = "import sys, wyckforge.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "click" in loaded
    assert not {"numpy", "torch", "pymatgen", "ase", "pandas", "pydantic", "matplotlib", "jinja2"} & set(loaded)


def test_a_mistake_ends_the_real_program_with_a_message():
    command = [sys.executable, "-c", "from wyckforge.cli import main; main()", "report", "/nonexistent/folder"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == MISTAKE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


# ── symmetry ──


def test_normalizer_as_json():
    result = run("symmetry", "normalizer", "225", "--json")
    data = json.loads(result.stdout)
    assert data["space_group"] == 225
    assert data["permutations"] == ["abcdefghijkl", "bacdefgihjkl"]
    assert np.array(data["operators"]).shape == (2, 3, 4)
    assert data["operators"][0] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert data["operator_permutations"] == ["abcdefghijkl", "bacdefgihjkl"]


@pytest.mark.parametrize("number", [1, 47, 62, 166, 212, 230])
def test_normalizer_prints_one_line_per_operator_identity_first(number):
    lines = run("symmetry", "normalizer", str(number)).output.splitlines()
    assert len(lines) == 2 + len(operators(number))
    assert lines[1].split()[0] == lines[2].split()[0]
    assert lines[2].split()[1] == "x,y,z"


@pytest.mark.parametrize("number", ["0", "231", "cubic"])
def test_a_group_that_does_not_exist_is_refused(number):
    refused(run("symmetry", "normalizer", number))


def test_coordinate_triplets_are_those_pymatgen_reads():
    from pymatgen.core.operations import SymmOp

    for number in range(1, 231):
        for operator in operators(number):
            back = SymmOp.from_xyz_str(coordinate_triplet(operator)).affine_matrix[:3]
            exact = np.column_stack([operator[:, :3], operator[:, 3] / 24])
            np.testing.assert_allclose(back, exact, atol=1e-12)


def test_detection_of_a_file(rock_salt):
    result = run("symmetry", "detect", rock_salt, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["space_group"] == 221  # the file says P1, so it holds one formula unit of the caesium chloride type
    assert found["canonical_gene"] == "221|Na:a|Cl:b"


def test_a_bad_file_does_not_keep_the_others_from_being_read(rock_salt, broken):
    result = run("symmetry", "detect", broken, rock_salt, "nowhere.cif")
    assert result.exit_code == FAILED
    assert "salt" in result.stdout
    assert "broken" in result.stderr
    assert "nowhere.cif" in result.stderr


# ── data ──


def test_a_table_is_built_from_a_folder_and_bad_files_are_counted(tmp_path):
    folder = tmp_path / "structures"
    folder.mkdir()
    (folder / "good.cif").write_text(ROCK_SALT.format(na="1.0"))
    (folder / "disordered.cif").write_text(ROCK_SALT.format(na="0.5"))
    (folder / "broken.cif").write_text("data_\nloop_\n_atom_site_label\n")
    out = tmp_path / "new" / "table.parquet"
    result = run("data", "build", folder, "--out", out)
    assert result.exit_code == 0, result.output
    assert re.search(r"rows read\s+3", result.stdout)
    assert re.search(r"dropped: disordered\s+1", result.stdout)
    assert re.search(r"rows kept\s+1", result.stdout)
    reasons = {row["id"]: row["reason"] for row in csv.DictReader(out.with_suffix(".dropped.csv").open())}
    assert set(reasons) == {"disordered", "broken"}
    assert all(reasons.values())


def test_labels_that_are_no_finite_numbers_are_counted(tmp_path):
    table = tmp_path / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "cif", "band_gap"])
        writer.writerows((f"m{i}", ROCK_SALT.format(na="1.0"), gap) for i, gap in enumerate(["5.0", "nan", "inf", ""]))
    result = run("data", "build", table, "--out", tmp_path / "t.parquet", "--require", "band_gap")
    assert result.exit_code == 0, result.output
    assert re.search(r"dropped: label missing\s+3", result.stdout)
    assert re.search(r"not a finite number\s+2", result.stdout)


def test_a_csv_without_the_named_column_is_refused(tmp_path):
    table = tmp_path / "wrong.csv"
    table.write_text("id,structure\n1,x\n")
    refused(run("data", "build", table, "--out", tmp_path / "t.parquet"), "'cif'", "structure")
    refused(
        run("data", "build", table, "--out", tmp_path / "t.parquet", "--cif-column", "structure", "--label", "gap"),
        "'gap'",
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--elements", "Xx"], "Xx"),
        (["--max-sites", "0"], "sites"),
        (["--symprec", "-1"], "symprec"),
        (["--min-elements", "4", "--max-elements", "3"], "4 to 3"),
    ],
)
def test_rules_out_of_range_are_refused(rock_salt, tmp_path, options, word):
    refused(run("data", "build", rock_salt, "--out", tmp_path / "t.parquet", *options), word)


def test_an_absent_input_is_refused(tmp_path):
    refused(run("data", "build", tmp_path / "nothing", "--out", tmp_path / "t.parquet"), "does not exist")


# ── design: reading the options ──


def test_options_become_settings():
    options = {
        "band_gap": "0.5:2.0",
        "formation_energy": ":-0.5",
        "properties": ("bulk_modulus=100:",),
        "space_group": "143:",
        "exclude": "radioactive,f-block",
        "stoichiometry": None,
        "unconditional": True,
        "count": 5,
        "workers": 1,
    }
    config = run_config(None, options)
    assert config.target.properties == {"bulk_modulus": "100:", "band_gap": "0.5:2", "formation_energy": ":-0.5"}
    assert config.target.space_group == "143:"
    assert config.target.stoichiometry == ""
    assert config.sampling.unconditional
    assert (config.count, config.seed, config.execution.workers) == (5, 0, 1)


def test_method_weights_and_front_become_settings():
    options = {"band_gap": "1:2", "weights": ("band_gap=2.5",), "method": "search", "pareto": "band_gap:max,a:min"}
    config = run_config(None, options)
    assert config.target.weights == {"band_gap": 2.5}
    assert config.sampling.method == "search"
    assert config.pareto == "band_gap:max,a:min"
    with pytest.raises(TargetError, match="'band_gap' given; write NAME=NUMBER"):
        run_config(None, {"weights": ("band_gap",)})


def test_options_take_precedence_over_the_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('seed = 3\ncount = 9\n[target]\nspace_group = "225"\nproperties = { band_gap = "1:2" }\n')
    config = run_config(path, {"count": 2, "band_gap": "3:4", "properties": ()})
    assert (config.seed, config.count) == (3, 2)
    assert config.target.properties == {"band_gap": "3:4"}
    assert config.target.space_group == "225"


def test_the_record_of_a_run_is_a_configuration(tmp_path):
    config = run_config(None, {"count": 3, "band_gap": "1:", "properties": ()})
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"config": config.to_dict()}))
    assert run_config(path, {}) == config


def test_a_property_given_twice_is_refused():
    with pytest.raises(TargetError, match="twice"):
        run_config(None, {"band_gap": "1:2", "properties": ("band_gap=3:4",)})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--band-gap", "wide"], ["wide", "LOW:HIGH"]),
        (["--band-gap", "2.0:0.5"], ["2:0.5", "empty"]),
        (["--space-group", "231"], ["231", "230"]),
        (["--space-group", "225", "--crystal-system", "trigonal"], ["225", "trigonal"]),
        (["--crystal-system", "pentagonal"], ["pentagonal", "cubic"]),
        (["--elements", "Cs,Xx"], ["Xx"]),
        (["--must-contain", "Cs", "--exclude", "Cs"], ["Cs"]),
        (["--must-contain", "U", "--exclude", "radioactive"], ["U"]),
        (["--elements", "Cs,Pt", "--must-contain", "Se"], ["Se"]),
        (["--stoichiometry", "1:x"], ["1:x"]),
        (["--stoichiometry", "1:1:3", "--n-elements", "2"], ["3 elements"]),
        (["--atoms", "0"], ["0"]),
        (["--property", "band_gap"], ["band_gap", "NAME=LOW:HIGH"]),
        (["--count", "0"], ["0"]),
        (["--stop-after", "dft"], ["dft", "hull"]),
    ],
)
def test_targets_that_cannot_be_are_refused(tmp_path, options, words):
    refused(run("design", "--out", tmp_path / "run", *options), *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [("colour = 1", ["colour", "known are"]), ("count = -1", ["count", "-1"]), ("count =", ["TOML"])],
)
def test_configurations_with_mistakes_are_refused(tmp_path, text, words):
    path = tmp_path / "run.toml"
    path.write_text(text)
    refused(run("design", "--out", tmp_path / "run", "--config", path), *words)


def test_an_absent_or_foreign_configuration_is_refused(tmp_path):
    refused(run("design", "--out", tmp_path / "run", "--config", tmp_path / "none.toml"), "none.toml")
    for text in ("[]", '{"config": [1]}', '{"config": {"target": "x"}}'):
        (tmp_path / "foreign.json").write_text(text)
        options = ("--band-gap", "0:1", "--crystal-system", "cubic", "--config", tmp_path / "foreign.json")
        refused(run("design", "--out", tmp_path / "run", *options), "foreign.json")


def test_a_vintage_that_no_label_has_is_refused(tmp_path, rock_salt):
    table = tmp_path / "labelled.csv"
    pd.DataFrame({"cif": [rock_salt.read_text()], "band_gap": [5.0]}).to_csv(table, index=False)
    refused(run("data", "build", table, "--out", tmp_path / "t.parquet", "--vintage", "nosuch"), "nosuch", "modern")


def test_a_table_never_overwrites_what_it_is_made_of(tmp_path, rock_salt):
    before = rock_salt.read_bytes()
    refused(run("data", "build", rock_salt, "--out", rock_salt), "overwrite")
    refused(run("data", "build", rock_salt.parent, "--out", rock_salt.parent / "table.parquet"), "join the input")
    refused(run("data", "build", rock_salt, "--out", tmp_path / "t.parquet", "--dropped", rock_salt), "--dropped")
    assert rock_salt.read_bytes() == before


# ── checkpoints ──


def test_a_foreign_checkpoint_is_refused(tmp_path, rock_salt):
    refused(run("predict", rock_salt, "--checkpoint", rock_salt), "salt.cif")
    refused(run("predict", rock_salt, "--checkpoint", tmp_path), "not a checkpoint")
    refused(run("design", "--out", tmp_path / "run", "--checkpoint", tmp_path), "not a checkpoint")
    refused(run("evaluate", "--data", rock_salt, "--out", tmp_path, "--checkpoint", tmp_path), "not a checkpoint")


def test_a_training_configuration_with_mistakes_is_refused(tmp_path):
    refused(run("train", tmp_path / "none.toml"), "none.toml")
    (tmp_path / "bad.toml").write_text('name = "x"\ntable = "t"\nout = "o"\nlearning_speed = 3\n')
    refused(run("train", tmp_path / "bad.toml"), "learning_speed")


# ── how errors end ──


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (TargetError("no seed; widen the target"), MISTAKE, "no seed; widen the target"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted; all is saved"),
        (OSError(errno.ENOSPC, "No space left on device", "/full/file"), FAILED, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/locked"), FAILED, "/locked: Permission denied"),
    ],
)
def test_errors_become_messages(error, status, words):
    @click.group(cls=UserErrors)
    def program() -> None:
        pass

    @program.command()
    @click.pass_context
    def fail(ctx: click.Context) -> None:
        ctx.meta[SAVED] = "all is saved"
        raise error

    result = CliRunner().invoke(program, ["fail"])
    assert result.exit_code == status
    assert words in result.stderr
    assert result.stdout == ""


def test_a_defect_is_not_hidden():
    @click.group(cls=UserErrors)
    def program() -> None:
        pass

    @program.command()
    def fail() -> None:
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(program, ["fail"]).exception, ZeroDivisionError)


# ── the documentation ──


def walk(command: click.Command, path: str = "wyckforge"):
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from walk(sub, f"{path} {name}")
    else:
        yield path, command


def test_every_verb_and_option_is_documented_and_nothing_else():
    sections = dict(
        re.findall(r"^## `(wyckforge [\w -]+)`\n(.*?)(?=^## |\Z)", (DOCS / "cli.md").read_text(), re.M | re.S)
    )
    commands = dict(walk(main))
    assert set(sections) == set(commands)
    for path, command in commands.items():
        documented = set(re.findall(r"^\| `(--[\w-]+)", sections[path], re.M))
        offered = {param.opts[0] for param in command.params if isinstance(param, click.Option)}
        assert documented == offered, path
