"""The page about Table 1: ours beside the published figures, and what explains the differences."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent

COLUMNS = {
    "bulk_modulus": ("bulk modulus, GPa", 1.0, 2),
    "shear_modulus": ("shear modulus, GPa", 1.0, 2),
    "debye_temperature": ("Debye temperature, K", 1.0, 1),
    "thermal_conductivity": ("conductivity, W/(m K)", 1.0, 2),
    "thermal_expansion": ("expansion, 10⁻⁶/K", 1e6, 2),
}
"""Heading, factor and digits by property, in the order of the paper."""

PUBLISHED = {
    "roost": ("Roost", (8.82, 9.98, 37.2, 2.70, 3.96)),
    "crabnet": ("CrabNet", (8.69, 9.08, 33.5, 2.32, 3.85)),
    "elemnet": ("ElemNet", (12.1, 13.3, 45.7, 3.32, 5.42)),
    "ftcp": ("FTCP", (12.4, 10.8, 41.8, 2.03, 6.02)),
    "ftcp+": ("FTCP+", (11.9, 10.6, 41.4, 2.07, 6.05)),
    "wycryst": ("WyCryst", (15.4, 13.1, 48.6, 2.51, 7.39)),
    "wycryst+": ("WyCryst+", (14.7, 12.2, 47.8, 2.38, 6.71)),
    "wycryst-l+": ("WyCryst-L+", (12.9, 11.8, 43.3, 2.07, 6.25)),
}
"""Name and mean absolute errors in the paper."""

OURS = {
    "genes": "ours, gene only",
    "embeddings": "ours, structure, no elastic constants",
    "structures": "ours, structure",
}
MODELS = (*reversed(OURS), *PUBLISHED)
"""In the order of training: what takes longest comes first."""

GOALS = (6.0, 6.5, 24.0, 1.5, 3.3)

CHANGES = {
    "squared": "squared errors",
    "linear": "no logarithms",
    "unaveraged": "no mean of the weights",
    "last": "the last epoch",
    "undropped": "no dropout",
    "normalised": "vectors of the elements of length 1",
    "reconstructing": "ten times the weight on what is reconstructed",
    **dict.fromkeys(COLUMNS, "one property alone"),
}
"""What is changed in a variant, in words."""

Scores = Mapping[tuple[str, str, int], Mapping[str, Any]]
Variants = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""By model, group of properties, and changes joined by ``+``."""


def page_of(
    scores: Scores, variants: Variants, sizes: Mapping[str, Mapping[str, int]], seconds: Mapping[str, float]
) -> str:
    """The page, Markdown; its words are in ``table1.md.j2``.

    Args:
        scores: by model, group of properties and seed.
        variants: of single seeds, in which something is changed.
        sizes: crystals by group and part.
        seconds: of the potential's answers at first, and of finding them again.
    """
    models = {model for model, _, _ in scores}
    minutes = {model: _minutes(scores, model) for model in models}
    seeds = {seed for _, _, seed in scores}
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    return words.get_template("table1.md.j2").render(
        headings=[heading for heading, _, _ in COLUMNS.values()],
        published=[
            (label, _row(scores, model), _texts(figures))
            for model, (label, figures) in PUBLISHED.items()
            if model in models
        ],
        missing=[label for model, label in _labels(set(MODELS)) if model not in models],
        ours=[(label, _row(scores, model)) for model, label in OURS.items() if model in models],
        best=_texts([min(figures[k] for _, figures in PUBLISHED.values()) for k in range(len(COLUMNS))]),
        goals=_texts(GOALS),
        intervals=[(label, _intervals(scores, model)) for model, label in OURS.items() if model in models],
        coverage=[(label, _coverage(scores, model)) for model, label in _labels(models)],
        ratios=[
            (label, _ratios(scores, model, figures)) for model, (label, figures) in PUBLISHED.items() if model in models
        ],
        variants=_variants(scores, variants),
        minutes=[(label, f"{minutes[model]:.0f}") for model, label in _labels(models) if minutes[model]],
        on_gpu=[label for model, label in _labels(models) if _on_gpu(scores, model)],
        untimed=[label for model, label in _labels(models) if not minutes[model]],
        seeds=sorted(seeds),
        sizes=sizes,
        hours=f"{len(seeds) * sum(minutes.values()) / 60:.0f}",
        first=f"{seconds['first'] / 60:.0f}",
        workers=f"{seconds['workers']:.0f}",
        again=f"{seconds['again']:.1f}",
    )


def _labels(models: set[str]) -> list[tuple[str, str]]:
    names = OURS | {model: label for model, (label, _) in PUBLISHED.items()}
    return [(model, label) for model, label in names.items() if model in models]


def _values(scores: Scores, model: str, name: str, key: str = "mae") -> list[float]:
    """A figure of a property, one per seed."""
    return [
        float(one["properties"][name][key])
        for (which, _, _), one in sorted(scores.items())
        if which == model and name in one["properties"]
    ]


def _row(scores: Scores, model: str) -> list[str]:
    """Mean and standard deviation over the seeds, by column."""
    cells = []
    for name, (_, factor, digits) in COLUMNS.items():
        values = [factor * value for value in _values(scores, model, name)]
        spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
        cells.append(f"{mean(values):.{digits}f}{spread}" if values else "–")
    return cells


def _texts(figures: Any) -> list[str]:
    return [f"{value:g}" for value in figures]


def _intervals(scores: Scores, model: str) -> list[str]:
    """The 95 % interval of the test set by column: mean over the seeds of the bounds."""
    cells = []
    for name, (_, factor, digits) in COLUMNS.items():
        bounds = [
            one["properties"][name]["interval"]
            for (which, _, _), one in scores.items()
            if which == model and name in one["properties"]
        ]
        low, high = (factor * mean(bound[side] for bound in bounds) for side in (0, 1))
        cells.append(f"{low:.{digits}f} to {high:.{digits}f}")
    return cells


def _coverage(scores: Scores, model: str) -> list[str]:
    return [f"{100 * mean(_values(scores, model, name, 'coverage')):.1f}" for name in COLUMNS]


def _ratios(scores: Scores, model: str, figures: tuple[float, ...]) -> list[str]:
    """Ours over the published figure, per cent above or below."""
    return [
        f"{100 * (factor * mean(_values(scores, model, name)) / figure - 1):+.0f}"
        for (name, (_, factor, _)), figure in zip(COLUMNS.items(), figures, strict=True)
    ]


def _variants(scores: Scores, variants: Variants) -> list[tuple[str, list[str]]]:
    """Label and errors by column of every variant, behind those of the model as it is, of the same seed."""
    rows = []
    for model, label in _labels({model for model, _, _ in variants}):
        plain = {run: one for run, one in scores.items() if run[0] == model and run[2] == 0}
        rows.append((f"{label}, as above", _row(plain, model)))
        named: dict[str, dict[tuple[str, str, int], Mapping[str, Any]]] = {}
        for (which, group, changes), one in variants.items():
            if which == model:
                words = ", ".join(CHANGES[change] for change in changes.split("+"))
                named.setdefault(words, {})[model, group, 0] = one
        rows += [(f"{label}, {words}", _row(found, model)) for words, found in named.items()]
    return rows


def _minutes(scores: Scores, model: str) -> float:
    """Of one processor, all groups of a seed, the median over the seeds; 0 for a model that learned on a GPU only."""
    seconds: dict[int, float] = {}
    for (which, _, seed), one in scores.items():
        if which == model:
            on_cpu = float(one["seconds"]) if one["place"] == "cpu" else nan
            seconds[seed] = seconds.get(seed, 0.0) + on_cpu
    known = [value for value in seconds.values() if not isnan(value)]
    return median(known) / 60 if known else 0.0


def _on_gpu(scores: Scores, model: str) -> bool:
    return any(run[0] == model and one["place"] != "cpu" for run, one in scores.items())
