"""The smallest of the paper's crystals from first principles: its gap, in the crystal that SevenNet-0 left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from table3_published import Semiconductor
from wyckforge.dft.config import DftConfig
from wyckforge.execute.dft_run import run_dft
from wyckforge.records import Candidate
from wyckforge.report.dft import write_dft_page

SMALLEST = 586
"""Tl3As3S4: 10 atoms in the primitive cell, 108 valence electrons; all others have more of both."""

CONFIG = DftConfig(steps=("scf", "bands"), scf_k_spacing_per_angstrom=0.6, band_points=5)
"""Coarse: half an hour of one core."""


@dataclass(frozen=True)
class FirstPrinciples:
    """What a calculation says of a crystal of the paper.

    Attributes:
        row: the published crystal.
        evidence: verdict, value, unit and reason by stage.
        seconds: that it took.
        config: how it was computed.
    """

    row: Semiconductor
    evidence: dict[str, dict[str, object]]
    seconds: float
    config: DftConfig = CONFIG


def compute(row: Semiconductor, placed: Candidate, cache: Path) -> FirstPrinciples | None:
    """Ground state and bands, or what is there of an earlier call; None where there is no crystal."""
    if placed.crystal is None:
        return None
    out = cache / "dft" / str(row.id)
    record = run_dft(row.formula, placed.crystal, CONFIG, out, lambda line: click.echo(f"{row.id}: {line}", err=True))
    write_dft_page(out)
    return FirstPrinciples(row, {one["stage"]: one for one in record["evidence"]}, record["seconds"])
