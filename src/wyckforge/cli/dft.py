"""``wyckforge dft``: calculations from first principles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from wyckforge.cli.errors import FAILED

if TYPE_CHECKING:
    from wyckforge.dft.vasp.sets import Step
    from wyckforge.records import Evidence
    from wyckforge.symmetry.crystal import Crystal

STEPS = ("relax", "static", "bands", "phonon", "mp_relax", "mp_static")


@click.group()
def dft() -> None:
    """Calculations from first principles."""


@dft.command()
@click.argument("structure", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write a folder per step into.")
@click.option("--steps", default=",".join(STEPS), show_default=True, help="Steps, parted by commas.")
def inputs(structure: Path, out: Path, steps: str) -> None:
    """Write VASP inputs for the crystal in STRUCTURE, a CIF or POSCAR file or the folder of a finished relaxation.

    After a relaxation, what is not magnetic in it is computed without spin polarisation.
    """
    from wyckforge.dft.vasp.inputs import SCRIPT, after, write_inputs

    asked = tuple(one.strip() for one in steps.split(","))
    if unknown := [one for one in asked if one not in STEPS]:
        raise click.BadParameter(f"{', '.join(unknown)} given; allowed are {', '.join(STEPS)}", param_hint="--steps")
    crystal, spin = after(structure) if structure.is_dir() else (_crystal(structure), True)
    for folder in write_inputs(crystal, out, cast("tuple[Step, ...]", asked), spin=spin):
        click.echo(str(folder))
    click.echo(f"run them with {out / SCRIPT}; each needs a POTCAR of the potentials in its POTCAR.spec")


@dft.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--hull", type=click.Path(path_type=Path), help="Table of known phases, energies with MP settings.")
@click.pass_context
def collect(ctx: click.Context, folder: Path, hull: Path | None) -> None:
    """Read the finished VASP steps in FOLDER, and write results and evidence beside them.

    A step that was killed, did not converge or cannot be read is unknown, with the reason, and the exit status is 1.
    """
    from wyckforge.dft.vasp.collect import collect as read
    from wyckforge.errors import StructureError
    from wyckforge.files import write_atomically
    from wyckforge.realise.hull import ReferenceHull

    found = read(folder, None if hull is None else ReferenceHull.load(hull))
    if not found.evidence:
        raise StructureError(f"{folder} holds none of the folders {', '.join(STEPS)}; give the folder of a chain")
    for step in STEPS:
        file = folder / f"{step}.json"
        if step in found.results:
            found.results[step].write(file)
        else:
            file.unlink(missing_ok=True)  # of an earlier call
    evidence = json.dumps([asdict(one) for one in found.evidence], indent=1, ensure_ascii=False)
    write_atomically(folder / "evidence.json", evidence.encode())
    for one in found.evidence:
        click.echo(_line(one))
    if any(one.verdict == "unknown" for one in found.evidence):
        ctx.exit(FAILED)


def _line(one: Evidence) -> str:
    value = "–" if one.value is None else f"{one.value:.4f} {one.unit}".rstrip()
    return f"{one.stage:<21} {one.verdict:<8} {value:<16} {one.reason}"


def _crystal(path: Path) -> Crystal:
    """The one crystal in a file.

    Raises:
        StructureError: none can be read.
    """
    from wyckforge.cli.symmetry import structure_rows
    from wyckforge.errors import StructureError

    row = structure_rows((path,))[0]
    if row.crystal is None:
        raise StructureError(f"{path}: {row.problem}")
    return cast("Crystal", row.crystal)
