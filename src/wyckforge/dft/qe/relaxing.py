"""Variable-cell relaxation in rounds: each goes on where the last one ended, failed or was killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.inputs import Field, Relaxation
from wyckforge.dft.qe.outputs import Output, geometries, read
from wyckforge.dft.qe.running import FailedRunError, Runner
from wyckforge.dft.qe.solving import SLOWER, SLOWEST, Remedy, exhausted, next_remedy, settings
from wyckforge.dft.running import read_text
from wyckforge.symmetry.crystal import Crystal

ROUND_STEPS = 30
"""Ionic steps of a round at most."""


@dataclass(frozen=True, slots=True)
class Relaxing:
    """What a relaxation came to.

    Attributes:
        output: of the last round.
        converged: force and stress are as small as wanted, in a basis that belongs to the last cell.
        steps: ionic steps of all rounds.
        remedies: in words, that were needed.
    """

    output: Output
    converged: bool
    steps: int
    remedies: tuple[str, ...]


def relax(
    runner: Runner,
    crystal: Crystal,
    write: Callable[[Crystal, Field, Relaxation], str],
    field: Field,
    until: Relaxation,
) -> Relaxing:
    """Relax until force and stress are small.

    The plane waves of a round are those of its first cell, and its last field is computed anew with those of its last
    cell. What stress is left then calls for another round.

    Args:
        runner: of the step.
        crystal: to begin with.
        write: the input of a round.
        field: how the field is found.
        until: where it ends.

    Raises:
        EngineError: the field was not found, steps or time are up, or the program failed for another reason.
    """
    tried: list[Remedy] = []
    number, steps = 1, 0
    while True:
        part = f"relax-{number}"
        # an input that does not know the whole limit stays the same, and is read, when a later call raises it
        left = Relaxation(
            until.fmax_ev_per_angstrom, until.max_stress_gpa, max(1, min(ROUND_STEPS, until.steps - steps))
        )
        text = write(crystal, settings(field, tried), left)
        if runner.interrupted(part, text) and (made := _made(runner, part, crystal)):
            crystal, steps, number = made[-1], steps + len(made), number + 1
            continue
        try:
            found = read(runner.run("pw.x", part, text))
        except FailedRunError as failure:
            made = _made(runner, part, crystal)
            steps, number = steps + len(made), number + 1
            if made and steps >= until.steps:
                words = f"not relaxed after {steps} steps, as many as max_relax_steps allows"
                raise EngineError(f"{words}: {exhausted(failure, tried)}") from None
            remedy = next_remedy(failure, tried, (SLOWER, SLOWEST))
            if remedy is None and not made:
                raise exhausted(failure, tried) from None
            # a cell that outgrows its basis also ends a round, and the next one begins with what was reached
            tried += [remedy] if remedy else []
            crystal = made[-1] if made else crystal
            continue
        crystal, steps, number = found.crystal, steps + found.steps, number + 1
        small = (
            found.max_force_ev_per_angstrom <= until.fmax_ev_per_angstrom
            and found.max_stress_gpa <= until.max_stress_gpa
        )
        if (found.relaxed and small) or steps >= until.steps:
            return Relaxing(found, found.relaxed and small, steps, tuple(one.words for one in tried))


def _made(runner: Runner, part: str, crystal: Crystal) -> list[Crystal]:
    return geometries(read_text(runner.output(part)), crystal.numbers)
