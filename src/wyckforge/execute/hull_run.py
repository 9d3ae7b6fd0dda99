"""Energies of many known phases for a reference hull: none lost, none computed twice, and a bad one ends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wyckforge.errors import InvalidGeneError, StructureError
from wyckforge.execute.executors import Executor
from wyckforge.execute.run_stages import run_stages, time_limit
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.phases import Computed, Phase, ReferenceEnergy, failed
from wyckforge.records import Candidate


def run_phases(
    phases: Sequence[Phase],
    config: RelaxConfig,
    *,
    relaxed: bool,
    log: Path,
    executor: Executor,
    timeout_s: float | None = None,
    progress: bool = True,
) -> list[Computed]:
    """What became of every phase, in the order given; structures that agree are computed once.

    Args:
        phases: the crystals.
        config: settings of the relaxation, and the potential.
        relaxed: relax within the symmetry; else energies are those of the structures as given.
        log: JSON-lines file of finished phases; those found there are not computed again.
        executor: where they are computed.
        timeout_s: time for one phase; if omitted, twice what the settings allow for a relaxation, and a minute.
        progress: show a bar with the time left on standard error.

    Raises:
        ConfigError: there is no potential of that name.
        TableError: ``log`` holds something else.
        WyckforgeError: ``log`` cannot be written, or there are no workers. Finished phases are safe.
    """
    stage = ReferenceEnergy(config, relaxed)
    ready = [_prepared(stage, phase) for phase in phases]
    done = run_stages(
        list({one.id: one for one in ready if isinstance(one, Candidate)}.values()),
        [stage],
        out=log,
        executor=executor,
        timeout_s=time_limit(config.max_seconds) if timeout_s is None else timeout_s,
        unit="phase",
        progress=progress,
    )
    by_id = {candidate.id: candidate for candidate in done}
    return [
        stage.outcome(phase, by_id[one.id]) if isinstance(one, Candidate) else one
        for phase, one in zip(phases, ready, strict=True)
    ]


def _prepared(stage: ReferenceEnergy, phase: Phase) -> Candidate | Computed:
    """A phase to compute, or, where its symmetry cannot be told, that there is no energy."""
    try:
        return stage.candidate(phase)
    except (StructureError, InvalidGeneError) as error:
        return failed(phase, str(error))
