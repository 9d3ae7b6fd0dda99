"""Whole design runs: repeated, killed and resumed, refused, and through the hull with a real potential."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wyckforge.config import RunConfig
from wyckforge.data.readers import read_structures
from wyckforge.errors import ConfigError, TableError, TargetError
from wyckforge.execute import design_run, inputs
from wyckforge.execute.design_run import run_design, stages_of
from wyckforge.execute.folder import read_candidates
from wyckforge.execute.inputs import hull_energy
from wyckforge.realise.hull import ReferenceHull
from wyckforge.realise.stages import Hull
from wyckforge.symmetry.elements import F_BLOCK, RADIOACTIVE
from wyckforge.targets import parse_target
from wyckforge.train import checkpoint

TARGET = {
    "properties": {"band_gap": "0.5:3.0", "formation_energy": ":-0.5"},
    "space_group": "75:",
    "exclude": "radioactive,f-block",
    "atoms": ":10",
}


def config(**settings: Any) -> RunConfig:
    return RunConfig.load(
        None,
        {"target": TARGET, "seed": 7, "count": 4, "sampling": {"max_draws": 6000}, "stop_after": "funnel"} | settings,
    )


def bundled() -> dict[str, Any]:
    """The defaults, as paths: worker and other processes read them for themselves."""
    return {"checkpoint": str(checkpoint.bundled_checkpoint()), "hull": {"reference": str(inputs.BUNDLED_HULL)}}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.fixture(scope="module")
def funnelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("funnel") / "run"
    run_design(config(), out, progress=False)
    return out


def test_a_run_to_the_funnel_writes_what_it_found(funnelled):
    record = json.loads((funnelled / "run.json").read_text())
    found = list(read_candidates(funnelled / "candidates.jsonl"))
    assert record["status"] == "complete"
    assert record["completed"] == len(found) >= 4
    assert record["config"]["seed"] == 7
    assert record["draws"] == record["funnel"][0]["entered"]
    assert record["funnel"][-1]["passed"] == len(found)
    classifiers = {"classifier synthesizability", "classifier metal"}
    assert set(record["inputs"]) == {"checkpoint", "reference", "hull"} | classifiers
    for candidate in found:
        assert candidate.rejected_by is None
        assert candidate.gene.space_group >= 75
        assert candidate.gene.n_atoms <= 10
        assert not set(candidate.gene.elements) & (RADIOACTIVE | F_BLOCK)
        assert 0.5 <= candidate.predictions["band_gap"] <= 3.0
        assert candidate.predictions["formation_energy"] <= -0.5
    with (funnelled / "candidates.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == [candidate.id for candidate in found]


def test_a_run_names_the_classifiers_that_it_asks():
    assert inputs.classifiers_used(config()) == ["synthesizability", "metal"]
    assert inputs.classifiers_used(config(funnel={"synthesizability": False})) == ["metal"]
    assert inputs.classifiers_used(config(target={"space_group": "75:"})) == ["synthesizability"]
    assert inputs.classifiers_used(config(funnel={"metallic": False})) == ["synthesizability"]


def test_same_seed_same_candidates_other_seed_others(funnelled, tmp_path):
    run_design(config(), tmp_path / "same", progress=False)
    assert (tmp_path / "same" / "candidates.jsonl").read_bytes() == (funnelled / "candidates.jsonl").read_bytes()
    run_design(config(seed=8), tmp_path / "other", progress=False)
    assert (tmp_path / "other" / "candidates.jsonl").read_bytes() != (funnelled / "candidates.jsonl").read_bytes()


def test_a_finished_run_repeated_draws_nothing_again(funnelled):
    before = (funnelled / "candidates.jsonl").read_bytes()
    drawn = json.loads((funnelled / "run.json").read_text())["timings_s"]
    run_design(config(execution={"workers": 1}), funnelled, progress=False)
    assert (funnelled / "candidates.jsonl").read_bytes() == before
    assert json.loads((funnelled / "run.json").read_text())["timings_s"] == drawn


def test_another_configuration_is_refused(funnelled):
    with pytest.raises(ConfigError, match=r"other settings \(config.seed\)"):
        run_design(config(seed=8), funnelled, progress=False)


def test_genes_alone_keep_the_constraints_but_know_no_funnel(tmp_path):
    result = run_design(config(stop_after="genes"), tmp_path / "run", progress=False)
    assert [step["step"] for step in result.record["funnel"]] == ["valid", "constraints", "unique"]
    assert len({candidate.gene for candidate in result.candidates}) == len(result.candidates) >= 4
    assert all(candidate.gene.n_atoms <= 10 for candidate in result.candidates)


def test_an_empty_result_is_an_error_with_counts_and_a_record(tmp_path):
    asked = config(sampling={"max_draws": 50}, funnel={"max_sites": 1})
    with pytest.raises(
        TargetError, match=r"none of 50 genes decoded came through \(left after valid .* sites 0.*strictest was sites"
    ):
        run_design(asked, tmp_path / "run", progress=False)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["completed"] == 0
    assert (tmp_path / "run" / "candidates.jsonl").read_text() == ""


def test_crystals_are_placed_on_the_hull_of_the_potential_that_relaxes_them():
    asked = config(stop_after="hull", relax={"potential": "sevennet-0"}, refine={"potential": "none"})
    (hull,) = (stage for stage in stages_of(asked, parse_target(asked.target)) if isinstance(stage, Hull))
    assert hull.potential == "sevennet-0"


def command_of(tmp_path: Path, asked: RunConfig, out: Path) -> list[str]:
    """A run as a process of its own."""
    program = (
        "import json, sys; from pathlib import Path; from wyckforge.config import RunConfig;"
        "from wyckforge.execute.design_run import run_design\n"
        "if __name__ == '__main__': run_design(RunConfig.from_dict(json.loads(sys.argv[1])), Path(sys.argv[2]))"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    return [sys.executable, str(script), json.dumps(asked.to_dict()), str(out)]


def test_two_runs_on_one_folder_at_once_end_with_the_same(tmp_path):
    asked = config(count=6, stop_after="build", execution={"workers": 1}, **bundled())
    out = tmp_path / "run"
    command = command_of(tmp_path, asked, out)
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    names = [json.loads(line)["id"] for line in lines(out / "realised.jsonl")]
    assert len(names) == len(set(names)) >= 6
    alone = run_design(asked, tmp_path / "alone", progress=False)
    assert [c.to_dict() for c in read_candidates(out / "candidates.jsonl")] == [c.to_dict() for c in alone.candidates]
    assert not list(out.glob("*.partial"))


def test_a_killed_run_resumes_and_repeats_nothing(tmp_path):
    asked = config(count=8, stop_after="build", execution={"workers": 1}, **bundled())
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = command_of(tmp_path, asked, killed)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    stream = killed / "realised.jsonl"
    deadline = time.monotonic() + 120
    while not (stream.exists() and lines(stream)) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = stream.read_text()
    finished = finished[: finished.rfind("\n") + 1]
    assert finished
    assert json.loads((killed / "run.json").read_text())["status"] == "running"

    resumed = run_design(asked, killed, progress=False)
    uninterrupted = run_design(asked, whole, progress=False)
    assert stream.read_text().startswith(finished)
    names = [json.loads(line)["id"] for line in lines(stream)]
    assert len(names) == len(set(names))
    assert [c.to_dict() for c in resumed.candidates] == [c.to_dict() for c in uninterrupted.candidates]
    assert resumed.completed == uninterrupted.completed


def test_two_candidates_through_the_hull(tmp_path):
    result = run_design(
        config(
            count=2,
            stop_after="hull",
            target=TARGET | {"atoms": ":6"},
            relax={"max_steps": 40, "fmax_ev_per_angstrom": 0.2, "smax_gpa": 3.0},
            **bundled(),
        ),
        tmp_path / "run",
        progress=False,
    )
    assert 1 <= result.completed <= 4
    realised = [candidate for candidate in result.candidates if candidate.find("hull") is not None]
    assert result.candidates[: len(realised)] == tuple(realised)
    for candidate in realised:
        stages = [found.stage for found in candidate.evidence]
        assert stages.index("build") < stages.index("relax") < stages.index("hull") < stages.index("symmetry")
        assert candidate.find("symmetry").value == candidate.gene.space_group
        assert candidate.crystal is not None
    files = {row.id: row for row in read_structures(tmp_path / "run" / "cifs")}
    assert len(files) == sum(candidate.crystal is not None for candidate in result.candidates)
    assert {step["step"] for step in result.record["realise"]} == {"build", "relax", "symmetry", "hull"}
    energies = [found.value for c in realised if (found := c.find("hull")).verdict == "pass"]
    assert energies == sorted(energies)


def test_out_of_time_phonons_cost_their_own_evidence_alone_and_are_made_up_for(tmp_path, monkeypatch):
    """On a metal of one atom per primitive cell, which comes through without a frequency at Γ."""
    asked = config(
        count=1,
        attempts_per_candidate=1,
        stop_after="phonon",
        target={"n_elements": "1", "space_group": "225", "atoms": ":4", "exclude": "radioactive,f-block"},
        funnel={"novel": False, "charge_neutrality": False, "synthesizability": False},
        refine={"potential": "none"},
        judge={"models": ["none"]},
        phonon={"relax": {"potential": "chgnet"}},
        execution={"workers": 1},
    )
    out, phonons_s = tmp_path / "run", asked.phonon.max_seconds
    with monkeypatch.context() as hurry:
        hurry.setattr(design_run, "time_limit", lambda allowed_s: 0.05 if allowed_s == phonons_s else 600.0)
        with pytest.raises(
            TargetError,
            match=r"0 of 1 realised candidates have a result of the last step, 'phonon'.* 1 cut off; the same command",
        ):
            run_design(asked, out, progress=False)
    first = next(read_candidates(out / "candidates.jsonl"))
    assert {"build", "relax", "symmetry", "hull"} <= {found.stage for found in first.evidence}
    assert first.evidence[-1].reason == "not finished within 0.05 s, tried 2 times"
    assert first.find("phonon_gamma") is None
    realised = (out / "realised.jsonl").read_bytes()

    result = run_design(asked, out, progress=False)
    assert (out / "realised.jsonl").read_bytes() == realised
    assert result.completed == 1
    done = result.candidates[0]
    assert done.evidence[: len(first.evidence) - 1] == first.evidence[:-1]
    gamma = done.find("phonon_gamma")
    assert (gamma.verdict, gamma.value) == ("pass", None)
    assert gamma.reason == "one atom in the primitive cell has acoustic modes only"
    assert len(lines(out / "phonons.jsonl")) == 2


def test_a_table_of_another_potential_than_the_one_that_relaxes_is_refused_before_anything_is_made(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("formula,energy_per_atom,potential\nNa,-1.3,SevenNet\nCl,-1.8,SevenNet\n")
    with pytest.raises(TableError, match=r"CHGNet 0\.3\.0 cannot be compared with mine\.csv"):
        run_design(config(stop_after="hull", hull={"reference": str(table)}), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_wrong_engine_is_refused_before_anything_is_made(tmp_path):
    engine = {"engine": "parsl", "parsl_config": str(tmp_path / "absent.toml")}
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        run_design(config(stop_after="build", execution=engine), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_the_hull_as_a_formation_energy():
    """Elements lie at zero; a compound on the hull has its own formation energy; others lie on the tie line."""
    hull = ReferenceHull(["Na", "Cl", "NaCl"], [-1.0, -2.0, -3.5], tool="some", name="small")
    energy = hull_energy(hull)
    assert energy({11: 1}) == pytest.approx(0.0)
    assert energy({11: 1, 17: 1}) == pytest.approx(-3.5 + 1.5)
    assert energy({11: 3, 17: 1}) == pytest.approx(-2.0 / 2)
    assert energy({11: 1, 19: 1}) is None
