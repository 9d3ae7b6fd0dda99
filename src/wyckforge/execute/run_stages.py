"""Send many candidates through the stages, so that none is lost and none is done twice.

Every finished candidate is one line of a journal, synced before the next is taken. Processes that work on the same
journal at the same time share the candidates; a run that starts again skips the ids it finds there, but takes up again
what came to no end. Seeds derive from the candidate, so the number of workers and their place change the order of
the lines; they can change a result only where a time limit is met.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from wyckforge.errors import ConfigError
from wyckforge.execute.executors import Executor, Failure
from wyckforge.execute.journal import CUT_OFF, Journal, read_latest
from wyckforge.records import Candidate, Evidence

Stage = Callable[[Candidate], Candidate]

ATTEMPTS = 2
_POLL_S = 0.5


def time_limit(allowed_s: float) -> float:
    """Seconds after which a task is given up: twice what its settings allow, and a minute to start a process."""
    return 60 + 2 * allowed_s


def run_stages(
    candidates: Iterable[Candidate],
    stages: Sequence[Stage],
    *,
    out: Path,
    executor: Executor,
    timeout_s: float = 600.0,
    total: int | None = None,
    unit: str = "candidate",
    progress: bool = True,
) -> list[Candidate]:
    """Do what :func:`work_through` does, and read the results back.

    Returns:
        The candidates in the order given, those of earlier runs and of other processes included.

    Raises:
        ConfigError: no time.
        TableError: ``out`` is not a file of candidates, or not of these.
        WyckforgeError: ``out`` cannot be written, or there are no workers. Finished candidates are safe.
    """
    order: dict[str, None] = {}

    def noted() -> Iterator[Candidate]:
        for candidate in candidates:
            order[candidate.id] = None
            yield candidate

    if total is None and isinstance(candidates, Sequence):
        total = len(candidates)
    work_through(
        noted(),
        stages,
        out=out,
        executor=executor,
        timeout_s=timeout_s,
        total=total,
        unit=unit,
        progress=progress,
    )
    latest = read_latest(out, order)
    return [latest[name] for name in order]


def work_through(
    candidates: Iterable[Candidate],
    stages: Sequence[Stage],
    *,
    out: Path,
    executor: Executor,
    timeout_s: float = 600.0,
    total: int | None = None,
    unit: str = "candidate",
    progress: bool = True,
) -> None:
    """Send every candidate through the stages; the results are lines of a file, and only ids stay in memory.

    A candidate that exceeds the time limit or loses its worker is tried once more after the others, then gets the
    verdict ``unknown``. One that another process has in hand is waited for, and taken over should that process end.

    Args:
        candidates: taken lazily, a few ahead of the workers. Ids are unique.
        stages: importable (picklable) functions that return a candidate with more evidence.
        out: JSON-lines file; finished candidates found there are not repeated. Its locks are in a file beside it.
        executor: where the stages run.
        timeout_s: time for all stages of a candidate.
        total: number of candidates, for the progress bar.
        unit: what the progress bar calls a candidate.
        progress: show a bar with the time left on standard error.

    Raises:
        ConfigError: no time.
        TableError: ``out`` is not a file of candidates, or one of them has the id of another gene there.
        WyckforgeError: ``out`` cannot be written, say because the disk is full, or there are no workers. Finished
            candidates are safe.
    """
    if timeout_s <= 0:
        raise ConfigError(f"a time limit of {timeout_s:g} s given; it must be positive")
    with (
        Journal(out) as journal,
        tqdm(total=total, desc=f"{unit}s", unit=unit, disable=not progress) as bar,
    ):
        writer = _Writer(journal, bar)
        call = partial(run_one, stages=tuple(stages))
        pending: Iterable[Candidate] = candidates
        while True:
            idle = True
            with closing(executor.results(call, writer.claimed(pending), timeout_s)) as results:
                for candidate, result in results:
                    writer.take(candidate, result)
                    idle = False
            pending = writer.later()
            if not pending:
                return
            if idle:
                time.sleep(_POLL_S)  # all that is left is in the hands of other processes


def run_one(candidate: Candidate, stages: Sequence[Stage]) -> Candidate:
    """The stages in order.

    Only the lack of a structure ends the way: any other finding is for the reader to weigh. The defect of one stage
    must not end a run; it becomes evidence, too.
    """
    for stage in stages:
        if candidate.rejected_by is not None and candidate.crystal is None:
            break
        try:
            candidate = stage(candidate)
        except Exception as error:
            return _cut_off(candidate, f"{type(error).__name__}: {error}")
    return candidate


class _Writer:
    """One process's way through the candidates of a journal."""

    def __init__(self, journal: Journal, bar: tqdm[None]) -> None:
        self._journal = journal
        self._bar = bar
        self._later: dict[str, Candidate] = {}
        self._room = 64
        self._failed: dict[str, int] = {}

    def claimed(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Those that this process is to do now; what others have in hand is put off."""
        for candidate in candidates:
            if self._journal.claim(candidate.id):
                yield candidate
            elif self._journal.is_settled(candidate):
                self._bar.update()
            else:
                self._put_off(candidate)

    def take(self, candidate: Candidate, result: Candidate | Failure) -> None:
        """Write a result down, or put the candidate off if it is to be tried again."""
        if isinstance(result, Failure):
            attempts = self._failed.pop(candidate.id, 0) + 1
            if attempts < ATTEMPTS:
                self._failed[candidate.id] = attempts
                self._journal.release(candidate.id)
                self._put_off(candidate)
                return
            result = _cut_off(candidate, f"{result.reason}, tried {attempts} times")
        self._journal.append(result)
        self._bar.update()

    def later(self) -> list[Candidate]:
        """What was put off and has not been settled by others meanwhile."""
        self._forget_settled()
        later, self._later = list(self._later.values()), {}
        return later

    def _put_off(self, candidate: Candidate) -> None:
        self._later[candidate.id] = candidate
        if len(self._later) > self._room:  # beside a second process half of all candidates pass through here
            self._forget_settled()
            self._room = max(64, 2 * len(self._later))

    def _forget_settled(self) -> None:
        unsettled = {name: one for name, one in self._later.items() if name not in self._journal.settled}
        self._bar.update(len(self._later) - len(unsettled))
        self._later = unsettled


def _cut_off(candidate: Candidate, reason: str) -> Candidate:
    return candidate.with_evidence(Evidence(CUT_OFF, "unknown", reason=reason))
