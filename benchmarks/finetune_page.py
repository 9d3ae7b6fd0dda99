"""The page of ``finetune.py``: what was measured, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import per
from wyckforge.evaluate.metrics import Rate, Ratio, rate_ratio
from wyckforge.properties import describe

Scores = Mapping[str, Mapping[str, Any]]


def key_of(kind: str, name: str, n: int, seed: int) -> str:
    """Under which a score is kept."""
    return f"{kind} {name} {n} {seed}"


def page_of(
    scores: Scores, properties: Sequence[str], asked: str, sizes: Sequence[int], seeds: Sequence[int], decodes: int,
    **words: Any,
) -> str:  # fmt: skip
    """The page, Markdown; its words are in ``finetune.md.j2``."""
    template = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined)
    one = scores[key_of("tuned", asked, sizes[0], seeds[0])]
    return (
        template.get_template("finetune.md.j2").render(
            tables=[(describe(name), _errors(scores, name, sizes, seeds)) for name in properties],
            asking=_asking(scores, asked, sizes, seeds, decodes),
            bounds=[f"{bound:.2f}" for bound in one["bounds"]],
            judge=f"{one['judge']:.2f}",
            exact=_summary(scores, asked, sizes, seeds, "exact", 100, 1),
            exact_base=f"{100 * one['exact_base']:.1f}",
            seeds=", ".join(map(str, seeds)),
            decodes=f"{decodes:,}",
            minutes={n: _minutes(scores, asked, n, seeds) for n in sizes},
            **words,
        )
        + "\n"
    )


def _errors(scores: Scores, name: str, sizes: Sequence[int], seeds: Sequence[int]) -> str:
    rows = [("labels", "fine-tuned", "one of its networks", "from scratch", "cross-validated", "90 % intervals hold")]
    for n in sizes:
        tuned = [scores[key_of("tuned", name, n, seed)] for seed in seeds]
        scratch = [scores[key_of("scratch", name, n, seed)] for seed in seeds]
        rows.append(
            (
                f"{n:,}",
                f"**{_spread([one['tuned'] for one in tuned])}**",
                _spread([one["member"] for one in tuned]),
                _spread([one["scratch"] for one in scratch]),
                _spread([one["cross_validated"] for one in tuned]),
                _spread([100 * one["coverage"] for one in tuned], 1) + " %",
            )
        )
    return _table(rows)


def _asking(scores: Scores, name: str, sizes: Sequence[int], seeds: Sequence[int], decodes: int) -> str:
    rows: list[tuple[str, ...]] = [
        ("labels", "tenth", "asked, %", "not asked, %", "base, %", "times", "unique, %", "new, %")
    ]
    for n in sizes:
        found = [scores[key_of("tuned", name, n, seed)] for seed in seeds]
        for side, words in (("low", "lowest"), ("high", "highest")):
            asked, unasked, base = (
                Rate(sum(one[f"{side}_{way}"] for one in found), decodes * len(found))
                for way in ("asked", "unasked", "base")
            )
            kept = (np.mean([one[f"{side}_asked_{what}"] for one in found]) for what in ("unique", "new"))
            rows.append(
                (
                    f"{n:,}", words, *(per(rate) for rate in (asked, unasked, base)),
                    _times(rate_ratio(asked, unasked)), *(f"{100 * share:.1f}" for share in kept),
                )
            )  # fmt: skip
    return _table(rows)


def _summary(
    scores: Scores, name: str, sizes: Sequence[int], seeds: Sequence[int], what: str, factor: float, digits: int
) -> str:
    values = [factor * scores[key_of("tuned", name, n, seed)][what] for n in sizes for seed in seeds]
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def _minutes(scores: Scores, name: str, n: int, seeds: Sequence[int]) -> str:
    return f"{np.mean([scores[key_of('tuned', name, n, seed)]['seconds'] for seed in seeds]) / 60:.1f}"


def _spread(values: Sequence[float], digits: int = 2) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"


def _times(ratio: Ratio) -> str:
    value, low, high = ("?" if part is None else f"{part:.1f}" for part in (ratio.value, ratio.low, ratio.high))
    return f"{value} ({low}–{high})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---", *["---:"] * (len(head) - 1)], *body))
