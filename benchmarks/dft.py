"""Textbook crystals from first principles beside published PBE values, and a crystal of our own.

    python benchmarks/dft.py                       # hours on one core
    python benchmarks/dft.py --crystal Si --crystal MgO
    python benchmarks/dft.py --no-run              # write the page from what is there
    python benchmarks/dft.py --no-run --candidate runs/light/dft/g008197

Every crystal goes through `wyckforge dft run` with its default settings, but for the density of states; where
energies of bands have been published for a given lattice constant, ground state and bands are computed for that, too.
What is computed lies in folders under `.cache/dft`, as it does for users: a second call goes on after an interruption,
and reads what is complete.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from dft_page import page_of
from dft_published import CASES, Case
from wyckforge.dft.config import DftConfig, Step
from wyckforge.execute.dft_run import run_dft
from wyckforge.files import write_atomically
from wyckforge.report.dft import write_dft_page

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = ROOT / ".cache" / "dft", ROOT / "docs" / "benchmarks" / "dft.md"

RELAXED: tuple[Step, ...] = ("relax", "scf", "bands", "mass")
GIVEN: tuple[Step, ...] = ("scf", "bands")
FEW = 10
"""Points on a segment of the path where only its ends matter."""


def relaxed(case: Case, cache: Path) -> None:
    """Bands and masses of a crystal as it relaxes."""
    _run(case.name, case, None, DftConfig(steps=RELAXED), cache)


def vibrating(case: Case, cache: Path) -> None:
    """The same with its vibrations, which take longest."""
    _run(case.name, case, None, DftConfig(steps=(*RELAXED, "phonon")), cache)


def as_given(case: Case, cache: Path) -> None:
    """Bands at the lattice constants for which they have been published."""
    for angstrom in case.given:
        config = DftConfig(steps=GIVEN, band_points=FEW)
        _run(f"{case.name}-{angstrom}", case, angstrom, config, cache)


def _run(name: str, case: Case, angstrom: float | None, config: DftConfig, cache: Path) -> None:
    run_dft(name, case.crystal(angstrom), config, cache / name, lambda line: click.echo(f"{name}: {line}", err=True))
    write_dft_page(cache / name)


@click.command()
@click.option(
    "--crystal", "names", multiple=True, type=click.Choice([one.name for one in CASES]), help="By default all."
)
@click.option("--run/--no-run", default=True, help="Whether to compute what is missing.")
@click.option("--candidate", type=click.Path(exists=True, path_type=Path), help="Calculation of a generated crystal.")
@click.option("--vibrations", type=click.Path(exists=True, path_type=Path), help="One of its vibrations alone.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(
    names: tuple[str, ...], run: bool, candidate: Path | None, vibrations: Path | None, cache: Path, page: Path
) -> None:
    """Compute what is missing and write the page."""
    chosen = [case for case in CASES if run and (not names or case.name in names)]
    for work in relaxed, as_given, vibrating:
        for case in chosen:
            work(case, cache / "qe")
    write_atomically(page, page_of(cache / "qe", candidate, vibrations).encode())
    click.echo(f"wrote {page}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
