from __future__ import annotations

import json

import pytest
from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure
from tests.dft.vasp.examples import GOLDEN, example

from wyckforge.dft.vasp.custodian_run import handlers
from wyckforge.dft.vasp.flow import vasp_flow
from wyckforge.dft.vasp.sets import STEPS, standard


@pytest.fixture(scope="module")
def flow():
    return vasp_flow(example("nio"))


def reference_of(argument) -> tuple[str, str]:
    """The job an argument waits for, and what of its output."""
    return argument.uuid, argument.attributes[0][1]


def test_jobs_wait_for_those_whose_results_they_need(flow):
    jobs = {job.name: job for job in flow.jobs}
    assert tuple(jobs) == STEPS
    assert flow.name == "VASP NiO"
    assert jobs["relax"].function_args[0] == standard(example("nio"))
    for step in ("static", "bands", "phonon", "mp_relax"):
        assert reference_of(jobs[step].function_args[0]) == (jobs["relax"].uuid, "structure")
    assert reference_of(jobs["mp_static"].function_args[0]) == (jobs["mp_relax"].uuid, "structure")
    assert reference_of(jobs["bands"].function_kwargs["prev_dir"]) == (jobs["static"].uuid, "dir_name")
    assert jobs["bands"].maker.copy_vasp_kwargs == {"additional_vasp_files": ("CHGCAR",)}
    assert all(job.function_kwargs["prev_dir"] is None for step, job in jobs.items() if step != "bands")


def test_jobs_write_the_inputs_that_are_kept(flow, tmp_path, monkeypatch):
    """After a trip through JSON, as a database makes them do."""
    from atomate2.vasp.files import write_vasp_input_set

    monkeypatch.chdir(tmp_path)
    kept = (GOLDEN / "nio.txt").read_text()
    for job in json.loads(json.dumps(flow, cls=MontyEncoder), cls=MontyDecoder).jobs:
        maker = job.maker
        options = maker.write_input_set_kwargs | {"potcar_spec": True}
        write_vasp_input_set(standard(example("nio")), maker.input_set_generator, job.name, **options)
        for name in ("INCAR", "KPOINTS"):
            assert f"==> {job.name}/{name} <==\n{(tmp_path / job.name / name).read_text()}==>" in kept
        assert Structure.from_file(tmp_path / job.name / "POSCAR") == standard(example("nio"))


def test_jobs_have_the_handlers_that_keep_smearing_and_mesh(flow):
    """They are tested one by one beside the run under custodian."""
    ours = [handler.as_dict() for handler in handlers()]
    assert ours[0]["errors_subset_to_catch"]
    for job in json.loads(json.dumps(flow, cls=MontyEncoder), cls=MontyDecoder).jobs:
        assert [handler.as_dict() for handler in job.maker.run_vasp_kwargs["handlers"]] == ours


def test_without_a_relaxation_steps_begin_with_the_crystal():
    static, bands, mp_static = vasp_flow(example("si"), ("mp_static", "bands", "static")).jobs
    assert [job.name for job in (static, bands, mp_static)] == ["static", "bands", "mp_static"]
    assert {id(type(job.function_args[0])) for job in (static, bands, mp_static)} == {id(Structure)}
    assert reference_of(bands.function_kwargs["prev_dir"]) == (static.uuid, "dir_name")
