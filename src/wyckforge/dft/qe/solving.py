"""Finding the self-consistent field, with the usual remedies where it is not found at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.inputs import Field
from wyckforge.dft.qe.outputs import Output, read
from wyckforge.dft.qe.running import FailedRunError, Runner

_WIDER = 10.0
"""Times the smearing, to come near a solution."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Another way to the same field.

    Attributes:
        words: what is done.
        apply: the changed settings; None where it makes no sense.
    """

    words: str
    apply: Callable[[Field], Field | None]


def _wider(field: Field) -> Field | None:
    if field.smearing_ev is None:
        return None
    return replace(_slower(field), smearing_ev=_WIDER * field.smearing_ev)


def _slower(field: Field) -> Field:
    return replace(field, mixing_beta=0.3, mixing_mode="local-TF", iterations=2 * field.iterations)


def _slowest(field: Field) -> Field:
    return replace(field, mixing_beta=0.1, mixing_mode="local-TF", iterations=4 * field.iterations)


SLOWER = Remedy("mixing_beta 0.3 with local-TF mixing and twice the iterations", _slower)

SLOWEST = Remedy("mixing_beta 0.1 with local-TF mixing and four times the iterations", _slowest)

WIDER = Remedy("ten times the smearing first, then back from the density found", _wider)

CONJUGATE = Remedy("diagonalisation by conjugate gradients", lambda field: replace(field, diagonalization="cg"))

FOR_MIXING = (SLOWER, SLOWEST, WIDER)


def next_remedy(failure: FailedRunError, tried: list[Remedy], mixing: tuple[Remedy, ...]) -> Remedy | None:
    """What to try after a failure; None where nothing is left, or the failure is of another kind.

    Args:
        failure: of the last run.
        tried: so far.
        mixing: remedies against slow convergence, in turn.
    """
    if failure.not_converged:
        return next((one for one in mixing if one not in tried), None)
    if failure.not_diagonalised:
        return None if CONJUGATE in tried else CONJUGATE
    return None


def exhausted(failure: FailedRunError, tried: list[Remedy]) -> EngineError:
    """The error once no remedy is left."""
    remedies = "; ".join(one.words for one in tried)
    return EngineError(f"{failure} (tried: {remedies})" if tried else str(failure))


def settings(field: Field, tried: list[Remedy]) -> Field:
    """The field with the remedies tried so far, of those against slow convergence only the last."""
    mixing = [one for one in tried if one in FOR_MIXING][-1:]
    for one in (*mixing, *(one for one in tried if one not in FOR_MIXING)):
        field = one.apply(field) or field
    return field


@dataclass(frozen=True, slots=True)
class Solution:
    """A field that was found.

    Attributes:
        output: what pw.x found.
        text: file of what it wrote.
        remedies: in words, that were needed.
    """

    output: Output
    text: Path
    remedies: tuple[str, ...]


def solve(runner: Runner, part: str, write: Callable[[Field], str], field: Field, *, density: bool = True) -> Solution:
    """Run pw.x until its field converges.

    Args:
        runner: of the step.
        part: name of the first run; those with remedies have a number behind it.
        write: the input for a way to find the field.
        field: the first way.
        density: it shall lie in the folder of the step afterwards, for what builds on it.

    Raises:
        EngineError: no remedy helped, time is up, or the program failed for another reason.
    """
    tried: list[Remedy] = []
    while True:
        name = f"{part}-{len(tried) + 1}" if tried else part
        try:
            found = _attempt(runner, name, write, field, tried, density)
        except FailedRunError as failure:
            remedy = next_remedy(failure, tried, FOR_MIXING)
            if remedy is None or remedy.apply(field) is None:
                raise exhausted(failure, tried) from None
            tried.append(remedy)
        else:
            return Solution(read(found), runner.output(name), tuple(one.words for one in tried))


def _attempt(
    runner: Runner, name: str, write: Callable[[Field], str], field: Field, tried: list[Remedy], density: bool
) -> Path:
    way = settings(field, tried)
    text = write(way)
    if WIDER in tried:
        text = write(replace(way, smearing_ev=field.smearing_ev, from_saved=True))
    if density and runner.finished(name, text) and not runner.saved(name):
        runner.forget(name)  # what was found is here, but the density was written over since
    if WIDER in tried and not runner.finished(name, text):
        if not runner.saved(f"{name}-wide"):
            runner.forget(f"{name}-wide")
        runner.run("pw.x", f"{name}-wide", write(way))
    return runner.run("pw.x", name, text)
