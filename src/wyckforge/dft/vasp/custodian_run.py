"""All steps in a folder under custodian, which mends what goes wrong with VASP on the way.

    python -m wyckforge.dft.vasp.custodian_run FOLDER --vasp "mpirun -np 16 vasp_std"

What would change the published smearing or mesh for another is left out.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wyckforge.dft.vasp.inputs import CHARGE_OF, RELAXED_IN, after, write_inputs
from wyckforge.dft.vasp.outputs import finished
from wyckforge.dft.vasp.reading import OutputError
from wyckforge.dft.vasp.sets import STEPS
from wyckforge.errors import MissingDependencyError, WyckforgeError

if TYPE_CHECKING:
    from custodian.custodian import ErrorHandler

MAX_ERRORS = 10
"""Corrections of one step."""

NOT_MENDED = (
    "algo_tet",
    "brmix",
    "dentet",
    "incorrect_shift",
    "inv_rot_mat",
    "rot_matrix",
    "tet",
    "tetirr",
    "triple_product",
)
"""What custodian's VaspErrorHandler would mend with another smearing or mesh, at the latest when it comes up again.

The last one would exchange axes of the cell and leave KPOINTS, whose mesh and path are for the old ones.
"""


def handlers() -> list[ErrorHandler]:
    """What is mended.

    NonConvergingErrorHandler is not among them: it turns tetrahedra to Gaussian smearing once another handler has
    changed ALGO. What does not converge is left to UnconvergedErrorHandler, after the run.
    """
    from custodian.vasp import handlers as known

    mended = [name for name in known.VaspErrorHandler.error_msgs if name not in NOT_MENDED]
    return [
        known.VaspErrorHandler(errors_subset_to_catch=mended),
        known.UnconvergedErrorHandler(),
        known.PotimErrorHandler(),
        known.PositiveEnergyErrorHandler(),
        known.FrozenJobErrorHandler(),
        known.StdErrHandler(),
    ]


def run(folder: Path, command: Sequence[str]) -> None:
    """Run the steps that lie in a folder and are not finished.

    Args:
        folder: with the folders of the steps.
        command: that starts VASP.

    Raises:
        WyckforgeError: a step failed, or has no potentials.
    """
    for step in STEPS:
        place = folder / step
        if not place.is_dir() or _is_finished(place):
            continue
        relaxation = folder / RELAXED_IN[step] if step in RELAXED_IN else None
        if relaxation is not None and relaxation.is_dir():
            start = after(relaxation)
            write_inputs(start.crystal, folder, (step,), spin=start.spin, metal=start.metal)
        if step in CHARGE_OF and (charge := folder / CHARGE_OF[step] / "CHGCAR").is_file():
            shutil.copy(charge, place)
        _with_potentials(place)
        _run_one(place, command)


def _run_one(place: Path, command: Sequence[str]) -> None:
    from custodian import Custodian
    from custodian.custodian import CustodianError
    from custodian.vasp.jobs import VaspJob
    from custodian.vasp.validators import VaspFilesValidator, VasprunXMLValidator

    click.echo(place.name)
    try:
        Custodian(
            handlers(),
            [VaspJob(list(command), auto_gamma=False)],
            validators=[VasprunXMLValidator(), VaspFilesValidator()],
            max_errors=MAX_ERRORS,
            polling_time_step=1,
            monitor_freq=300,
            directory=str(place),
        ).run()
    except (CustodianError, OSError) as error:
        raise WyckforgeError(f"VASP failed in {place} ({error}); look at vasp.out and custodian.json there") from None


def _is_finished(place: Path) -> bool:
    try:
        finished(place)
    except OutputError:
        return False
    return True


def _with_potentials(place: Path) -> None:
    from pymatgen.io.vasp import Potcar

    if (place / "POTCAR").exists():
        return
    names = (place / "POTCAR.spec").read_text().split()
    try:
        Potcar(names, functional="PBE").write_file(str(place / "POTCAR"))
    except (OSError, ValueError, KeyError) as error:
        raise MissingDependencyError(
            f"no potentials {', '.join(names)} ({error}); put a POTCAR into {place}, or tell pymatgen where they are: "
            "'pmg config --add PMG_VASP_PSP_DIR FOLDER'"
        ) from None


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--vasp", default="vasp_std", show_default=True, help="Command that starts VASP.")
def main(folder: Path, vasp: str) -> None:
    """Run the steps in FOLDER that are not finished, one after another."""
    try:
        run(folder, shlex.split(vasp))
    except WyckforgeError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
