"""What the examples hand to other engines works without them."""

from __future__ import annotations

import runpy
from pathlib import Path

from wyckforge.records import Candidate, Origin
from wyckforge.symmetry.gene import WyckoffGene

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_jobs_of_the_jobflow_example_take_and_give_json():
    example = runpy.run_path(str(EXAMPLES / "jobflow_flow.py"))
    candidate = Candidate("g0", WyckoffGene.parse("225|Na:a|Cl:b"), Origin("seed")).to_dict()
    found = example["realise"](candidate)
    rows = example["rank"]([candidate, found])
    assert [row["formula"] for row in rows] == ["NaCl", "NaCl"]
    assert abs(rows[0]["above_hull"]) < 0.05
    assert rows[1]["above_hull"] is None
