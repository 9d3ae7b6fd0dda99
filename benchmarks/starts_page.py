"""The page of ``starts.py``: match rates, volumes and costs as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from rates import clustered, percent
from wyckforge.evaluate.metrics import Rate
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS

Row = Mapping[str, Any]
SOURCES = {"model": "geometry model", "pyxtal": "PyXtal"}
RANKS = (1, 5, 20)
CLOSE, GOAL = 0.05, 0.8
"""Relative error of a volume that is asked for, and for which share of the genes."""


def page_of(drawn: Sequence[Row], relaxed: Mapping[int, Sequence[Row]], kept: Sequence[bool] = ()) -> str:
    """The page, Markdown; its words are in ``starts.md.j2``.

    Args:
        drawn: rows of all genes, as drawn.
        relaxed: rows of the genes whose starts were relaxed, by how many of them at most.
        kept: for each gene that no start led to, whether the known crystal survives its own relaxation.
    """
    longest = max(relaxed, default=0)  # holds all that a shorter try of as many genes does
    relaxed = {tries: rows for tries, rows in relaxed.items() if tries == longest or len(rows) > len(relaxed[longest])}
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True,
    )  # fmt: skip
    sample = [row for row in drawn if row["drawn"]]
    parts = {
        "all": sample,
        "template learned from": [row for row in sample if row["known"]],
        "template new": [row for row in drawn if not row["known"]],
        **{system: [row for row in sample if row["system"] == system] for system in CRYSTAL_SYSTEMS},
    }
    upto = [(rank, rows) for tries, rows in relaxed.items() for rank in RANKS if rows and rank <= tries]
    return words.get_template("starts.md.j2").render(
        n=len(sample),
        new=len(parts["template new"]),
        matches=[cells for name, rows in parts.items() for cells in _matches(name, rows)],
        volumes=_volumes(sample),
        seconds={name: f"{np.mean([row[key]['cpu_seconds'] for row in sample]):.2f}" for key, name in SOURCES.items()},
        found=[cells for tries, rows in relaxed.items() if rows for cells in _matches(str(tries), rows, tries)],
        costs=[_cost(key, rows, rank) for rank, rows in upto for key in SOURCES],
        gains=[_gain(rows, rank) for rank, rows in upto],
        n_missed=len(kept),
        n_lost=len(kept) - sum(kept),
    )


def _matches(name: str, rows: Sequence[Row], tries: int = max(RANKS)) -> list[list[str]]:
    """For each source: the part, n, share of genes found among the first starts, median RMSD."""
    lines = []
    for key, source in SOURCES.items():
        rates = [Rate(sum(_among(row[key], rank) for row in rows), len(rows)) for rank in RANKS if rank <= tries]
        distances = [row[key]["rmsd"] for row in rows if _among(row[key], tries)]
        cells = [*map(percent, rates), *["–"] * (len(RANKS) - len(rates))]
        lines.append([name, source, str(len(rows)), *cells, f"{np.median(distances):.3f}" if distances else "–"])
    return lines


def _volumes(rows: Sequence[Row]) -> list[list[str]]:
    """Whose volume, share within 5 %, whether that is the goal, median error."""
    kinds: dict[str, Callable[[Row], float | None]] = {
        "geometry model, mean of the distribution": lambda row: row["expected_volume"],
        "geometry model, first start": lambda row: row["model"]["volume"],
        "PyXtal, first start": lambda row: row["pyxtal"]["volume"],
    }
    lines = []
    for name, read in kinds.items():
        errors = [np.inf if (ratio := read(row)) is None else abs(ratio - 1) for row in rows]
        close = Rate(int(sum(error <= CLOSE for error in errors)), len(errors))
        goal = "reached" if close.hits >= GOAL * close.n else "**missed**"
        lines.append([name, percent(close), goal, f"{100 * np.median(errors):.1f}"])
    return lines


def _cost(key: str, rows: Sequence[Row], rank: int) -> list[str]:
    """Starts, how many at most, n, calls per gene, calls and seconds per gene found, share of what converged."""
    calls, seconds, converged = (_spent(key, rows, rank, what) for what in ("calls", "wall_seconds", "converged"))
    hits = sum(_among(row[key], rank) for row in rows)
    tried = [len(row[key]["calls"][:rank]) for row in rows]
    done = Rate(int(converged.sum()), sum(tried))
    per_match = [f"{values.sum() / hits:.1f}" if hits else "–" for values in (calls, seconds)]
    return [
        SOURCES[key],
        str(rank),
        str(len(rows)),
        f"{np.median(calls):.0f}",
        f"{calls.mean():.0f}",
        *per_match,
        percent(done, clustered([int(some) for some in converged], tried)),
    ]


def _spent(key: str, rows: Sequence[Row], rank: int, what: str) -> NDArray[np.float64]:
    """(n,) what the first starts of each gene took together; none follow a match."""
    return np.array([sum(row[key][what][:rank]) for row in rows], float)


def _gain(rows: Sequence[Row], rank: int) -> list[str]:
    """At most how many starts, n, and how many times the model's are better: matches, and calls per match."""
    found = np.array([[_among(row[key], rank) for row in rows] for key in SOURCES], float)
    calls = np.array([_spent(key, rows, rank, "calls") for key in SOURCES])
    drawn = np.random.default_rng(0).integers(len(rows), size=(2000, len(rows)))

    def ratios(some: NDArray[np.int64]) -> tuple[float, float]:
        hits, price = found[:, some].sum(1), calls[:, some].sum(1) / found[:, some].sum(1)
        return float(hits[0] / hits[1]), float(price[1] / price[0])

    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.nanquantile([ratios(some) for some in drawn], [0.025, 0.975], axis=0)
        values = ratios(np.arange(len(rows)))
    matches, price = (f"{v:.1f} ({low:.1f} to {high:.1f})" for v, low, high in zip(values, *bounds, strict=True))
    possible = f"{len(rows) / found[1].sum():.1f}" if found[1].any() else "–"
    return [str(rank), str(len(rows)), matches, possible, price]


def _among(outcome: Mapping[str, Any], rank: int) -> bool:
    """Whether one of the first starts matches."""
    return outcome["match"] is not None and outcome["match"] < rank
