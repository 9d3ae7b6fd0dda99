"""The page about phonons: verdicts beside known answers, frequencies at Γ, and where unstable modes lead."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phonons_known import CASES, STEPPED, STEPS_ANGSTROM, Case
from rates import count
from wyckforge.evaluate.metrics import Rate, bootstrap_interval, wilson_interval
from wyckforge.realise.config import PhononConfig
from wyckforge.symmetry.tables import space_group

HERE = Path(__file__).parent

Records = Mapping[str, Mapping[str, Any]]
"""By crystal, the record of its study."""


def page_of(found: Mapping[str, Records], config: PhononConfig) -> str:
    """The page, Markdown; its words are in ``phonons.md.j2``.

    Args:
        found: records by potential and crystal; crystals that have none yet are left out.
        config: settings of the studies.
    """
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    known = {name: records for name, records in found.items() if records}
    return words.get_template("phonons.md.j2").render(
        config=config,
        potentials=list(known),
        n_stable=sum(case.stable for case in CASES),
        n_unstable=sum(not case.stable for case in CASES),
        agreement=[(name, *_agreement(records)) for name, records in known.items()],
        crystals=[(case, [_verdict(case, records.get(case.name)) for records in known.values()]) for case in CASES],
        optical=[
            (case, [_optical(records.get(case.name)) for records in known.values()])
            for case in CASES
            if case.optical_per_cm is not None
        ],
        ratios=[_ratio(records) for records in known.values()],
        chains=[
            (case, _group(case.becomes), [_chain(records.get(case.name)) for records in known.values()])
            for case in CASES
            if case.becomes
        ],
        stepped=STEPPED,
        steps=STEPS_ANGSTROM,
        by_step=[
            (name, [_minus(value) for value in records[STEPPED]["by_step"]])
            for name, records in known.items()
            if "by_step" in records.get(STEPPED, {})
        ],
        reached=[_reached(records) for records in known.values()],
        unknown=[
            (name, case.name, records[case.name]["mesh"]["reason"])
            for name, records in known.items()
            for case in CASES
            if case.name in records and records[case.name]["mesh"]["stability"] == "unknown"
        ],
    )


def _told(case: Case, record: Mapping[str, Any]) -> str:
    """How a verdict stands to the answer: ``right``, ``stable`` or ``unstable`` where it is wrong, ``unknown``."""
    verdict: str = record["mesh"]["stability"]
    return "right" if verdict == ("stable" if case.stable else "unstable") else verdict


def _agreement(records: Records) -> tuple[str, ...]:
    told = [_told(case, records[case.name]) for case in CASES if case.name in records]
    right, n = told.count("right"), len(told)
    low, high = wilson_interval(right, n)
    calls = sum(record["calls"] for record in records.values())
    seconds = sum(record["seconds"] for record in records.values())
    return (
        f"{right} of {n}",
        f"{100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f})",
        *(str(told.count(kind)) for kind in ("stable", "unstable", "unknown")),
        f"{calls / n:.0f}",
        f"{seconds / n:.0f}",
    )


def _verdict(case: Case, record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "–"
    mesh = record["mesh"]
    if mesh["stability"] == "unknown":
        return "unknown"
    words = f"{mesh['stability']}, {_minus(mesh['lowest_per_cm'])}"
    if mesh["stability"] == "unstable":
        words += f" at {_place(mesh['q_point'])}"
    return words if _told(case, record) == "right" else f"**{words}**"


def _minus(value: float) -> str:
    return f"{value:.0f}".replace("-", "−")


def _place(q_point: list[float]) -> str:
    if not any(q_point):
        return "Γ"
    return "(" + ", ".join(str(Fraction(abs(q)).limit_denominator(24)) for q in q_point) + ")"


def _optical(record: Mapping[str, Any] | None) -> str:
    return _minus(record["optical_per_cm"][0]) if record and record["optical_per_cm"] else "–"


def _ratio(records: Records) -> str:
    """Mean of calculated over measured frequencies."""
    ratios = np.array(
        [
            records[case.name]["optical_per_cm"][0] / case.optical_per_cm
            for case in CASES
            if case.optical_per_cm and case.name in records and records[case.name]["optical_per_cm"]
        ]
    )
    if not len(ratios):
        return "–"
    low, high = bootstrap_interval(ratios, np.random.default_rng(0))
    return f"{ratios.mean():.2f} ({low:.2f} to {high:.2f}), n = {len(ratios)}"


def _group(number: int) -> str:
    return f"{space_group(number).symbol} ({number})"


def _chain(record: Mapping[str, Any] | None) -> str:
    if record is None or "chain" not in record:
        return "–"
    chain = record["chain"]
    groups = " → ".join(gene.split("|")[0] for gene in chain["genes"][1:])
    if not groups:
        return f"no child: {chain['reason']}"
    return f"{groups}, {chain['verdicts'][-1]}; {1000 * chain['gain_ev_per_atom']:.1f}"


def _reached(records: Records) -> str:
    """How many chains pass through the group known from low temperature; an interval only where all were followed."""
    chains = [(case, records[case.name]["chain"]) for case in CASES if "chain" in records.get(case.name, {})]
    hits = sum(str(case.becomes) in [gene.split("|")[0] for gene in one["genes"][1:]] for case, one in chains)
    n = sum(case.becomes > 0 and _told(case, records[case.name]) == "right" for case in CASES if case.name in records)
    if len(chains) < n:
        return f"{hits} of {len(chains)}; {n - len(chains)} not followed yet"
    if not chains:
        return "–"
    return count(Rate(hits, n))
