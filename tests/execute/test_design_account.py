from __future__ import annotations

from typing import Any

import pytest
from tests.execute.work import candidates

from wyckforge.config import RunConfig
from wyckforge.execute.design_account import account
from wyckforge.execute.journal import CUT_OFF
from wyckforge.records import Candidate, Evidence

RECORD: dict[str, Any] = {"draws": 100, "funnel": [{"step": "valid", "passed": 90}], "calibrated": True}
BUILT = Evidence("build", "pass", 8)
RELAXED = Evidence("relax", "pass", -3.0)


def of(*evidence: tuple[Evidence, ...]) -> list[Candidate]:
    return [one.with_evidence(*found) for one, found in zip(candidates(len(evidence)), evidence, strict=True)]


def test_candidates_are_counted_where_they_stayed_behind() -> None:
    config = RunConfig.load(None, {"stop_after": "phonon", "count": 5, "hull": {"threshold_ev_per_atom": 0.05}})
    good = Evidence("hull", "pass", 0.01, reason="against 1.00 NaCl")
    ranked = of(
        (BUILT, RELAXED, good, Evidence("symmetry", "pass", 225), Evidence("phonon_gamma", "fail", -50.0)),
        (BUILT, RELAXED, Evidence("hull", "fail", 0.3, reason="against 0.15 NaI + 0.85 BiI3")),
        (BUILT, RELAXED, Evidence("hull", "fail", 0.2, reason="against 0.25 NaI + 0.75 BiI3")),
        (BUILT, RELAXED, good, Evidence("refined_hull", "fail", 0.2, reason="against 1.00 NaCl")),
        (BUILT, Evidence("relax", "unknown", -2.9, reason="200 steps"), Evidence("hull", "unknown", 0.3)),
        (Evidence("build", "fail", reason="no room"),),
        (Evidence(CUT_OFF, "unknown", reason="not finished within 60 s, tried 2 times"),),
        (BUILT, RELAXED, good, Evidence(CUT_OFF, "unknown", reason="its worker process was lost, tried 2 times")),
        (BUILT, RELAXED, good, Evidence("symmetry", "fail", 221), Evidence("phonon_gamma", "unknown", reason="no end")),
    )
    found = account([*ranked, *candidates(3)], config, RECORD)
    assert found["completed"] == 1
    assert found["ended"] == {
        "above 0.05 eV/atom on the hull": 2,
        "cut off": 2,
        "above 0.05 eV/atom on the hull of the second potential": 1,
        "not relaxed to convergence": 1,
        "not built": 1,
        "without an answer about phonons": 1,
    }
    assert found["message"].startswith("1 of 9 realised candidates have a result of the last step, 'phonon', 5 asked ")
    assert found["message"].endswith(
        "; the same command takes up what was cut off; "
        "3 more genes are there to try: raise attempts_per_candidate (now 2)"
    )
    assert "no more genes are there to try: widen the target" in account(ranked, config, RECORD)["message"]


def test_where_the_judge_cannot_tell_the_claim_of_the_gene_stands() -> None:
    config = RunConfig.load(None, {"target": {"properties": {"band_gap": "1:2"}}, "stop_after": "relax"})
    claim = Evidence("target", "pass", 0.9)
    ranked = of(
        (claim, BUILT, RELAXED, Evidence("judged", "pass", 0.7)),
        (claim, BUILT, RELAXED, Evidence("judged", "unknown", reason="the model failed")),
        (claim, BUILT, RELAXED),
    )
    expected = account(ranked, config, RECORD)["expected"]
    assert expected["n"] == 3
    assert expected["rate"] == pytest.approx((0.7 + 0.9 + 0.9) / 3)
