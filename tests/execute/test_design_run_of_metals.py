"""Design runs of metals with a cheap potential: repeated after a step failed, and short of what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.packages import MetalsPackage

from wyckforge.config import RunConfig
from wyckforge.errors import TargetError
from wyckforge.execute import design_run
from wyckforge.execute.design_run import run_design
from wyckforge.execute.journal import CUT_OFF
from wyckforge.records import Candidate

METALS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")
TOOL = "metals (metals 1.5)"
AWAY = OSError("the disk was away")


def config(**settings: Any) -> RunConfig:
    cheap = {
        "target": {"elements": ",".join(METALS), "n_elements": "2", "space_group": "221,225", "atoms": ":8"},
        "funnel": {"novel": False, "charge_neutrality": False, "synthesizability": False},
        "sampling": {"max_draws": 40},
        "build": {"source": "pyxtal"},
        "relax": {"potential": "metals"},
        "refine": {"potential": "none"},
        "judge": {"models": ["none"]},
        "phonon": {"relax": {"potential": "metals"}},
        "execution": {"engine": "in_process"},
        "seed": 7,
    }
    return RunConfig.load(None, cheap | settings)


@dataclass
class Fails:
    """A step that fails at some of its calls."""

    errors: dict[int, BaseException]
    met: list[str] = field(default_factory=list)

    def __call__(self, candidate: Candidate) -> Candidate:
        self.met.append(candidate.id)
        if error := self.errors.get(len(self.met)):
            raise error
        return candidate


Step = Callable[[int, dict[int, BaseException]], Fails]


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    """Puts a step that fails among those of a run."""
    usual = design_run.stages_of

    def put(place: int, errors: dict[int, BaseException]) -> Fails:
        failing = Fails(errors)

        def stages_of(*given: Any) -> tuple[design_run.Stage, ...]:
            stages = usual(*given)
            return *stages[:place], failing, *stages[place:]

        monkeypatch.setattr(design_run, "stages_of", stages_of)
        return failing

    return put


def elements(table: Path, energy: float) -> Path:
    """A table of reference energies (eV/atom) that are all the same."""
    table.write_text("formula,energy_per_atom,potential\n" + "".join(f"{one},{energy},{TOOL}\n" for one in METALS))
    return table


def ids(journal: Path) -> list[str]:
    return [json.loads(line)["id"] for line in journal.read_text().splitlines()]


def test_what_was_cut_off_is_taken_up_again_and_then_finished(tmp_path: Path, step: Step) -> None:
    failing, asked = step(1, {1: AWAY}), config(count=2, stop_after="build")
    found = run_design(asked, tmp_path, progress=False)
    first = failing.met[0]
    (cut_off,) = (one for one in found.candidates if one.find(CUT_OFF) is not None)
    assert cut_off.id == first
    drawn = (tmp_path / "drawn.jsonl").read_bytes()

    found = run_design(asked, tmp_path, progress=False)
    assert not any(one.find(CUT_OFF) for one in found.candidates)
    (again,) = (one for one in found.candidates if one.id == first)
    assert [one.stage for one in again.evidence].count("build") == 1
    assert ids(tmp_path / "realised.jsonl") == [first, failing.met[1], first]

    finished = (tmp_path / "candidates.jsonl").read_bytes()
    run_design(asked, tmp_path, progress=False)
    assert (tmp_path / "candidates.jsonl").read_bytes() == finished
    assert len(failing.met) == 3
    assert (tmp_path / "drawn.jsonl").read_bytes() == drawn

    (tmp_path / "drawn.jsonl").unlink()
    run_design(asked, tmp_path, progress=False)
    assert (tmp_path / "drawn.jsonl").read_bytes() == drawn
    assert (tmp_path / "candidates.jsonl").read_bytes() == finished


def test_what_was_realised_in_place_of_another_stays(tmp_path: Path, step: Step) -> None:
    failing, asked = step(0, {1: AWAY, 2: AWAY, 4: KeyboardInterrupt()}), config(count=2, stop_after="build")
    with pytest.raises(KeyboardInterrupt):
        run_design(asked, tmp_path, progress=False)
    first, second, instead, _ = failing.met
    found = run_design(asked, tmp_path, progress=False)
    assert {one.id for one in found.candidates if one.find("build") is not None} == {first, second, instead}
    assert found.completed == 3
    assert ids(tmp_path / "realised.jsonl") == [first, second, instead, first, second]


def test_a_run_that_falls_short_says_where_and_what_to_change(tmp_path: Path, metals: MetalsPackage) -> None:
    metals.install()
    asked = config(count=2, stop_after="phonon", hull={"reference": str(elements(tmp_path / "own.csv", -9))})
    with pytest.raises(
        TargetError,
        match=r"^0 of 4 realised candidates have a result of the last step, 'phonon', 2 asked for; of the others 4 "
        r"above 0\.1 eV/atom on the hull; \d+ more genes are there to try: raise attempts_per_candidate \(now 2\)$",
    ):
        run_design(asked, tmp_path / "run", progress=False)


def test_phonons_wait_until_a_candidate_is_realised_and_are_done_once(
    tmp_path: Path, step: Step, metals: MetalsPackage
) -> None:
    metals.install()
    table, out = elements(tmp_path / "own.csv", 9), tmp_path / "run"
    asked = config(count=1, attempts_per_candidate=1, stop_after="phonon", hull={"reference": str(table)})
    failing = step(4, {1: AWAY})  # after build, relax, hull and symmetry
    with pytest.raises(TargetError, match=r"0 of 1 realised .* of the others 1 cut off; the same command takes up"):
        run_design(asked, out, progress=False)
    assert json.loads((out / "candidates.jsonl").read_text().splitlines()[0])["evidence"][-1]["stage"] == CUT_OFF
    for _ in range(2):
        found = run_design(asked, out, progress=False)
        assert found.completed == 1
        assert found.candidates[0].find(CUT_OFF) is None
        assert found.candidates[0].find("phonon_gamma") is not None
        assert ids(out / "phonons.jsonl") == failing.met[:1]
