"""The ranked table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from wyckforge.report.load import Run
from wyckforge.report.typography import formula_text, number, step_words
from wyckforge.report.view import (
    UNFINISHED,
    Row,
    expected_words,
    own_properties,
    pursued,
    rank_rows,
    realised,
    stage_counts,
)

MAX_LINES = 20
WIDTH = 100
_MARKS = {"pass": "yes", "fail": "no", "unknown": "?", "none": "–"}


def summary(folder: Path) -> str:
    """What a run found: the counts of the funnel in one line each, then the ranked table.

    Args:
        folder: holds ``candidates.jsonl`` and ``run.json``.

    Returns:
        Plain text, at most :data:`MAX_LINES` candidates.

    Raises:
        MissingDependencyError: a record is absent.
        TableError: a record cannot be read.
    """
    run = Run.load(folder)
    rows = rank_rows(run.candidates)
    lines = [
        f"{step_words(step['step']):<34}{step['passed']:>9,} of {step['entered']:,}"
        for step in run.info.get("funnel", [])
    ]
    lines.append(f"{'pursued':<34}{len(realised(rows) if run.unfinished else pursued(rows)):>9,}")
    lines += [
        f"{label:<34}{count:>9,}{f'  ({lost})' if lost else ''}" for label, count, lost in stage_counts(rows, run)
    ]
    if not rows:
        return "\n".join([*lines, "", "No candidate came through; widen the target, or allow more draws."])
    chosen = pursued(rows)
    calibrated = bool(run.info.get("calibrated"))
    names = own_properties(chosen)
    lines_of = [_cells(row, names, calibrated=calibrated) for row in chosen[:MAX_LINES]]
    if run.info.get("config", {}).get("pareto"):
        lines_of = [line | {"front": line["front"].replace("–", "no")} for line in lines_of]
    filled = [head for head in lines_of[0] if any(line[head] != "–" for line in lines_of)]
    numeric = {place for place, head in enumerate(filled) if head not in _WORDS}
    table = align([filled, *([line[head] for head in filled] for line in lines_of)], right=numeric)
    n_hidden = len(rows) - min(len(chosen), MAX_LINES)
    hidden = [f"… and {n_hidden} more in candidates.csv"] if n_hidden else []
    return "\n".join([*lines, "", *table, *hidden, *_remarks(run)])


def align(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Lay cells out in columns; the first row is the head.

    Args:
        rows: cells as text, every row of the same length.
        right: indices of the columns to set flush right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


_WORDS = {"formula", "space group", "front", "converged", "symmetry", "gene"}
"""Columns that hold no numbers."""


def _remarks(run: Run) -> list[str]:
    """What is to be expected, what the model has hardly seen, and whether more is to come."""
    remarks = [UNFINISHED] if run.unfinished else []
    remarks += [f"Warning: {warning}." for warning in run.info.get("warnings", [])]
    remarks += [words] if (words := expected_words(run.info)) else []
    return [line for remark in remarks for line in ("", *wrap(remark, WIDTH))]


def _cells(row: Row, names: Sequence[str], *, calibrated: bool) -> dict[str, str]:
    """The cells of a line by the head of their column; ``names`` are properties beside gap and formation energy."""
    return {
        "rank": str(row.rank),
        "formula": formula_text(row.candidate.gene.formula),
        "space group": f"{row.group.symbol} ({row.group.number})",
        "above hull": number(row.e_hull),
        "2nd hull": number(row.second_hull),
        "stable": "–" if row.stable is None else f"{row.stable:.0%}",
        **{name: number(row.predicted(name), 2) for name in names},
        "gap": number(row.gap, 2),
        "E_f": number(row.formation_energy, 2),
        "on target": f"{row.claimed:.0%}" if calibrated and row.claimed is not None else "–",
        "front": "yes" if row.on_front else "–",
        **{f"relaxed {name}": number(row.judged_value(name), 2) for name in names},
        "relaxed gap": number(row.judged_gap, 2),
        "relaxed E_f": number(row.relaxed_formation_energy, 2),
        "on target, relaxed": "–" if row.judged is None else f"{row.judged:.0%}",
        "lowest mode": number(row.lowest_mode, 0),
        "converged": _MARKS[row.verdict("relax")],
        "symmetry": _MARKS[row.verdict("symmetry")],
        "gene": str(row.candidate.gene),
    }
