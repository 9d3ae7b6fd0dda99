"""The chain as a jobflow flow of atomate2 jobs, for whoever runs VASP through one of their managers.

Jobs hold the input sets of :mod:`wyckforge.dft.vasp.sets`. What a job begins with is made where it runs, from the
crystal and the moments that the one before it found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wyckforge.dft.vasp.custodian_run import handlers
from wyckforge.dft.vasp.inputs import CHARGE_OF, RELAXED_IN
from wyckforge.dft.vasp.sets import STEPS, Step, input_set, standard

if TYPE_CHECKING:
    from atomate2.vasp.jobs.base import BaseVaspMaker
    from jobflow import Flow, Job

    from wyckforge.symmetry.crystal import Crystal


def vasp_flow(crystal: Crystal, steps: Sequence[Step] = STEPS) -> Flow:
    """The steps as jobs named after them.

    Without a relaxation among them, steps begin with the crystal as given.

    Args:
        crystal: in any cell.
        steps: which; their order is that of :data:`STEPS`.

    Raises:
        StructureError: the symmetry cannot be determined.
    """
    from jobflow import Flow

    given = standard(crystal)
    jobs: dict[Step, Job] = {}
    for step in (one for one in STEPS if one in steps):
        origin = RELAXED_IN.get(step)
        while origin is not None and origin not in jobs:
            origin = RELAXED_IN.get(origin)
        structure = given if origin is None else jobs[origin].output.structure
        charge = jobs.get(CHARGE_OF[step]) if step in CHARGE_OF else None
        jobs[step] = _maker(step).make(structure, prev_dir=None if charge is None else charge.output.dir_name)
    return Flow(list(jobs.values()), name=f"VASP {given.composition.reduced_formula}")


def _maker(step: Step) -> BaseVaspMaker:
    from atomate2.vasp.jobs.base import BaseVaspMaker

    parse: dict[str, Any] = {"parse_bandstructure": "line", "parse_dos": False} if step == "bands" else {}
    return BaseVaspMaker(
        name=step,
        input_set_generator=input_set(step),
        write_input_set_kwargs={"from_prev": False},
        copy_vasp_kwargs={"additional_vasp_files": ("CHGCAR",)} if step in CHARGE_OF else {},
        run_vasp_kwargs={"handlers": handlers()},
        task_document_kwargs=parse,
    )
