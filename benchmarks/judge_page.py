"""The page about judges: both opinions side by side, and what the structure changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
By = Literal["formula", "chemical_system"]
OPINIONS = ("genes", "judge")

Runs = Mapping[int, Mapping[str, Any]]


class Line(NamedTuple):
    """A line of the table of errors: its words, where its figure is, digits, factor, and the goals by split."""

    words: str
    path: tuple[str, ...]
    digits: int
    factor: float = 1.0
    goals: Mapping[By, float] = {}
    rises: bool = False


LINES = (
    Line("E<sub>f</sub>, eV/atom", ("energy", "mae"), 3, 1, {"formula": 0.035, "chemical_system": 0.035}),
    Line("the same, Materials Project", ("energy_known", "mae"), 3),
    Line("the same, WBM, unknown to CHGNet", ("energy_hypothetical", "mae"), 3),
    Line(
        "metals told, area under the curve", ("auc", "value"), 3, 1, {"formula": 0.985, "chemical_system": 0.985}, True
    ),
    Line("metals told, % right", ("metals_right",), 1, 100),
    Line("E<sub>g</sub> of semiconductors, eV", ("gap", "mae"), 3, 1, {"formula": 0.25, "chemical_system": 0.35}),
    Line("the same, told that there is a gap", ("gap_told", "mae"), 3),
    Line("90 % intervals of E<sub>f</sub>, % inside", ("energy", "coverage"), 1, 100),
    Line("90 % intervals of E<sub>g</sub>, % inside", ("gap_coverage",), 1, 100),
    Line("calibration error, metal or not, %", ("zero_calibration_error",), 1, 100),
    Line("calibration error, gap in the window, %", ("window_calibration_error",), 1, 100),
    Line("Brier score, gap in the window", ("window_brier",), 3),
)


def page_of(found: Mapping[By, Runs]) -> str:
    """The page, Markdown; its words are in ``judge.md.j2``.

    Args:
        found: scores by split and seed.
    """
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    sizes = next(iter(next(iter(found.values())).values()))["own"]
    return words.get_template("judge.md.j2").render(
        rows=f"{sizes:,}",
        missed=[words for by, runs in found.items() for words in _missed(by, list(runs.values()))],
        parts=[
            {
                "title": by.replace("_", " "),
                "sizes": next(iter(runs.values()))["sizes"],
                "semiconductors": next(iter(runs.values()))["semiconductors"],
                "seeds": sorted(runs),
                "lines": [_line(line, by, list(runs.values())) for line in LINES],
                "best": [_best(list(runs.values()), opinion) for opinion in OPINIONS],
                "overturned": [
                    (kind, _overturned([run["overturned"][kind] for run in runs.values()]))
                    for kind in ("semiconductors", "metals")
                ],
                "vintages": _vintages(next(iter(runs.values()))),
                "minutes": f"{mean(run['seconds'] for run in runs.values()) / 60:.0f}",
                "rounded": any(run.get("rounded") for run in runs.values()),
                "on_gpu": all(run["place"] == "cuda" for run in runs.values()),
            }
            for by, runs in found.items()
        ],
    )


def _line(line: Line, by: By, runs: list[Mapping[str, Any]]) -> tuple[str, ...]:
    cells = []
    for opinion in OPINIONS:
        values = [line.factor * _at(run["opinions"][opinion], line.path) for run in runs]
        spread = f" ± {stdev(values):.{line.digits}f}" if len(values) > 1 else ""
        cells.append(f"{mean(values):.{line.digits}f}{spread}{_interval(line, runs[0]['opinions'][opinion])}")
    goal = line.goals.get(by)
    if goal is None:
        return (line.words, *cells, "–")
    sign = "≥" if line.rises else "≤"
    return (line.words, *cells, f"{sign} {goal:g} {'reached' if _reached(line, by, runs) else '**missed**'}")


def _reached(line: Line, by: By, runs: list[Mapping[str, Any]]) -> bool:
    value = _value(line, runs)
    return value >= line.goals[by] if line.rises else value <= line.goals[by]


def _missed(by: By, runs: list[Mapping[str, Any]]) -> list[str]:
    """Goals that are missed on a split, in words."""
    return [
        f"{line.words}, split by {by.replace('_', ' ')}: {_value(line, runs):.{line.digits}f} instead of "
        f"{line.goals[by]:g}"
        for line in LINES
        if by in line.goals and not _reached(line, by, runs)
    ]


def _value(line: Line, runs: list[Mapping[str, Any]]) -> float:
    """Mean over the seeds of what the judge reaches."""
    return mean(_at(run["opinions"]["judge"], line.path) for run in runs)


def _interval(line: Line, scores: Mapping[str, Any]) -> str:
    """The 95 % interval of the first seed, where there is one for the figure."""
    about = scores[line.path[0]]
    if not isinstance(about, Mapping) or "interval" not in about or line.path[-1] == "coverage":
        return ""
    low, high = (f"{line.factor * bound:.{line.digits}f}" for bound in about["interval"])
    return f" ({low} to {high})"


def _at(scores: Mapping[str, Any], path: tuple[str, ...]) -> float:
    found: Any = scores
    for key in path:
        found = found[key]
    return float(found)


def _vintages(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """By vintage of the labels: crystals, and what genes, judge and another calculation say; of the first seed."""
    others = [run["by_vintage"][opinion] for opinion in OPINIONS] + [run["reproduced"]]
    return [
        (source, f"{one['n']:,}", f"{one['semiconductors']:,}", *(_told(found.get(source)) for found in others))
        for source, one in run["by_vintage"]["judge"].items()
    ]


def _told(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None else f"{found['auc']:.3f}, {found['gap']:.3f} eV (n = {found['n']:,})"


def _best(runs: list[Mapping[str, Any]], opinion: str) -> str:
    hits = [run["opinions"][opinion]["window_best"] for run in runs]
    return f"{100 * mean(one['hits'] / one['n'] for one in hits):.1f} % of {hits[0]['n']}"


def _overturned(runs: list[Mapping[str, Any]]) -> dict[str, str]:
    """Counts of the first seed; seeds speak of the same crystals."""
    one = runs[0]
    low, high = one["interval"]
    return {
        "n": f"{one['n']:,}",
        "wrong": f"{one['wrong']:,}",
        "overturned": f"{one['overturned']:,}",
        "rightly": f"{one['rightly']:,}",
        "share": f"{100 * one['rightly'] / max(one['overturned'], 1):.0f} % ({100 * low:.0f} to {100 * high:.0f})",
    }
