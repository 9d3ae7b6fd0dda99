"""Relaxation of cell and atoms over the free parameters of the crystal, in rounds with plane waves of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wyckforge.dft.config import DftConfig
from wyckforge.dft.gpaw.inputs import Way
from wyckforge.dft.gpaw.running import Runner
from wyckforge.dft.gpaw.solving import Forces
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.relax import Relaxation
from wyckforge.realise.relax import relax as search
from wyckforge.symmetry.crystal import Crystal


@dataclass(frozen=True, slots=True)
class Relaxing:
    """What a relaxation came to.

    Attributes:
        last: the last round.
        converged: force and stress are as small as wanted, in a basis that belongs to the last cell.
        steps: ionic steps of all rounds.
        remedies: in words, that were needed.
    """

    last: Relaxation
    converged: bool
    steps: int
    remedies: tuple[str, ...]


def relax(
    runner: Runner, crystal: Crystal, write: Callable[[Crystal, Crystal, Way], str], config: DftConfig
) -> Relaxing:
    """Relax until force and stress are small.

    The plane waves of a round are those of its first cell, so that energy and stress belong together. A round that
    finds its start relaxed is the last one.

    Args:
        runner: of the step.
        crystal: to begin with; its symmetry is kept.
        write: the input for a crystal, the first one of its round, and a way to the field.
        config: where it ends.

    Raises:
        EngineError: the field was not found, time is up, or GPAW failed for another reason.
        PotentialError: the start is no crystal.
    """
    remedies: tuple[str, ...] = ()
    number, steps = 1, 0
    while True:
        forces = Forces(runner, f"relax-{number}", write)
        until = RelaxConfig(
            fmax_ev_per_angstrom=config.fmax_ev_per_angstrom,
            smax_gpa=config.max_stress_gpa,
            max_steps=max(1, config.max_relax_steps - steps),
            max_seconds=3600 * config.timeout_hours,
        )
        found = search(crystal, until, forces)
        remedies = tuple(dict.fromkeys((*remedies, *forces.remedies)))
        crystal, steps, number = found.crystal, steps + found.calls, number + 1
        rested = found.calls == 1
        if rested or steps >= config.max_relax_steps:
            return Relaxing(found, rested and found.converged, steps, remedies)
