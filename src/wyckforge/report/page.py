"""What the pages share: their templates, how they show a crystal, and what they say about their making."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from wyckforge.properties import describe
from wyckforge.report.structure import VIEWS, draw_cell, element_colour
from wyckforge.report.typography import formula_html, number, space_group_html, step_words
from wyckforge.report.view import Site, cell_parameters, composition
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import symbol

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Shown:
    """How a page shows a crystal.

    Attributes:
        pictures: name and drawing of each view.
        legend: symbol and colour of each element.
        cell: its parameters in words.
        sites: its occupied positions.
    """

    pictures: tuple[tuple[str, Markup], ...]
    legend: tuple[tuple[str, str], ...]
    cell: str
    sites: tuple[Site, ...]


def shown(crystal: Crystal | None, sites: tuple[Site, ...], *, turnable: bool = False) -> Shown:
    """Pictures, legend and cell.

    Args:
        crystal: conventional cell; None where only the gene is known.
        sites: its occupied positions.
        turnable: the first picture can be turned, and is the only one.
    """
    if crystal is None:
        return Shown((), (), "", sites)
    if turnable:
        pictures: tuple[tuple[str, Markup], ...] = (("conventional cell", draw_cell(crystal, VIEWS[0], turnable=True)),)
    else:
        pictures = tuple((view.name, draw_cell(crystal, view)) for view in VIEWS)
    return Shown(
        pictures=pictures,
        legend=tuple((symbol(z), element_colour(z)) for z, _ in composition(crystal)),
        cell=_cell_text(crystal),
        sites=sites,
    )


def environment() -> Environment:
    """The templates with the filters they use; what comes from records is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.filters |= {
        "formula": formula_html,
        "space_group": space_group_html,
        "number": number,
        "value": lambda value: f"{value:.4g}".replace("-", "−"),
        "words": lambda name: step_words(name)[:1].upper() + step_words(name)[1:],
        "label": lambda name: describe(name).label,
        "unit": lambda name: describe(name).unit,
    }
    return made


def part(name: str) -> Markup:
    """Style or script that a page holds inside."""
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def provenance(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run was made with, one line each.

    Args:
        info: its ``run.json``.
    """
    config, inputs = info.get("config", {}), info.get("inputs", {})
    lines = [("Seed", str(config["seed"]))] if "seed" in config else []
    lines += [(name.capitalize(), _flat(value)) for name, value in inputs.items()]
    lines += [
        (label, _flat(info[name]))
        for name, label in (("seeds", "Made from"), ("versions", "Versions"), ("timings_s", "Time, s"))
        if name in info
    ]
    return lines


def _cell_text(crystal: Crystal) -> str:
    a, b, c, alpha, beta, gamma = cell_parameters(crystal)
    return f"{a:.3f} × {b:.3f} × {c:.3f} Å; {alpha:.1f}°, {beta:.1f}°, {gamma:.1f}°; {len(crystal)} atoms"


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    return str(value)
