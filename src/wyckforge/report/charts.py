"""The charts of the report: what of the records goes into which picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from wyckforge.properties import BAND_GAP, FORMATION_ENERGY, describe
from wyckforge.report import svg
from wyckforge.report.load import Run
from wyckforge.report.typography import target_interval
from wyckforge.report.view import Row, converged_energies
from wyckforge.symmetry.tables import space_group

_GOALS = {"min": "low", "max": "high", "middle": "near {middle:g}"}


def charts(run: Run, rows: Sequence[Row], carded: set[str]) -> list[tuple[str, str, Markup]]:
    """Caption, note and picture of every chart that the run has something for.

    Args:
        run: the records.
        rows: all ranked candidates.
        carded: identifiers of the candidates that have a card to link to.
    """
    if not rows:
        return []
    found = []
    target = run.info.get("target", {})
    points = [
        svg.Point(
            row.formation_energy,
            row.gap,
            f"{row.rank}. {row.candidate.gene.formula}, {row.group.symbol}: gap {row.gap:.2f} eV, "
            f"E_f {row.formation_energy:.2f} eV/atom",
            link=row.candidate.id if row.candidate.id in carded else "",
            kept=row.candidate.id in carded,
        )
        for row in rows
        if row.gap is not None and row.formation_energy is not None
    ]
    if points:
        energy, gap = target_interval(target, FORMATION_ENERGY), target_interval(target, BAND_GAP)
        found.append(
            (
                "Predicted gap against formation energy",
                "The shaded box is the target; full dots were pursued.",
                svg.scatter(
                    points,
                    describe(FORMATION_ENERGY).axis_label,
                    describe(BAND_GAP).axis_label,
                    ((energy.low, energy.high), (gap.low, gap.high)),
                ),
            )
        )
    found += _front(run, rows, carded)
    energies = converged_energies(rows)
    if energies:
        found.append(
            (
                "Energy above the hull",
                f"Converged crystals; the dashed line is the limit of {run.stable_ev_per_atom:g} eV/atom.",
                svg.histogram(energies, describe("energy_above_hull").axis_label, run.stable_ev_per_atom),
            )
        )
    groups = Counter(row.group.number for row in rows)
    frequent = [svg.Bar(f"{space_group(n).symbol} ({n})", count) for n, count in groups.most_common(10)]
    found.append(("Space groups", f"{len(groups)} in all, the most frequent first.", svg.bars(frequent, width=460)))
    systems = Counter(row.group.crystal_system for row in rows)
    found.append(
        (
            "Crystal systems",
            "Of the ranked candidates.",
            svg.bars([svg.Bar(*pair) for pair in systems.most_common()], width=460),
        )
    )
    return found


def _front(run: Run, rows: Sequence[Row], carded: set[str]) -> list[tuple[str, str, Markup]]:
    """The first two criteria of the Pareto front, if there are as many."""
    criteria: list[Mapping[str, Any]] = run.info.get("pareto", [])[:2]
    if len(criteria) < 2:
        return []
    first, second = (describe(one["property"]) for one in criteria)
    points = [
        svg.Point(
            values[first.name],
            values[second.name],
            f"{row.rank}. {row.candidate.gene.formula}: {first.in_a_sentence} {values[first.name]:.2f}, "
            f"{second.in_a_sentence} {values[second.name]:.2f}",
            link=row.candidate.id if row.candidate.id in carded else "",
            kept=row.on_front,
        )
        for row in rows
        if {first.name, second.name} <= set(values := row.candidate.predictions)
    ]
    if not points:
        return []
    aims = " and ".join(
        f"{describe(one['property']).in_a_sentence} {_GOALS[one['goal']].format(**one)}" for one in criteria
    )
    note = f"Full dots: none of the others is better in every respect, {aims}."
    return [("Pareto front", note, svg.scatter(points, first.axis_label, second.axis_label))]
