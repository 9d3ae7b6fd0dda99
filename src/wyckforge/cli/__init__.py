"""The command line: one verb per task, thin, and quick to start because every verb imports its rooms when called."""

from __future__ import annotations

import click

from wyckforge import __version__
from wyckforge.cli.data import data
from wyckforge.cli.design import design, report
from wyckforge.cli.dft import dft
from wyckforge.cli.doctor import doctor
from wyckforge.cli.errors import UserErrors
from wyckforge.cli.evaluate import evaluate
from wyckforge.cli.finetune import finetune
from wyckforge.cli.fit import fit
from wyckforge.cli.hull import hull
from wyckforge.cli.model import predict, train
from wyckforge.cli.phonon import phonon
from wyckforge.cli.predict_structure import predict_structure
from wyckforge.cli.relax import relax
from wyckforge.cli.symmetry import symmetry


@click.group(cls=UserErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="wyckforge")
def main() -> None:
    """Design inorganic crystals on demand: a target in, new symmetric relaxed crystals out.

    Exit status: 0 success, 1 something failed on the way, 2 a mistake in what was given, 130 interrupted.
    """


for _verb in (
    design,
    report,
    predict,
    predict_structure,
    evaluate,
    train,
    finetune,
    fit,
    relax,
    hull,
    phonon,
    dft,
    data,
    symmetry,
    doctor,
):
    main.add_command(_verb)
