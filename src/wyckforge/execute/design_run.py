"""A design run: from a configuration to a folder of ranked candidates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from wyckforge.config import RunConfig
from wyckforge.design.front import criteria_of
from wyckforge.design.generate import generate
from wyckforge.design.ranking import gene_order, rank_candidates
from wyckforge.errors import TargetError
from wyckforge.execute import folder
from wyckforge.execute.design_account import account, count_completed, realises
from wyckforge.execute.engines import open_executor
from wyckforge.execute.executors import Executor
from wyckforge.execute.inputs import BUILT, Inputs, hull_energy, judge_folders, versions
from wyckforge.execute.journal import CUT_OFF, read_latest
from wyckforge.execute.outputs import write_results
from wyckforge.execute.run_stages import Stage, run_stages, time_limit
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.realise.judge import Judge
from wyckforge.realise.phonon.stage import Phonons, near_hull
from wyckforge.realise.refine import Refine
from wyckforge.realise.stages import Build, Hull, Relax, Symmetry
from wyckforge.records import Candidate, Interval, Target
from wyckforge.targets import parse_target
from wyckforge.train.model import ProbabilisticModel


@dataclass(frozen=True)
class DesignResult:
    """What a run gave.

    Attributes:
        candidates: all survivors of the funnel, ranked; those that were realised carry the evidence of it.
        completed: candidates that came through the last step.
        record: the content of ``run.json``.
        out: the folder.
    """

    candidates: tuple[Candidate, ...]
    completed: int
    record: Mapping[str, Any]
    out: Path

    @property
    def message(self) -> str:
        """One line for people: what came out and, where it is less than asked for, why."""
        return str(self.record["message"])


def run_design(config: RunConfig, out: Path, *, progress: bool = True) -> DesignResult:
    """Draw genes, screen them, realise the best, rank by evidence, and write it all to a folder.

    The survivors of the funnel are realised in the order of their score: ``config.count`` at first, then as many as
    are still missing, until ``count`` have come through the last step or ``attempts_per_candidate`` times ``count``
    have been tried. On the folder of a run that was stopped it goes on with the candidates that are not finished; on
    that of a run that is going on it takes a part of them.

    Args:
        config: everything the result depends on.
        out: a new or empty folder, or that of an earlier run with the same configuration.
        progress: show progress on standard error.

    Raises:
        ConfigError: the folder holds something else.
        CheckpointError: the checkpoint cannot be read.
        TableError: a table cannot be read.
        TargetError: the target contradicts itself, no crystal can seed it, or no candidate came out; the message says
            where they were lost, and what there was is in the folder.
    """
    target = parse_target(config.target)
    inputs = Inputs.load(config)
    executor = open_executor(config.execution, out / folder.LOGS)  # a wrong engine is told before anything is made
    settings = config.to_dict()
    execution = settings.pop("execution")
    folder.make_folder(out)
    with folder.alone(out):
        record = folder.open_folder(out, {"config": settings, "inputs": inputs.description})
        record |= {"execution": execution, "target": target.to_dict(), "versions": versions()}
        if folder.FUNNEL not in record or not (out / folder.DRAWN).exists():
            _draw(config, target, inputs, out, record, progress)
    drawn = sorted(folder.read_candidates(out / folder.DRAWN), key=gene_order)
    if realises(config) and drawn:
        with executor:
            _realise(drawn, config, target, out, record, executor, progress)
    with folder.alone(out):
        return _finish(_gathered(drawn, out), config, out, record)


def _draw(config: RunConfig, target: Target, inputs: Inputs, out: Path, record: dict[str, Any], progress: bool) -> None:
    """Find the survivors of the funnel, write them, and record how they were found."""
    start = time.monotonic()
    criteria = criteria_of(config.pareto, target, inputs.checkpoint.targets)
    generation = generate(
        inputs.checkpoint,
        inputs.reference,
        target,
        wanted=_attempts(config) if realises(config) else config.count,
        rng=np.random.default_rng(config.seed),
        sampling=config.sampling,
        funnel=None if config.stop_after == "genes" else config.funnel,
        ranking=config.ranking,
        weights=config.target.weights,
        criteria=criteria,
        hull=hull_energy(inputs.hull) if inputs.hull is not None else None,
        progress=progress,
    )
    folder.write_candidates(out / folder.DRAWN, generation.candidates)
    record |= {
        **generation.to_dict(),
        "pareto": [criterion.to_dict() for criterion in criteria],
        "calibrated": isinstance(inputs.checkpoint, ProbabilisticModel),
        "timings_s": {"draw": round(time.monotonic() - start, 2)},
        "status": "running",
    }
    folder.write_json(out / folder.RUN, record)


def _realise(
    survivors: Sequence[Candidate],
    config: RunConfig,
    target: Target,
    out: Path,
    record: dict[str, Any],
    executor: Executor,
    progress: bool,
) -> None:
    """Realise survivors in their order; what is found is in the journals of the run.

    Phonons, which take longest, are tasks of their own: what they cost in time, or a worker, is their evidence alone.
    """
    start = time.monotonic()
    limit = min(len(survivors), _attempts(config))
    done: list[Candidate] = []

    def send(todo: Sequence[Candidate], stages: tuple[Stage, ...], name: str, limit_s: float) -> list[Candidate]:
        return run_stages(todo, stages, out=out / name, executor=executor, timeout_s=limit_s, progress=progress)

    while (missing := config.count - count_completed(done, config)) > 0 and len(done) < limit:
        batch = survivors[len(done) : min(len(done) + missing, limit)]
        found = send(batch, stages_of(config, target), folder.REALISED, time_limit(_realisation_s(config)))
        if config.stop_after == "phonon":
            near = [one for one in found if near_hull(one) and one.find(CUT_OFF) is None]  # else it is realised anew
            limit_s = time_limit(config.phonon.max_seconds)
            tested = {one.id: one for one in send(near, (Phonons(config.phonon),), folder.PHONONS, limit_s)}
            found = [tested.get(candidate.id, candidate) for candidate in found]
        done += found
    spent = record["timings_s"].get("realise", 0.0) + time.monotonic() - start
    record["timings_s"]["realise"] = round(spent, 2)


def _gathered(drawn: Sequence[Candidate], out: Path) -> list[Candidate]:
    """Every gene drawn, with the last that the journals say of it: whoever realised it, and in whose place."""
    latest = {one.id: one for one in drawn}
    for journal in (out / folder.REALISED, out / folder.PHONONS):
        if journal.exists():
            latest |= read_latest(journal, latest)
    return list(latest.values())


def stages_of(config: RunConfig, target: Target) -> tuple[Stage, ...]:
    """What is done with every gene that is realised, without the phonons."""
    build = Build(config.seed, config.build)
    relax = Relax(config.seed, config.relax, config.build, config.hull)
    folders = judge_folders(config.judge.models)
    judge = (Judge(folders, target.properties),) if folders else ()
    refine = (Refine(config.refine, config.relax, config.hull),) if config.refine.wanted else ()
    hull = Hull(config.hull, target.properties.get(FORMATION_ENERGY, Interval()), config.relax.potential)
    energies: dict[str, tuple[Stage, ...]] = {
        "build": (build,),
        "relax": (relax,),
        "hull": (hull, *refine),
    }
    last = BUILT.index(config.stop_after)
    chain = [stage for name in BUILT[: last + 1] for stage in energies.get(name, ())]
    if last >= BUILT.index("relax"):  # the last relaxation gives the crystal that is looked at
        chain += [Symmetry(), *judge]
    return tuple(chain)


def _realisation_s(config: RunConfig) -> float:
    """Seconds that the settings allow a candidate, without phonons."""
    return (config.relax.starts + 1) * (config.build.timeout_s + config.relax.max_seconds)


def _finish(candidates: Sequence[Candidate], config: RunConfig, out: Path, record: dict[str, Any]) -> DesignResult:
    """Rank, write everything, and close the record."""
    ranked = rank_candidates(candidates, last_stage="hull" if config.stop_after == "phonon" else config.stop_after)
    write_results(out, ranked)
    record |= {**account(ranked, config, record), "status": "complete"}
    folder.write_json(out / folder.RUN, record)
    if not record["completed"]:
        raise TargetError(record["message"])
    return DesignResult(tuple(ranked), record["completed"], record, out)


def _attempts(config: RunConfig) -> int:
    return ceil(config.count * config.attempts_per_candidate)
