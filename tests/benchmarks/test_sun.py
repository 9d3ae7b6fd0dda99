from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sun import CONFIG, OURS, FireRefine, FireRelax, KnownCrystals, Ways, settings, ways
from sun_page import Outcome, cheaper, page_of, per_success, suns
from wyckforge.config import RunConfig
from wyckforge.execute.run_stages import Stage
from wyckforge.realise.refine import Refine
from wyckforge.realise.stages import Build, Relax
from wyckforge.records import Candidate, Evidence, Origin, Verdict
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

PASS: Verdict = "pass"


def salt(edge: float = 5.69) -> Crystal:
    coords = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    return Crystal(np.eye(3) * edge, np.array([11] * 4 + [17] * 4), np.vstack([coords, coords + 0.5]))


def outcome(
    way: str = "ours",
    seconds: float = 4.0,
    novel: bool = True,
    gene: str = "225|Na:a|Cl:b",
    verdicts: Mapping[str, Verdict] | None = None,
) -> Outcome:
    stages = dict.fromkeys(("build", "relax", "hull", "refined_hull"), PASS) | dict(verdicts or {})
    found = [Evidence(stage, verdict) for stage, verdict in stages.items()]
    candidate = Candidate("ours-1", WyckoffGene.parse(gene), Origin("prior"), crystal=salt())
    return Outcome(way, candidate.with_evidence(*found, Evidence("seconds", "pass", seconds, "s")), novel)


def test_the_second_of_two_equal_crystals_is_not_unique() -> None:
    assert suns([outcome(), outcome()]) == [True, False]


@pytest.mark.parametrize("stage", ["hull", "refined_hull"])
def test_both_hulls_have_to_let_it_through(stage: str) -> None:
    assert suns([outcome(verdicts={stage: "fail"})]) == [False]
    assert suns([outcome(verdicts={stage: "unknown"})]) == [False]


def test_a_known_crystal_is_no_success_and_makes_no_other_one_a_copy() -> None:
    assert suns([outcome(novel=False), outcome()]) == [False, True]


def test_a_price_is_that_of_two_workers_for_each_success() -> None:
    ours = [(outcome(seconds=4), True), (outcome(seconds=8), False)]
    baseline = [(outcome(seconds=40), True), (outcome(seconds=80), False)]
    assert per_success(ours) == "6.0"
    assert per_success(ours[1:]) == "no success"
    assert cheaper(ours, baseline).startswith("10.0 [")


def test_known_crystals_are_matched_by_their_formula() -> None:
    one = salt()
    known = KnownCrystals(
        pd.DataFrame(
            {"lattice": [one.lattice.ravel()], "numbers": [one.numbers], "frac_coords": [one.frac_coords.ravel()]}
        )
    )
    candidate = outcome().candidate
    assert not known.lacks(candidate)
    assert known.lacks(replace(candidate, crystal=replace(one, numbers=np.array([19] * 4 + [17] * 4))))
    assert not known.lacks(replace(candidate, crystal=None))


def test_the_page_counts_over_all_attempted() -> None:
    failed = {"build": "fail", "relax": "unknown"}
    outcomes = [outcome(), outcome(verdicts=failed)]
    outcomes += [outcome(way, seconds) for way, seconds in (("one", 40.0), ("three", 90.0)) for _ in range(2)]
    config = RunConfig.from_dict({**CONFIG, "count": 2}, source="the test")
    record = {"draws": 4000, "funnel": [{"passed": 300}], "timings_s": {"draw": 30.0}}
    page = page_of(outcomes, outcomes[:2], record, config, 12_345, set())
    assert "4,000 genes were drawn, 300 came through the funnel, which took 30 s" in page
    assert "| **S.U.N. by both potentials** | 1 of 2, 50 % [9, 91] | 1 of 2" in page
    assert "| wall time of two workers per S.U.N. crystal, s | 4.0 | 40.0 | 90.0 |" in page
    assert "| the same with drawing the list, s | 34.0 | 70.0 | 120.0 |" in page
    assert "Of what was built, 1 of 1, 100 %" in page
    assert "takes 10.0 [" in page


def test_genes_that_settings_were_chosen_on_are_told_apart() -> None:
    other = "225|K:a|Cl:b"
    outcomes = [
        outcome(way, seconds, gene=gene, verdicts={} if gene == other else {"hull": "fail"})
        for way, seconds in (("ours", 4.0), ("one", 12.0), ("three", 20.0))
        for gene in ("225|Na:a|Cl:b", other)
    ]
    config = RunConfig.from_dict({**CONFIG, "count": 2}, source="the test")
    record = {"draws": 4000, "funnel": [{"passed": 300}], "timings_s": {"draw": 30.0}}
    page = page_of(outcomes, [], record, config, 12_345, {"225|Na:a|Cl:b"})
    assert "first 160 genes of a list of\n1000 or more drawn with seed 8; 1 of them are on this list, too" in page
    assert "| **S.U.N. by both potentials** | 1 of 2, 50 %" in page
    assert "| S.U.N., of the 1 other genes | 1 of 1, 100 %" in page
    assert "over the 1 other genes, 3.0 [3.0, 3.0] and\n5.0 [5.0, 5.0] times less" in page
    assert "Of the first half of the list, 0 of 1, 0 % [0, 79] are S.U.N., of the second 1 of 1" in page


def test_what_decides_is_written_down_without_places_on_this_machine() -> None:
    config = RunConfig.from_dict({**CONFIG, "count": 2}, source="the test")
    found = settings(config)
    assert found["relax"]["starts"] == 3
    assert found["baseline"]["starts"] == {"one": 1, "three": 3}
    relaxing = config.relax.model_copy(update={"enough_ev_per_atom": 0.05})
    assert settings(config.model_copy(update={"relax": relaxing})) != found
    assert settings(config.model_copy(update={"count": 3})) == found
    assert str(Path.home()) not in json.dumps(found)


def test_the_baseline_is_the_chain_with_pyxtal_and_fire_and_never_stops_early() -> None:
    found = ways(RunConfig.from_dict({**CONFIG, "count": 2}, source="the test"))
    ours, three = found.chains[OURS], found.chains["three"]
    assert len(ours) == len(three)
    changed = [(one, other) for one, other in zip(ours, three, strict=True) if one != other]
    assert [type(one) for one, _ in changed] == [Build, Relax, Refine]
    assert changed[0][1].config.source == "pyxtal"
    assert isinstance(changed[1][1], FireRelax)
    assert changed[1][1].hull is None
    assert isinstance(changed[2][1], FireRefine)
    assert found.chains["one"][1].config.starts == 1


def test_a_candidate_goes_the_way_that_its_id_names() -> None:
    def named(name: str) -> Stage:
        return lambda candidate: candidate.with_evidence(Evidence(name, "pass"))

    both = Ways({OURS: (named("our stage"),), "one": (named("other stage"),)}, named("proof"))
    for verdict in (PASS, "fail"):
        near = outcome(verdicts={"hull": verdict}).candidate
        assert (both(near).find("proof") is not None) == (verdict == PASS)
    other = both(replace(outcome().candidate, id="one-1"))
    assert other.find("other stage") is not None
    assert other.find("our stage") is None
    assert other.find("proof") is None
    assert other.find("seconds") is not None
