from __future__ import annotations

from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.report.prediction import prediction_table
from wyckforge.report.terminal import MAX_LINES
from wyckforge.symmetry.gene import WyckoffGene

PEROVSKITE = WyckoffGene.parse("62|O:cd|Ca:c|Ti:a")


def candidate(k: int) -> Candidate:
    evidence = (
        Evidence("relax", "pass", -8.0 + 0.01 * k, "eV/atom"),
        Evidence("symmetry", "fail" if k else "pass", 221 if k else 62),
        Evidence("found", "pass", 3, "times"),
    )
    return Candidate(f"t{k:05d}", PEROVSKITE, Origin("sequential"), {}, None, evidence)


def test_a_line_for_each_structure_with_the_group_found() -> None:
    head, first, second = prediction_table([candidate(0), candidate(1)]).splitlines()
    assert head.split()[:2] == ["rank", "space"]
    assert first.split() == ["1", "Pnma", "(62)", "4", "−8.000", "0.000", "–", "3", "t00000", "62|O:cd|Ca:c|Ti:a"]
    assert second.split()[1:6] == ["Pm-3m", "(221)", "4", "−7.990", "0.010"]


def test_long_tables_end_in_a_count() -> None:
    lines = prediction_table([candidate(k) for k in range(MAX_LINES + 3)]).splitlines()
    assert len(lines) == MAX_LINES + 2
    assert lines[-1] == "… and 3 more in candidates.csv"
