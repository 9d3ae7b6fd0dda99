"""The steps from gene to hull as a flow for jobflow: one job per gene, and one that collects what they found.

    pip install jobflow
    python examples/jobflow_flow.py '225|Na:a|Cl:b' '221|Cs:a|Cl:b'

Here the flow runs in this process; jobflow-remote or FireWorks take the same flow to a cluster. What travels between
jobs is the JSON form of a candidate, so that it can be read back from any of their databases.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wyckforge.execute.run_stages import run_one
from wyckforge.realise.stages import Build, Hull, Relax, Symmetry
from wyckforge.records import Candidate, Origin
from wyckforge.symmetry.gene import WyckoffGene

if TYPE_CHECKING:
    from jobflow import Flow


def realise(candidate: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    """Build, relax and judge a candidate."""
    stages = (Build(seed), Relax(seed), Symmetry(), Hull())
    return run_one(Candidate.from_dict(candidate), stages).to_dict()


def rank(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Formula, gene and energy above hull (eV/atom) of each, the lowest first and unknown ones last."""
    rows = []
    for data in found:
        hull = Candidate.from_dict(data).find("hull")
        rows.append(
            {"formula": data["formula"], "gene": data["gene"], "above_hull": None if hull is None else hull.value}
        )
    return sorted(rows, key=lambda row: (row["above_hull"] is None, row["above_hull"]))


def flow_of(genes: Sequence[str], seed: int = 0) -> Flow:
    """The flow for genes in their text form."""
    from jobflow import Flow, job

    candidates = [
        Candidate(f"g{i}", WyckoffGene.parse(gene).canonical(), Origin("seed")) for i, gene in enumerate(genes)
    ]
    jobs = [job(realise)(candidate.to_dict(), seed) for candidate in candidates]
    last = job(rank)([one.output for one in jobs])
    return Flow([*jobs, last], output=last.output, name="wyckforge")


if __name__ == "__main__":
    from jobflow import run_locally

    flow = flow_of(sys.argv[1:])
    responses = run_locally(flow, ensure_success=True)
    for row in responses[flow.jobs[-1].uuid][1].output:
        print(row)
