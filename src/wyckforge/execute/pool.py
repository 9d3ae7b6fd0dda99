"""A local process pool that survives bad candidates, kills and full disks, and repeats no finished work.

Every finished candidate is one line of JSON, flushed and synced before the next is taken. A run that starts again on
the same file skips the ids it finds there, but takes up again what a time limit or a lost worker cut off. Seeds derive
from the candidate, so the number of workers changes the order of the lines; it can change a result only where a time
limit is met.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from wyckforge.errors import ConfigError, TableError, WyckforgeError
from wyckforge.records import Candidate, Evidence

if TYPE_CHECKING:
    from pebble import ProcessPool

Stage = Callable[[Candidate], Candidate]

CUT_OFF = "run"
"""Stage name of the evidence that a candidate was cut off: by the time limit, or because its worker was lost."""

# One thread per worker: more only wait for each other. Read by the libraries when a worker imports them.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def run_stages(
    candidates: Iterable[Candidate],
    stages: Sequence[Stage],
    *,
    out: Path,
    workers: int = 1,
    timeout_s: float = 600.0,
    total: int | None = None,
    progress: bool = True,
) -> list[Candidate]:
    """Send every candidate through the stages, in worker processes.

    Args:
        candidates: taken lazily, a few ahead of the workers. Ids are unique.
        stages: importable (picklable) functions that return a candidate with more evidence.
        out: JSON-lines file; finished candidates found there are not repeated.
        workers: processes.
        timeout_s: a candidate that takes longer is stopped and gets the verdict ``unknown``.
        total: number of candidates, for the progress bar; unnecessary for a list.
        progress: show a bar with the time left on standard error.

    Returns:
        The finished candidates in the order given, those of earlier runs included.

    Raises:
        ConfigError: no worker, or no time.
        TableError: ``out`` is not a file of candidates.
        WyckforgeError: ``out`` cannot be written, say because the disk is full. Finished candidates are safe.
    """
    if workers < 1 or timeout_s <= 0:
        raise ConfigError(f"{workers} workers and a time limit of {timeout_s:g} s given; both must be positive")
    finished = read_finished(out)
    order: list[str] = []
    if total is None and isinstance(candidates, Sequence):
        total = len(candidates)

    def unfinished() -> Iterator[Candidate]:
        for candidate in candidates:
            order.append(candidate.id)
            if candidate.id in finished:
                bar.update()
            else:
                yield candidate

    with (
        tqdm(total=total, desc="candidates", unit="candidate", disable=not progress) as bar,
        _open(out) as stream,
        _pool(workers) as pool,
    ):
        for candidate in _completed(pool, unfinished(), tuple(stages), workers, timeout_s):
            _append(stream, candidate, out)
            finished[candidate.id] = candidate
            bar.update()
    return [finished[name] for name in dict.fromkeys(order)]


def read_finished(out: Path) -> dict[str, Candidate]:
    """The candidates a file holds, by id, the last line of each; those cut off by the pool are not finished.

    A last line that a kill cut short is removed from the file.

    Raises:
        TableError: a complete line is not a candidate.
    """
    if not out.exists():
        return {}
    data = out.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    try:
        found = [Candidate.from_dict(json.loads(line)) for line in whole.splitlines()]
    except (ValueError, KeyError, TypeError, WyckforgeError) as error:
        raise TableError(f"{out} is not a file of candidates ({error}); give another output folder") from None
    if len(whole) < len(data):
        os.truncate(out, len(whole))
    latest = {candidate.id: candidate for candidate in found}
    return {name: candidate for name, candidate in latest.items() if candidate.find(CUT_OFF) is None}


def run_one(candidate: Candidate, stages: Sequence[Stage]) -> Candidate:
    """The stages in order. Only the lack of a structure ends the way: any other finding is for the reader to weigh."""
    for stage in stages:
        if candidate.rejected_by is not None and candidate.crystal is None:
            break
        candidate = stage(candidate)
    return candidate


def _completed(
    pool: ProcessPool, candidates: Iterator[Candidate], stages: tuple[Stage, ...], workers: int, timeout_s: float
) -> Iterator[Candidate]:
    """Results as they come; two candidates per worker are under way, so that none waits and little is lost."""
    running: dict[Future[Candidate], Candidate] = {}
    exhausted = False
    while True:
        while not exhausted and len(running) < 2 * workers:
            candidate = next(candidates, None)
            if candidate is None:
                exhausted = True
            else:
                running[pool.schedule(run_one, args=(candidate, stages), timeout=timeout_s)] = candidate
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield _outcome(future, running.pop(future), timeout_s)


def _outcome(future: Future[Candidate], candidate: Candidate, timeout_s: float) -> Candidate:
    """The result, or the candidate with evidence of what went wrong; a defect of one stage must not end a run."""
    error = future.exception()
    if error is None:
        return future.result()
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, TimeoutError):
        reason = f"not finished within {timeout_s:g} s"
    return candidate.with_evidence(Evidence(CUT_OFF, "unknown", reason=reason))


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPool]:
    from pebble import ProcessPool

    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    pool = ProcessPool(max_workers=workers, context=multiprocessing.get_context("spawn"))
    try:
        yield pool
        pool.close()
    finally:
        # Without effect on a closed pool that has finished; otherwise ends what is in flight.
        pool.stop()
        pool.join()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _open(out: Path) -> Iterator[FileIO]:
    """Unbuffered, so that a failed write leaves nothing behind that closing would try to write again."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        stream = out.open("ab", buffering=0)
    except OSError as error:
        raise WyckforgeError(f"{out} cannot be written ({error.strerror}); give a folder that can") from error
    with stream:
        yield stream


def _append(stream: FileIO, candidate: Candidate, out: Path) -> None:
    line = (json.dumps(candidate.to_dict()) + "\n").encode()
    try:
        while line:
            line = line[stream.write(line) :]
        os.fsync(stream.fileno())
    except OSError as error:
        raise WyckforgeError(
            f"{out} cannot be written ({error.strerror}); finished candidates are safe: make room and start again"
        ) from error
