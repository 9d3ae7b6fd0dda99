"""One self-contained HTML page about a design run; reads the run's records only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wyckforge.records import Evidence
from wyckforge.report import svg
from wyckforge.report.charts import charts
from wyckforge.report.load import RUN, Run
from wyckforge.report.page import Shown, environment, part, provenance, shown
from wyckforge.report.structure import gradients
from wyckforge.report.typography import number, step_words, target_words
from wyckforge.report.view import (
    UNFINISHED,
    Row,
    converged_energies,
    expected_words,
    own_properties,
    pursued,
    rank_rows,
    sites,
    stage_counts,
)

REPORT = "report.html"
DFT_PAGE = "page.html"
MAX_ROWS = 100
MAX_CARDS = 50


@dataclass(frozen=True)
class Card:
    """Everything about one candidate that needs work beyond its row; ``dft`` is a link, empty where there is none."""

    row: Row
    shown: Shown
    dft: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class FirstPrinciples:
    """A calculation from first principles: the link of its page, and what it found."""

    link: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, folder: Path, candidate: str) -> FirstPrinciples | None:
        """That of a candidate in the folder of its design run; None where there is no page."""
        place = Path("dft") / candidate
        if not (folder / place / DFT_PAGE).is_file():
            return None
        try:
            found = json.loads((folder / place / RUN).read_text(encoding="utf-8"))["evidence"]
            return cls((place / DFT_PAGE).as_posix(), tuple(Evidence(**one) for one in found))
        except (OSError, ValueError, KeyError, TypeError):  # the run goes on, or its record was damaged: its page tells
            return cls((place / DFT_PAGE).as_posix(), ())


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
    dft = {c.id: made for c in run.candidates if (made := FirstPrinciples.of(folder, c.id))}
    path = folder / REPORT
    path.write_text(render(run, cifs, dft), encoding="utf-8")
    return path


def render(run: Run, cifs: Mapping[str, str], dft: Mapping[str, FirstPrinciples]) -> str:
    """The page as text.

    Args:
        run: the records.
        cifs: relative link of the CIF by candidate identifier.
        dft: its calculation from first principles, likewise.
    """
    rows = rank_rows(run.candidates)
    chosen = pursued(rows)
    realised = any(row.verdict("build") != "none" for row in chosen)
    shown_rows = chosen[:MAX_ROWS]
    cards = [_card(row, dft.get(row.candidate.id)) for row in chosen[:MAX_CARDS]]
    elements = {
        int(z) for card in cards if (crystal := card.row.candidate.crystal) is not None for z in crystal.numbers
    }
    carded = {card.row.candidate.id for card in cards}
    return (
        environment()
        .get_template("report.html")
        .render(
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
            provenance=provenance(run.info),
            config=json.dumps(run.info["config"], indent=2) if "config" in run.info else "",
            gradients=gradients(elements),
            style=part("report.css"),
            script=part("report.js"),
        )
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


def _card(row: Row, dft: FirstPrinciples | None) -> Card:
    candidate = row.candidate
    link, further = (dft.link, dft.evidence) if dft else ("", ())
    return Card(row, shown(candidate.crystal, tuple(sites(candidate))), link, (*candidate.evidence, *further))


def _as_asked(info: Mapping[str, Any]) -> dict[str, Any]:
    """The target, with excluded elements as the user named them: sets by name, not by members."""
    target = dict(info.get("target", {}))
    asked = info.get("config", {}).get("target", {}).get("exclude", "")
    return target | {"exclude": [word.strip() for word in asked.split(",")]} if asked else target
