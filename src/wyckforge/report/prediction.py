"""The ranked structures of a prediction, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from wyckforge.records import Candidate
from wyckforge.report.terminal import MAX_LINES, align
from wyckforge.report.typography import number
from wyckforge.symmetry.tables import space_group

HEAD = ("rank", "space group", "Z", "eV/atom", "above best", "above hull", "found", "id", "gene asked for")
_RIGHT = {0, 2, 3, 4, 5, 6}


def prediction_table(candidates: Sequence[Candidate]) -> str:
    """Plain text, a line for each structure, at most :data:`~wyckforge.report.terminal.MAX_LINES`.

    Args:
        candidates: converged structures, the lowest energy first.
    """
    rows = [_cells(rank, one, candidates[0]) for rank, one in enumerate(candidates[:MAX_LINES], start=1)]
    hidden = len(candidates) - len(rows)
    return "\n".join([*align([HEAD, *rows], _RIGHT), *([f"… and {hidden} more in candidates.csv"] if hidden else [])])


def _cells(rank: int, candidate: Candidate, best: Candidate) -> tuple[str, ...]:
    energy, lowest = _value(candidate, "relax"), _value(best, "relax")
    group = _value(candidate, "symmetry")
    times = _value(candidate, "found")
    gene = candidate.gene
    return (
        str(rank),
        "–" if group is None else f"{space_group(int(group)).symbol} ({int(group)})",
        str(gene.n_atoms // sum(gene.reduced_composition.values())),
        number(energy),
        "–" if energy is None or lowest is None else number(energy - lowest),
        number(_value(candidate, "hull")),
        "–" if times is None else f"{times:.0f}",
        candidate.id,
        str(gene),
    )


def _value(candidate: Candidate, stage: str) -> float | None:
    found = candidate.find(stage)
    return None if found is None else found.value
