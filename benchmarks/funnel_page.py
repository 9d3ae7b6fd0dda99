"""The page about the paper's funnel: our counts beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import percent_of_n
from wyckforge.evaluate.metrics import Rate

HERE = Path(__file__).parent
PUBLISHED = {"seeds": 1_299, "decodes": 25_980, "novel": 8_082, "metallic": 917, "hull": 135}
"""Counts of the paper: the decodes are 20 of each seed; which of its filters stopped what, it does not say."""

WORDS = {
    "seeds": "seeds",
    "decodes": "decodes, 20 of each",
    "valid": "valid genes",
    "constraints": "three elements, space group from 143 on",
    "unique": "unique",
    "novel": "novel",
    "charge_neutrality": "neutral (SMACT)",
    "anions": "no two anions",
    "radioactive": "nothing radioactive",
    "f_block": "no f-block element",
    "sites": "at most 50 sites",
    "synthesizability": "synthesizability above 0.4",
    "metallic": "metallic score below 0.5",
}
REALISED = {
    "build": "built",
    "relax": "relaxation converged",
    "symmetry": "kept its space group",
    "hull": "converged, at most 0.1 eV/atom above the hull",
    "all": "all of these",
}


def steps_of(run: Mapping[str, Any]) -> dict[str, int]:
    """What is left after every step of a run, from the seeds on."""
    counts = {step["step"]: step["passed"] for step in run["funnel"]}
    return {
        "seeds": run["seeds"]["seeds"],
        "decodes": run["draws"],
        **{name: counts[name] for name in WORDS if name in counts},
    }


def page_of(
    found: Mapping[str, Mapping[str, Any]], models: Mapping[str, str], figure: str, rows: int, starts: int
) -> str:
    """The page, Markdown; its words are in ``funnel.md.j2``.

    Args:
        found: by model, the account of its genes and, where some were realised, of these.
        models: their names for people.
        figure: file name of the drawing.
        rows: known crystals.
        starts: structures relaxed of every gene with free coordinates.
    """
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    steps = {name: steps_of(run) for name, run in found.items()}
    realised = {name: run["realised"] for name, run in found.items() if "realised" in run}
    return words.get_template("funnel.md.j2").render(
        rows=f"{rows:,}",
        starts=starts,
        figure=figure,
        names=[models[name] for name in found],
        lines=[_line(name, list(steps.values())) for name in WORDS],
        published_share=percent_of_n(Rate(PUBLISHED["hull"], PUBLISHED["metallic"]).to_dict()),
        realised_names=[models[name] for name in realised],
        realised=[
            (label, *(percent_of_n(rates[stage]) for rates in realised.values())) for stage, label in REALISED.items()
        ],
        reasons=[(models[name], _reasons(run["funnel"])) for name, run in found.items()],
        inside=[(models[name], percent_of_n(run["inside"])) for name, run in found.items()],
        speed=[
            (models[name], f"{run['draws'] / run['seconds']:,.0f}", f"{run['asked_per_s']:,.0f}")
            for name, run in found.items()
        ],
    )


def _line(step: str, runs: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    """Words of a step, the count of every run with its share of the step before, and the published count."""
    order = list(WORDS)
    cells = []
    for counts in runs:
        before = next((counts[name] for name in reversed(order[: order.index(step)]) if name in counts), 0)
        share = f" ({100 * counts[step] / before:.0f} %)" if before and order.index(step) > 1 else ""
        cells.append(f"{counts[step]:,}{share}")
    return (WORDS[step], *cells, f"{PUBLISHED[step]:,}" if step in PUBLISHED else "–")


def _reasons(funnel: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Of every step that stopped something: words, how many, and the commonest reasons."""
    rows = []
    for step in funnel:
        if lost := step["entered"] - step["passed"]:
            commonest = list(step["reasons"].items())[:3]
            said = "; ".join(f"{reason} ({count:,})" for reason, count in commonest)
            rows.append((WORDS.get(step["step"], step["step"]), f"{lost:,} of {step['entered']:,}", said))
    return rows
