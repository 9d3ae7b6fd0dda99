"""The page about the classifiers of the funnel, and their model cards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import percent_of_n

HERE = Path(__file__).parent
GOALS = {"precision": 0.96, "recall": 0.95}
_WORDS = Environment(
    loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
)
Split = Literal["formula", "chemical_system"]
SPLITS: dict[Split, str] = {"formula": "formula", "chemical_system": "chemical system"}
PARTS = {
    "all": "all",
    "ternary": "ternaries, as in the paper",
    "mp_20": "Materials Project (MP-20)",
    "wbm": "hypothetical (WBM)",
}
QUESTIONS = {"synthesizability": "Is a crystal like those known to experiment?", "metal": "Has a crystal no band gap?"}

Scores = Mapping[str, Any]
Found = Mapping[tuple[Any, Any], Scores]


def page_of(found: Found) -> str:
    """The page, Markdown; its words are in ``classifiers.md.j2``.

    Args:
        found: scores by question and split.
    """
    metal, known = found["metal", "formula"], found["synthesizability", "formula"]
    years = found["synthesizability", "year"]
    return _WORDS.get_template("classifiers.md.j2").render(
        metal=metal,
        known=known,
        years=years,
        metal_rows=[row for by in SPLITS for row in _metal_rows(found, by)],
        missed=missed(found),
        metal_thresholds=[
            (cut, *(percent_of_n(found["metal", by]["thresholds"][cut][key]) for by in SPLITS for key in GOALS))
            for cut in metal["thresholds"]
        ],
        areas=[
            (name, *(figure(found["synthesizability", by]["auc"].get(name)) for by in SPLITS)) for name in known["auc"]
        ],
        passed=[
            (name, *(percent_of_n(found["synthesizability", by]["passed"][name]) for by in SPLITS))
            for name in known["passed"]
        ],
        known_thresholds=[
            (cut, *(percent_of_n(rate) for rate in rates.values())) for cut, rates in known["thresholds"].items()
        ],
        kinds=list(next(iter(known["thresholds"].values()))),
        years_passed=[(name, percent_of_n(rate)) for name, rate in years["passed"].items()],
        later_area=figure(years["auc"]["WBM"]),
        calibrations=[
            (title, f"{100 * scores['calibration']['expected_calibration_error']:.1f}", _bins(scores["calibration"]))
            for title, scores in (("synthesizability", known), ("metal", metal))
        ],
        another=[percent_of_n(metal["another"][key]) for key in ("precision", "recall", "right")],
        minutes=f"{sum(scores['seconds'] for scores in found.values()) / 60:.0f}",
    )


def card_of(question: str, found: Found) -> str:
    """The model card of a classifier that comes with the package."""
    scores = found[question, "formula"]
    return _WORDS.get_template("classifiers_card.md.j2").render(
        title=QUESTIONS[question],
        name=question,
        scores=scores,
        rows=_metal_rows(found, "formula") if question == "metal" else [],
        areas=[] if question == "metal" else [(name, figure(one)) for name, one in scores["auc"].items()],
        passed=[] if question == "metal" else [(name, percent_of_n(one)) for name, one in scores["passed"].items()],
        later=None if question == "metal" else percent_of_n(found[question, "year"]["passed"]["later"]),
        years=None if question == "metal" else found[question, "year"]["last"],
        error=f"{100 * scores['calibration']['expected_calibration_error']:.1f}",
    )


def missed(found: Found) -> list[str]:
    """Goals of the metal classifier that are missed, in words."""
    return [
        f"{key} of metals, split by {SPLITS[by]}: {100 * value:.1f} % instead of {100 * goal:g} %"
        for by in SPLITS
        for key, goal in GOALS.items()
        if (value := found["metal", by]["parts"]["all"][key]["value"]) < goal
    ]


def figure(area: Mapping[str, Any] | None) -> str:
    """An area under the curve with its 95 % interval and n: ``0.981 (0.976 to 0.985; n = 2,515)``."""
    if area is None:
        return "–"
    low, high = area["interval"]
    return f"{area['value']:.3f} ({low:.3f} to {high:.3f}; n = {area['n']:,})"


def _metal_rows(found: Found, by: Split) -> list[tuple[str, ...]]:
    return [
        (SPLITS[by], words, percent_of_n(one["precision"]), percent_of_n(one["recall"]), figure(one["auc"]))
        for name, words in PARTS.items()
        if (one := found["metal", by]["parts"][name])
    ]


def _bins(calibration: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (f"{one['low']:.1f} to {one['high']:.1f}", f"{100 * one['claimed']:.1f}", percent_of_n(one["achieved"]))
        for one in calibration["bins"]
    ]
