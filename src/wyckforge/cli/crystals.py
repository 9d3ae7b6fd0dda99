"""What verbs share that do one crystal after the other: a line as soon as one is done, files of its own for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wyckforge.cli.errors import FAILED
from wyckforge.cli.symmetry import structure_rows

if TYPE_CHECKING:
    from wyckforge.symmetry.crystal import Crystal

Done = tuple[Sequence[Sequence[str]], str]
"""Cells of the lines of a crystal, and what could not be done or told, in words."""


def each_crystal(
    ctx: click.Context,
    structures: tuple[Path, ...],
    head: Sequence[str],
    cells: str,
    work: Callable[[str, Crystal], Done],
) -> None:
    """Do all crystals; leave with the status of a failure where one could not be read, done or told.

    Args:
        ctx: of the verb.
        structures: files, folders or tables.
        head: of the columns after the name.
        cells: format of these columns; as no line waits for the others, each has a width of its own.
        work: what is done with the name and the crystal. Lines after the first are of what came of it.
    """
    from wyckforge.errors import WyckforgeError
    from wyckforge.potential.contract import PotentialError

    rows = structure_rows(structures)
    line = f"{{:<{max((len(row.id) for row in rows), default=0)}}}  {cells}".format
    begun = failed = False
    for row in rows:
        lines: Sequence[Sequence[str]] = ()
        try:
            lines, problem = ((), str(row.problem)) if row.crystal is None else work(row.id, row.crystal)
        except OSError:
            raise  # the files cannot be written, of this crystal or another
        except (WyckforgeError, PotentialError) as error:
            problem = str(error)
        except Exception as error:  # a defect that one crystal brings to light must not end the others
            problem = f"{type(error).__name__}: {error}"
        if lines and not begun:
            click.echo(line("structure", *head))
            begun = True
        for place, found in enumerate(lines):
            click.echo(line("→" if place else row.id, *found))
        if problem:
            click.echo(f"wyckforge: {row.id}: {problem}", err=True)
            failed = True
    if failed:
        ctx.exit(FAILED)


def fingerprint(verb: str, name: str, crystal: Crystal) -> str:
    """By which a record is known as that of the same verb on the same crystal."""
    return sha256(f"{verb}\n{name}\n".encode() + crystal.content()).hexdigest()


def free_stem(out: Path, stem: str, given: str, children: int = 0) -> str:
    """A name under which there are no files of another crystal; records tell by their ``given`` whose they are.

    Args:
        out: folder of the files.
        stem: of their names, if it is free.
        given: see :func:`fingerprint`.
        children: how many crystals with names of their own, ``STEM_child1``, there are to be.
    """

    def taken(candidate: str) -> bool:
        record = out / f"{candidate}.json"
        if record.exists():
            return bool(json.loads(record.read_text()).get("given") != given)
        names = [candidate, *(f"{candidate}_child{child}" for child in range(1, children + 1))]
        return any((out / f"{name}{end}").exists() for name in names for end in (".cif", ".json"))

    names = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
    return next(name for name in names if not taken(name))
