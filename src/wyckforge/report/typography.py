"""Formulae, space-group symbols, numbers and targets as people print them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup, escape

from wyckforge.errors import TargetError
from wyckforge.properties import describe
from wyckforge.records import Interval

_GREEK = {"GAMMA": "Γ", "DELTA": "Δ", "LAMBDA": "Λ", "SIGMA": "Σ"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def formula_html(formula: str) -> Markup:
    """``Cs2Pt3Se7`` with its counts as subscripts."""
    return Markup(re.sub(r"(\d+)", r"<sub>\1</sub>", str(escape(formula))))


def formula_text(formula: str) -> str:
    """``Cs₂Pt₃Se₇`` for a terminal."""
    return formula.translate(_SUBSCRIPTS)


def space_group_html(number: int) -> Markup:
    """``P6_3/mmc`` of a group number, its screw axes as subscripts and rotoinversions overlined."""
    from moyopy import SpaceGroupType

    symbol = SpaceGroupType(number).hm_short.replace(" ", "")
    screws = re.sub(r"_(\d)", r"<sub>\1</sub>", symbol)
    return Markup(re.sub(r"-(\d)", r'<span class="bar">\1</span>', screws))


def number(value: float | None, digits: int = 3) -> str:
    """A fixed number of decimals with a true minus sign; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def interval_words(interval: Interval, unit: str = "") -> str:
    """``0.5 to 2 eV``, ``at most −0.5 eV/atom``, ``143 or more``."""
    low, high = (f"{bound:g}".replace("-", "−") for bound in (interval.low, interval.high))
    if interval.low == interval.high:
        words = low
    elif math.isinf(interval.low):
        words = f"at most {high}"
    elif math.isinf(interval.high):
        words = f"at least {low}"
    else:
        words = f"{low} to {high}"
    return f"{words} {unit}".strip()


def runs(numbers: Iterable[int]) -> str:
    """``{1, 2, 3, 7}`` as ``1–3, 7``."""
    spans: list[list[int]] = []
    for value in sorted(numbers):
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in spans)


def step_words(name: str) -> str:
    """``charge_neutrality`` as ``charge neutrality``."""
    return name.replace("f_block", "f-block").replace("dft_", "DFT_").replace("_", " ")


def zone_label(name: str) -> str:
    """A point of the Brillouin zone as SeeK-path means it: ``Γ`` for ``GAMMA``, ``Σ₀`` for ``SIGMA_0``."""
    letter, _, index = name.partition("_")
    return _GREEK.get(letter, letter) + index.translate(_SUBSCRIPTS)


def target_words(target: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The target as (what, asked for) pairs.

    Args:
        target: :meth:`wyckforge.records.Target.to_dict`, as it stands in ``run.json``.

    Returns:
        One pair per constraint, properties first.
    """
    lists = {"elements": "Elements", "must_contain": "Must contain", "exclude": "Without"}
    counts = {"n_elements": "Distinct elements", "n_atoms": "Atoms in the conventional cell"}
    words = []
    for name, value in target.items():
        if name == "space_groups":
            words.append(("Space group", runs(value)))
        elif name in lists:
            words.append((lists[name], ", ".join(value)))
        elif name == "stoichiometry":
            words.append(("Stoichiometry", " : ".join(map(str, value))))
        elif name in counts:
            words.append((counts[name], interval_words(Interval.parse(value))))
        else:
            words.append((describe(name).label, interval_words(Interval.parse(value), describe(name).unit)))
    return words


def target_interval(target: Mapping[str, Any], name: str) -> Interval:
    """The interval asked for a property; everything where none was."""
    try:
        return Interval.parse(target[name]) if name in target else Interval()
    except TargetError:
        return Interval()
