"""``wyckforge doctor``: what is installed, what is missing, and the one command that installs it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import click

from wyckforge.cli.errors import FAILED

Finding = tuple[str, str, str]
"""What was looked at; what was found, empty where it is missing; what to do then."""


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Say what is installed, what is missing, and how to get it.

    What is needed by every run stands first; the exit status is 1 if any of that is missing.
    """
    from wyckforge.report.terminal import align

    needed = list(_needed())
    rows = [("", "found", "if it is missing"), *map(_row, needed), *map(_row, _optional())]
    click.echo("\n".join(align(rows, set())))
    if any(not found for _, found, _ in needed):
        ctx.exit(FAILED)


def _row(finding: Finding) -> Finding:
    what, found, remedy = finding
    return (what, found, "") if found else (what, "missing", remedy)


def _needed() -> Iterator[Finding]:
    from wyckforge.potential.catalogue import names

    yield "Python", sys.version.split()[0], ""
    for package in ("wyckforge", "torch", "pymatgen", "ase", "phonopy", "pyxtal", "SMACT"):
        yield package, _version(package), f"pip install {package}"
    yield "potentials", ", ".join(names()), "pip install --force-reinstall wyckforge"
    for model in ("orbitvae", "geometry", "judge", "conductivity"):
        yield f"model {model}", _bundled(model), "pip install --force-reinstall wyckforge"


def _optional() -> Iterator[Finding]:
    from wyckforge.dft.catalogue import NAMES, load_engine

    for name in NAMES:
        yield f"engine {name}", *_told(lambda name=name: load_engine(name).tool)  # type: ignore[misc]
    yield "pseudopotentials (qe)", _pseudopotentials(), "wyckforge dft pseudopotentials"
    yield "VASP", shutil.which("vasp_std") or "", "licensed; inputs are written without it: wyckforge dft inputs"
    yield "POTCARs (VASP)", os.environ.get("PMG_VASP_PSP_DIR", ""), "set PMG_VASP_PSP_DIR to your licensed folder"
    for extra, package in (("parsl", "parsl"), ("vasp", "custodian"), ("effmass", "effmass")):
        yield f"{package} (extra {extra})", _version(package), f"pip install 'wyckforge[{extra}]'"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _bundled(model: str) -> str:
    from wyckforge.train.artefact import bundled

    return "yes" if bundled(model).exists() else ""


def _pseudopotentials() -> str:
    from wyckforge.dft.qe.pseudopotentials import ELEMENTS, folder, missing
    from wyckforge.symmetry.elements import atomic_number

    lacking = missing([atomic_number(name) for name in ELEMENTS])
    return "" if len(lacking) == len(ELEMENTS) else f"{len(ELEMENTS) - len(lacking)} elements in {folder()}"


def _told(ask: Callable[[], str]) -> tuple[str, str]:
    """An answer and no remedy, or no answer and the remedy that the error names."""
    from wyckforge.errors import MissingDependencyError

    try:
        return ask(), ""
    except MissingDependencyError as error:
        return "", str(error)
