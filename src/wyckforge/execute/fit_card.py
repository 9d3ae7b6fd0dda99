"""The model card of a fitted forward model, Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wyckforge.train.forward.methods import RECIPES


def card_of(record: Mapping[str, Any]) -> str:
    """The card of a fit.

    Args:
        record: the content of ``metrics.json``.
    """
    rows, settings = record["rows"], record["settings"]
    lines = [
        f"# {record['model']}: {', '.join(record['properties'])}",
        "",
        f"A forward model of wyckforge ({RECIPES[record['model']].words}), fitted to `{record['source']}`: "
        f"{rows['train'] + rows['val']:,} crystals to learn from, {rows['test']:,} held out. "
        f"No {_kept(settings['split'])} is in two parts of the split; seed {settings['seed']}.",
        "",
        "| property | unit | mean absolute error | 95 % | of the median label | R² | 90 % intervals hold |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in record["properties"].items():
        low, high = found["mae_interval"]
        lines.append(
            f"| {name} | {found['unit']} | {found['mae']:.4g} | {low:.4g} to {high:.4g} | {found['mae_of_median']:.4g} "
            f"| {found.get('r2', float('nan')):.3f} | {found[f'{name}_coverage']:.0%} |"
        )
    if record["warnings"]:
        lines += ["", "Warnings about the labels:", "", *(f"- {warning}" for warning in record["warnings"])]
    lines += ["", "It knows crystals like those it learned from. On others its errors and its intervals are not known."]
    return "\n".join(lines) + "\n"


def _kept(split: str) -> str:
    return "reduced formula" if split == "formula" else "set of elements"
