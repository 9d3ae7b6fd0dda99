"""The page of ``structure_prediction.py``: what was found, how often, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import clustered, count
from wyckforge.evaluate.metrics import Rate

Row = Mapping[str, Any]
METHODS = {"sequential": "sequential", "random": "random", "hopping": "basin hopping"}
STARTS = {"pyxtal": "PyXtal", "model": "geometry model"}
PARTS = {"train": "learned from", "val": "validation", "test": "held out"}


def page_of(rows: Sequence[Row], n: int, seed: int) -> str:
    """The page, Markdown; its words are in ``structure_prediction.md.j2``.

    Args:
        rows: of all cases, with an outcome or ``None`` for each way.
        n: tries of every way.
        seed: of the tries.
    """
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True,
    )  # fmt: skip
    ways = [(method, starts) for starts in STARTS for method in METHODS]
    return words.get_template("structure_prediction.md.j2").render(
        n=n,
        seed=seed,
        cases=[_case(row) for row in rows],
        overview=[line for way in ways if (line := _overview(rows, *way))],
        sections=[
            {
                "title": f"{METHODS[method].capitalize()}, starts of {STARTS[starts]}",
                "lines": lines,
                "missing": [row["formula"] for row in rows if _outcome(row, method, starts) is None],
            }
            for method, starts in ways
            if (lines := [line for row in rows if (line := _line(row, method, starts))])
        ],
    )


def _outcome(row: Row, method: str, starts: str) -> Row | None:
    found: Row | None = row["ways"][f"{method}/{starts}"]
    return found


def _case(row: Row) -> list[str]:
    gene = row["gene"].replace("|", r"\|")  # a bar ends a cell
    return [
        row["formula"], row["name"], row["id"], f"{row['symbol']} ({row['space_group']})", str(row["z"]), f"`{gene}`",
        str(row["free"]), str(row["genes"]), _text(row["place"], ".0f"), PARTS[row["part"]],
    ]  # fmt: skip


def _line(row: Row, method: str, starts: str) -> list[str] | None:
    found = _outcome(row, method, starts)
    if found is None:
        return None
    return [
        row["formula"],
        "yes" if found["hits"] else "**no**",
        f"{found['hits']} of {found['tries']}",
        _text(found["first"], ".0f"),
        _text(found["calls_to_first"], ".0f"),
        _text(found["calls"], ".0f"),
        _text(found["seconds"], ".0f"),
        "–" if found["rank"] is None else f"{found['rank']} of {found['structures']}",
        _text(found["above"], ".3f"),
    ]


def _overview(rows: Sequence[Row], method: str, starts: str) -> list[str] | None:
    """Compounds found, hits among the tries, and costs, over the compounds that are done."""
    done = [found for row in rows if (found := _outcome(row, method, starts)) is not None]
    if not done:
        return None
    compounds = Rate(sum(found["hits"] > 0 for found in done), len(done))
    each, tried = ([found[what] for found in done] for what in ("hits", "tries"))
    hits = Rate(sum(each), sum(tried))
    lowest = sum(found["rank"] == 1 for found in done)
    calls = sum(found["calls"] for found in done)
    return [
        METHODS[method], STARTS[starts], count(compounds), str(lowest), count(hits, clustered(each, tried)),
        f"{calls / hits.hits:.0f}" if hits.hits else "–",
        f"{sum(found['seconds'] for found in done) / max(calls, 1):.2f}",
    ]  # fmt: skip


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
