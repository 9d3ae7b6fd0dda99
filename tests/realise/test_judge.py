from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.salts import crystal, material, salts_task

from wyckforge.design.ranking import rank_candidates
from wyckforge.models.forward.architecture import Pace
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.realise.judge import JUDGED, Judge, stage_of
from wyckforge.records import Candidate, Evidence, Interval, Origin
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.forward.model import ForwardModel, fit_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A forward model of the salts, in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        for architecture in {type(PUBLISHED["elemnet"]), type(PUBLISHED["wycryst-l+"])}:
            patch.setattr(architecture, "pace", Pace(epochs=5, learning_rate=1e-3, batch_size=16))
        model = fit_model("wycryst-l+", salts_task())
    path = tmp_path_factory.mktemp("model")
    model.save(path)
    return str(path)


def candidate(name: str = "one", *, built: bool = True) -> Candidate:
    gene = material("Na", "Cl", "rocksalt").gene
    made = crystal("Na", "Cl", "rocksalt") if built else None
    return Candidate(name, gene, Origin("prior"), {"gap": 5.0}, made)


def test_both_opinions_stand_side_by_side(folder: str) -> None:
    found = Judge((folder,), {"gap": Interval(0.1, 3.0)})(candidate())
    gap = found.find(stage_of("gap"))
    model = ForwardModel.load(folder)
    said = model.distributions([material("Na", "Cl", "rocksalt")])["gap"]
    assert gap is not None
    assert gap.value == pytest.approx(said.value()[0])
    assert "by the gene alone 5" in gap.reason
    assert "90 % " in gap.reason
    chance = said.probability(0.1, 3.0)[0]
    assert f"inside 0.1:3 with probability {chance:.2f}" in gap.reason
    assert gap.verdict == ("pass" if chance >= 0.5 else "fail")
    joint = found.find(JUDGED)
    assert joint is not None
    assert joint.value == pytest.approx(chance)


def test_what_is_not_asked_for_is_told_and_not_judged(folder: str) -> None:
    found = Judge((folder,), {})(candidate())
    assert found.find(JUDGED) is None
    assert {one.stage: one.verdict for one in found.evidence} == {
        stage_of("stiffness"): "pass",
        stage_of("gap"): "pass",
    }


def test_what_no_model_predicts_is_named(folder: str) -> None:
    asked = {"gap": Interval(-1, 100), "colour": Interval(1, 2)}
    joint = Judge((folder,), asked)(candidate()).find(JUDGED)
    assert joint is not None
    assert joint.value == pytest.approx(1.0, abs=0.02)
    assert "nothing is said of colour" in joint.reason


def test_without_a_structure_nothing_is_known(folder: str) -> None:
    found = Judge((folder,), {"gap": Interval(0, 1)})(candidate(built=False))
    assert found.find(JUDGED) == Evidence(JUDGED, "unknown", reason="there is no structure")


def test_the_first_model_is_heard_where_several_know_a_property(folder: str, tmp_path: Path) -> None:
    model = ForwardModel.load(folder)
    replace(model, name="second").save(tmp_path)
    found = Judge((folder, str(tmp_path)))(candidate())
    assert {one.tool for one in found.evidence} == {f"forward model {model.name}"}


def test_a_model_that_cannot_judge_does_not_silence_one_that_can(folder: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(PUBLISHED["elemnet"]), "pace", Pace(epochs=2, learning_rate=1e-3, batch_size=16))
        fit_model("elemnet", salts_task()).save(tmp_path / "elemnet")
    heavy = replace(candidate(), gene=WyckoffGene.parse("225|Lr:a|Cl:b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(PUBLISHED["wycryst-l+"]), "problem", lambda *_: "too heavy")
        first = Judge((folder, str(tmp_path / "elemnet")), {"gap": Interval(0, 9)})(candidate())
        alone = Judge((folder,), {"gap": Interval(0, 9)})(heavy)
    assert {one.tool for one in first.evidence if one.stage == stage_of("gap")} == {"forward model elemnet"}
    assert first.find(JUDGED).value is not None
    assert alone.find(stage_of("gap")).verdict == "unknown"
    assert alone.find(JUDGED) == Evidence(JUDGED, "unknown", reason="no model could judge gap")


def test_half_a_judgement_is_none(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ForwardModel.distributions

    def half(model: ForwardModel, materials) -> dict:
        found = real(model, materials)
        return found | {"gap": replace(found["gap"], location=np.full(len(materials), np.nan))}

    monkeypatch.setattr(ForwardModel, "distributions", half)
    found = Judge((folder,), {"gap": Interval(0, 9), "stiffness": Interval(0, 900)})(candidate())
    assert "no answer about the relaxed structure" in found.find(stage_of("gap")).reason
    assert found.find(stage_of("stiffness")).verdict == "pass"
    assert found.find(JUDGED) == Evidence(JUDGED, "unknown", reason="no model could judge gap")


def test_a_model_that_fails_costs_nothing_but_its_opinion(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise FloatingPointError("lost")

    monkeypatch.setattr(ForwardModel, "distributions", fail)
    found = Judge((folder,), {"gap": Interval(0, 9)})(candidate())
    assert found.crystal is not None
    assert found.find(stage_of("gap")).reason == "the model failed: lost"


def test_candidates_are_ranked_by_the_probability_of_meeting_the_target() -> None:
    def judged(name: str, chance: float, above_hull: float) -> Candidate:
        verdict = "pass" if chance >= 0.5 else "fail"
        return candidate(name).with_evidence(
            Evidence(JUDGED, verdict, chance), Evidence("hull", "pass", above_hull, "eV/atom")
        )

    ranked = rank_candidates(
        [judged("stable", 0.55, 0.0), judged("likely", 0.9, 0.05), judged("unlikely", 0.2, 0.0)], last_stage="hull"
    )
    assert [one.id for one in ranked] == ["likely", "stable", "unlikely"]
