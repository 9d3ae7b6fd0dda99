"""One self-contained HTML page about a design run; reads the run's records only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from wyckforge.properties import describe
from wyckforge.report import svg
from wyckforge.report.charts import charts
from wyckforge.report.load import Run
from wyckforge.report.structure import VIEWS, draw_cell, element_colour, gradients
from wyckforge.report.typography import (
    formula_html,
    number,
    space_group_html,
    step_words,
    target_words,
)
from wyckforge.report.view import (
    UNFINISHED,
    Row,
    Site,
    cell_parameters,
    composition,
    converged_energies,
    expected_words,
    own_properties,
    pursued,
    rank_rows,
    sites,
    stage_counts,
)
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import symbol

REPORT = "report.html"
MAX_ROWS = 100
MAX_CARDS = 50
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Card:
    """Everything about one candidate that needs work beyond its row."""

    row: Row
    pictures: tuple[tuple[str, Markup], ...]
    legend: tuple[tuple[str, str], ...]
    cell: str
    sites: tuple[Site, ...]


def write_report(folder: Path) -> Path:
    """Render ``report.html`` from the records of a run; may be called again at any time.

    Args:
        folder: holds ``candidates.jsonl`` and ``run.json``; CIFs are linked, not read.

    Returns:
        The path of the page.

    Raises:
        MissingDependencyError: a record is absent.
        TableError: a record cannot be read.
    """
    run = Run.load(folder)
    links = {c.id: f"cifs/{c.id}_{c.gene.formula}.cif" for c in run.candidates}
    cifs = {name: link for name, link in links.items() if (folder / link).is_file()}
    path = folder / REPORT
    path.write_text(render(run, cifs), encoding="utf-8")
    return path


def render(run: Run, cifs: Mapping[str, str]) -> str:
    """The page as text.

    Args:
        run: the records.
        cifs: relative link of the CIF by candidate identifier.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {
        "formula": formula_html,
        "space_group": space_group_html,
        "number": number,
        "value": lambda value: f"{value:.4g}".replace("-", "−"),
        "words": lambda name: step_words(name).capitalize(),
        "label": lambda name: describe(name).label,
        "unit": lambda name: describe(name).unit,
    }
    rows = rank_rows(run.candidates)
    chosen = pursued(rows)
    realised = any(row.verdict("build") != "none" for row in chosen)
    shown_rows = chosen[:MAX_ROWS]
    cards = [_card(row) for row in chosen[:MAX_CARDS]]
    shown = {int(z) for card in cards if (crystal := card.row.candidate.crystal) is not None for z in crystal.numbers}
    carded = {card.row.candidate.id for card in cards}
    return environment.get_template("report.html").render(
        title=_title(rows),
        target=target_words(_as_asked(run.info)),
        notice=UNFINISHED if run.unfinished else str(run.info.get("message", "")),
        expected=expected_words(run.info),
        judged=any(row.verdict("judged") != "none" or row.judged_gap is not None for row in rows),
        calibrated=bool(run.info.get("calibrated")),
        warnings=run.info.get("warnings", []),
        figures=_figures(run, rows),
        problems=run.problems,
        funnel=svg.bars(_funnel_bars(run, rows), note_width=190),
        rows=shown_rows,
        own=own_properties(shown_rows),
        n_hidden=len(rows) - len(shown_rows),
        realised=realised,
        refined=any(row.second_hull is not None for row in shown_rows),
        vibrated=any(row.lowest_mode is not None for row in shown_rows),
        cards=cards,
        carded=carded,
        n_uncarded=len(chosen) - len(cards),
        charts=charts(run, rows, carded),
        cifs=cifs,
        rejections=_rejections(run, rows),
        provenance=_provenance(run.info),
        config=json.dumps(run.info["config"], indent=2) if "config" in run.info else "",
        gradients=gradients(shown),
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
    )


def _title(rows: Sequence[Row]) -> str:
    relaxed = sum(row.verdict("relax") == "pass" for row in rows)
    if relaxed:
        return f"{relaxed} relaxed crystal{'s' if relaxed > 1 else ''} for one target"
    return f"{len(rows)} candidate{'' if len(rows) == 1 else 's'} for one target"


def _figures(run: Run, rows: Sequence[Row]) -> list[tuple[str, str]]:
    funnel = run.info.get("funnel", [])
    energies = converged_energies(rows)
    figures = []
    if funnel:
        figures += [
            (f"{funnel[0]['entered']:,}", "genes decoded"),
            (f"{funnel[-1]['passed']:,}", "through the funnel"),
        ]
    if expected := run.info.get("expected"):
        figures.append((f"{expected['rate']:.0%}", "expected on target"))
    if any(row.verdict("relax") != "none" for row in rows):
        figures.append((f"{len(pursued(rows)):,}", "candidates pursued"))
        figures.append((f"{sum(row.verdict('relax') == 'pass' for row in rows):,}", "relaxed to convergence"))
        figures.append((f"{sum(row.verdict('symmetry') == 'pass' for row in rows):,}", "kept their symmetry"))
    if energies:
        near = sum(row.verdict("hull") == "pass" for row in rows)
        figures.append((f"{near:,}", f"within {run.stable_ev_per_atom:g} eV/atom of the hull"))
        figures.append((number(min(energies)), "eV/atom above hull, the best"))
    return figures


def _funnel_bars(run: Run, rows: Sequence[Row]) -> list[svg.Bar]:
    funnel = run.info.get("funnel", [])
    bars = [svg.Bar("decoded", funnel[0]["entered"])] if funnel else []
    for step in funnel:
        share = f"{step['passed'] / step['entered']:.0%} of those that came" if step["entered"] else ""
        bars.append(svg.Bar(step_words(step["step"]), step["passed"], share))
    stages = [svg.Bar(label, count, lost) for label, count, lost in stage_counts(rows, run)]
    if stages or not bars:
        bars.append(svg.Bar("pursued", len(pursued(rows)), "the best"))
    return bars + stages


def _rejections(run: Run, rows: Sequence[Row]) -> list[dict[str, Any]]:
    steps = [{**step, "reasons": list(step.get("reasons", {}).items())[:5]} for step in run.info.get("funnel", [])]
    for stage in dict.fromkeys(found.stage for row in rows for found in row.candidate.evidence):
        reached = [found for row in rows if (found := row.candidate.find(stage))]
        stopped = Counter(found.reason or found.verdict for found in reached if found.verdict != "pass")
        if stopped:
            passed = len(reached) - stopped.total()
            steps.append({"step": stage, "entered": len(reached), "passed": passed, "reasons": stopped.most_common(5)})
    return steps


def _card(row: Row) -> Card:
    crystal = row.candidate.crystal
    if crystal is None:
        return Card(row, (), (), "", tuple(sites(row.candidate)))
    return Card(
        row,
        pictures=tuple((view.name, draw_cell(crystal, view)) for view in VIEWS),
        legend=tuple((f"{symbol(z)}", element_colour(z)) for z, _ in composition(crystal)),
        cell=_cell_text(crystal),
        sites=tuple(sites(row.candidate)),
    )


def _cell_text(crystal: Crystal) -> str:
    a, b, c, alpha, beta, gamma = cell_parameters(crystal)
    return f"{a:.3f} × {b:.3f} × {c:.3f} Å; {alpha:.1f}°, {beta:.1f}°, {gamma:.1f}°; {len(crystal)} atoms"


def _as_asked(info: Mapping[str, Any]) -> dict[str, Any]:
    """The target, with excluded elements as the user named them: sets by name, not by members."""
    target = dict(info.get("target", {}))
    asked = info.get("config", {}).get("target", {}).get("exclude", "")
    return target | {"exclude": [word.strip() for word in asked.split(",")]} if asked else target


def _provenance(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the run was made with, one line each."""
    config, inputs = info.get("config", {}), info.get("inputs", {})
    lines = [("Seed", str(config.get("seed", "")))]
    lines += [(name.capitalize(), _flat(value)) for name, value in inputs.items()]
    lines += [
        (label, _flat(info[name]))
        for name, label in (("seeds", "Made from"), ("versions", "Versions"), ("timings_s", "Time, s"))
        if name in info
    ]
    return lines


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    return str(value)
