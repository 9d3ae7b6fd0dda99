"""The page about the reference hulls; its words are in ``hull.md.j2``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import bracketed

HERE = Path(__file__).parent


def page_of(found: Mapping[str, Any], tools: Mapping[str, str]) -> str:
    """The page, Markdown.

    Args:
        found: scores by origin, as ``benchmarks/hull.py`` writes them.
        tools: what the energies of each potential are called, by its name.
    """
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    words.filters |= {"energy": energy, "rate": bracketed}
    return words.get_template("hull.md.j2").render(found, tools=tools)


def energy(mean: Mapping[str, Any], sign: str = "") -> str:
    """``0.038 [0.036, 0.040]``."""
    low, high = mean["interval"]
    return f"{mean['value']:{sign}.4f} [{low:{sign}.4f}, {high:{sign}.4f}]"
