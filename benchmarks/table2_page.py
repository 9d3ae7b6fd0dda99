"""The page about Table 2: scores of several seeds beside the published figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Score:
    """Metrics of one trained model on one set of test rows.

    Attributes:
        model: name of the model, the same for all seeds.
        seed: of its training.
        test: name of the test rows, ``source`` or ``target``.
        metrics: as :func:`wyckforge.evaluate.run.evaluate` returns them.
        losses: per crystal after the last epoch, of the training and the validation part.
    """

    model: str
    seed: int
    test: str
    metrics: Mapping[str, Any]
    losses: tuple[float, float]


@dataclass(frozen=True)
class Metric:
    """A column of the table: key in the metrics, heading, factor and digits for print, whether more is better."""

    key: str
    heading: str
    factor: float
    digits: int
    rises: bool

    def text(self, value: float, sign: str = "") -> str:
        """A value as printed."""
        return f"{value * self.factor:{sign}.{self.digits}f}"


METRICS = (
    Metric("formation_energy_mae", "E<sub>f</sub>, eV/atom", 1, 3, False),
    Metric("band_gap_mae_semiconductors", "E<sub>g</sub>, eV", 1, 3, False),
    Metric("element_accuracy", "elements, %", 100, 1, True),
    Metric("wyckoff_accuracy", "Wyckoff, %", 100, 1, True),
    Metric("space_group_accuracy", "SG, %", 100, 1, True),
    Metric("exact_gene_accuracy", "exact gene, %", 100, 1, True),
)
LABELS = {
    "source-plain": "WyCryst (single)",
    "target-plain": "WyCryst (multi)",
    "target-orbit": "WyCryst+",
    "transfer-plain": "TL-WyCryst",
    "transfer-orbit": "TL-WyCryst+",
    "source-orbit": "single, augmented",
    "thawed-plain": "TL-WyCryst, nothing frozen",
    "target-plain-x3": "WyCryst (multi), 3 × updates",
    "target-orbit-x3": "WyCryst+, 3 × updates",
}
PUBLISHED: dict[str, tuple[float | None, ...]] = {
    "source-plain": (0.063, None, 0.996, 0.913, 0.908, None),
    "target-plain": (0.113, 0.448, 0.971, 0.641, 0.861, None),
    "target-orbit": (0.093, 0.423, 0.995, 0.899, 0.887, None),
    "transfer-plain": (0.077, 0.442, 0.997, 0.876, 0.906, None),
    "transfer-orbit": (0.075, 0.418, 0.999, 0.966, 0.901, None),
}
PAIRS = (
    ("target-plain", "source-plain", "less data, two properties"),
    ("target-orbit", "target-plain", "augmentation alone"),
    ("transfer-plain", "target-plain", "transfer alone"),
    ("transfer-orbit", "transfer-plain", "augmentation on top of transfer"),
    ("transfer-orbit", "target-orbit", "transfer on top of augmentation"),
    ("transfer-orbit", "target-plain", "both"),
)

EXPERIMENTS = (
    ("thawed-plain", "transfer-plain", "the encoder learns"),
    ("thawed-plain", "target-plain", "transfer, the encoder learns"),
)


TEMPLATES = {"modern": "table2.md.j2", "all": "table2_all.md.j2"}
"""Words of the page, by vintage of the labels."""


def page_of(
    scores: Sequence[Score], sizes: Mapping[str, Mapping[str, int]], updates: int, vintage: str = "modern"
) -> str:
    """The page, Markdown; its words are in one of :data:`TEMPLATES`.

    Args:
        scores: of all models, seeds and test sets.
        sizes: crystals by part (``train``, ``val``, ``test``) and set (``source``, ``target``).
        updates: of every step of every training.
        vintage: of the labels.
    """
    total = {name: sum(part[name] for part in sizes.values()) for name in ("source", "target")}
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return words.get_template(TEMPLATES[vintage]).render(
        seeds=sorted({score.seed for score in scores}),
        count={part: {k: f"{n:,}" for k, n in found.items()} for part, found in {**sizes, "total": total}.items()},
        updates=f"{updates:,}",
        beside_published=beside_published(scores, sizes["test"]),
        on_both=on_both(scores, sizes["test"]),
        comparisons=comparisons(scores, PAIRS),
        experiments=comparisons(scores, EXPERIMENTS),
        intervals=intervals(scores),
        by_vintage=by_vintage(scores),
        losses=losses(scores),
    )


def summary(values: Iterable[float | None], metric: Metric) -> str:
    """Mean ± standard deviation of the seeds, or a dash where a model does not predict the property."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    spread = f" ± {metric.text(stdev(known))}" if len(known) > 1 else ""
    return metric.text(mean(known)) + spread


def select(scores: Sequence[Score], model: str, test: str, metric: Metric) -> dict[int, float | None]:
    """Values of a metric by seed, ascending."""
    chosen = sorted((s for s in scores if (s.model, s.test) == (model, test)), key=lambda s: s.seed)
    return {score.seed: score.metrics[metric.key] for score in chosen}


def beside_published(scores: Sequence[Score], sizes: Mapping[str, int]) -> str:
    """The five rows of the paper's table."""
    lines = _head("model", "n")
    for model, published in PUBLISHED.items():
        test = "source" if model == "source-plain" else "target"
        cells = [
            f"{summary(select(scores, model, test, metric).values(), metric)}<br>*{metric.text(paper)}*"
            if paper is not None
            else summary(select(scores, model, test, metric).values(), metric)
            for metric, paper in zip(METRICS, published, strict=True)
        ]
        lines.append(f"| {LABELS[model]} | {sizes[test]:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def on_both(scores: Sequence[Score], sizes: Mapping[str, int]) -> str:
    """All models on the two sets of test rows."""
    lines = _head("model", "test crystals")
    for test, what in (("source", "all"), ("target", "with a gap")):
        lines += [f"| {name} | {what} ({sizes[test]:,}) | {cells} |" for name, cells in _cells(scores, test)]
    return "\n".join(lines)


def rows_of(scores: Sequence[Score], test: str) -> str:
    """All models on one set of test rows."""
    return "\n".join([*_head("model"), *(f"| {name} | {cells} |" for name, cells in _cells(scores, test))])


def _cells(scores: Sequence[Score], test: str) -> list[tuple[str, str]]:
    """Label and figures of every model that was trained."""
    trained = {score.model for score in scores}
    return [
        (label, " | ".join(summary(select(scores, model, test, metric).values(), metric) for metric in METRICS))
        for model, label in LABELS.items()
        if model in trained
    ]


def by_vintage(scores: Sequence[Score]) -> str:
    """Errors of the formation energy on all test crystals, one line per model, by vintage of the label."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for score in (one for one in scores if one.test == "source"):
        found.setdefault(score.model, []).append(score.metrics.get("formation_energy_mae_by_vintage", {}))
    names = sorted({name for runs in found.values() for run in runs for name in run})
    lines = [f"| model | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for model, label in LABELS.items():
        if model in found:
            means = [mean(run[name] for run in found[model]) for name in names]
            lines.append(f"| {label} | {' | '.join(f'{value:.3f}' for value in means)} |")
    return "\n".join(lines)


def comparisons(scores: Sequence[Score], pairs: Iterable[tuple[str, str, str]]) -> str:
    """Differences between models (first, second, what changes) on the target rows, paired by seed; empty if none is."""
    lines = []
    for first, second, what in pairs:
        cells = []
        for metric in METRICS:
            one, other = (select(scores, model, "target", metric) for model in (first, second))
            both = [(one[seed], other[seed]) for seed in one if seed in other]
            cells.append(difference([(a, b) for a, b in both if a is not None and b is not None], metric))
        if any(cell != "–" for cell in cells):
            lines.append(f"| {LABELS[first]} − {LABELS[second]} | {what} | {' | '.join(cells)} |")
    return "\n".join([*_head("first − second", "what changes"), *lines]) if lines else ""


def losses(scores: Sequence[Score]) -> str:
    """Mean losses of every model after its last epoch."""
    lines = ["| model | training | validation |", "|---|---|---|"]
    for model, label in LABELS.items():
        if found := [score.losses for score in scores if (score.model, score.test) == (model, "target")]:
            training, validation = zip(*found, strict=True)
            lines.append(f"| {label} | {mean(training):.0f} | {mean(validation):.0f} |")
    return "\n".join(lines)


def difference(pairs: Sequence[tuple[float, float]], metric: Metric) -> str:
    """First minus second over the seeds; bold where always better, struck through where always worse."""
    if not pairs:
        return "–"
    differences = [a - b for a, b in pairs]
    spread = f" ± {metric.text(stdev(differences))}" if len(differences) > 1 else ""
    text = f"{metric.text(mean(differences), '+')}{spread}".replace("-", "−")
    gains = [change if metric.rises else -change for change in differences]
    if min(gains) > 0:
        return f"**{text}**"
    return f"~~{text}~~" if max(gains) < 0 else text


def _head(*first: str) -> list[str]:
    columns = [*first, *(metric.heading for metric in METRICS)]
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def intervals(scores: Sequence[Score]) -> str:
    """How far the test part may be from all crystals: 95 % intervals of TL-WyCryst+ with the first seed."""
    best = min((s for s in scores if (s.model, s.test) == ("transfer-orbit", "target")), key=lambda score: score.seed)
    parts = []
    for metric in METRICS:
        low, high = (metric.text(bound) for bound in best.metrics[f"{metric.key}_interval"])
        name, unit = metric.heading.split(", ")
        parts.append(f"{name} {low} to {high} {unit}")
    return "; ".join(parts)
