"""Where calls run: the interface, and its implementations in this process and in worker processes beside it.

The third one, for clusters, is :mod:`wyckforge.execute.parsl_executor`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Self

from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.records import Candidate

Call = Callable[[Candidate], Candidate]

CLOSED = "the executor was closed before all candidates were done; finished ones are safe: start again"

_GOODBYE_S = 2.0

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment of a worker: more threads only wait for each other. Read by the libraries when a worker imports them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that came to no end: its worker ran out of time or was lost.

    Attributes:
        reason: what happened, in words.
    """

    reason: str


Results = Generator[tuple[Candidate, Candidate | Failure], None, None]
"""Pairs of candidate and result."""


class Executor(ABC):
    """A place where calls run. Nothing is started before the first call; leaving the context gives everything back."""

    @abstractmethod
    def results(self, call: Call, candidates: Iterator[Candidate], timeout_s: float) -> Results:
        """Apply a call to candidates; pairs of candidate and result, in the order they end.

        Closing the generator gives up what is under way.

        Args:
            call: importable (picklable) and without exceptions.
            candidates: taken when there is room for one, in the thread of the caller.
            timeout_s: a call that takes longer is stopped.

        Raises:
            WyckforgeError: there are no workers to be had, or the executor was closed; what had ended by then comes
                first.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop the workers, for good."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InProcess(Executor):
    """One call after the other in this process. Nothing can be stopped from outside: there is no time limit."""

    def __init__(self) -> None:
        self._closed = False

    def results(
        self,
        call: Call,
        candidates: Iterator[Candidate],
        timeout_s: float,  # noqa: ARG002 - part of the interface
    ) -> Results:
        """Apply a call to candidates, see :meth:`Executor.results`."""
        while not self._closed:
            if (candidate := next(candidates, None)) is None:
                return
            yield candidate, call(candidate)
        raise WyckforgeError(CLOSED)

    def close(self) -> None:
        """Take no further call."""
        self._closed = True


class LocalPool(Executor):
    """Worker processes of one thread each on this machine.

    Every worker has a pipe of its own and shares no lock with the others, so that a worker killed at any moment takes
    nothing with it but its call. Workers end with the process that started them.

    Args:
        workers: processes.

    Raises:
        ConfigError: no worker.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"{workers} workers given; give at least one")
        self._size = workers
        self._workers: list[_Worker] = []
        self._closed = False

    def results(self, call: Call, candidates: Iterator[Candidate], timeout_s: float) -> Results:
        """Apply a call to candidates, see :meth:`Executor.results`."""
        ended: list[tuple[Candidate, Candidate | Failure]] = []
        try:
            while True:
                if not self._closed:
                    self._hand_out(call, candidates, timeout_s)
                yield from ended  # only now, so that no worker waits for what is done with results
                if self._closed:
                    raise WyckforgeError(CLOSED)
                busy = [worker for worker in self._workers if worker.candidate is not None]
                if not busy:
                    return
                ended = _ended(busy)
        finally:
            for worker in self._workers:
                if worker.candidate is not None:
                    worker.stop()

    def close(self) -> None:
        """Stop the workers, for good."""
        self._closed = True
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _hand_out(self, call: Call, candidates: Iterator[Candidate], timeout_s: float) -> None:
        for worker in [worker for worker in self._workers if not worker.lives]:
            worker.stop()
            self._workers.remove(worker)
        idle = [worker for worker in self._workers if worker.candidate is None]
        for place in range(self._size - len(self._workers) + len(idle)):
            candidate = next(candidates, None)
            if candidate is None:
                return
            if place == len(idle):
                idle.append(_Worker())
                self._workers.append(idle[place])
            idle[place].start(call, candidate, timeout_s)


class _Worker:
    """A process that makes one call at a time, and this end of its pipe."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _environment(ONE_THREAD):
            self._process.start()
        theirs.close()
        self.candidate: Candidate | None = None
        self.deadline = 0.0
        self._timeout_s = 0.0

    @property
    def lives(self) -> bool:
        """Whether it can be used: the pipe of an idle one holds nothing but, at most, its end."""
        return self.candidate is not None or not (self.pipe.closed or self.pipe.poll())

    def start(self, call: Call, candidate: Candidate, timeout_s: float) -> None:
        """Send it a call."""
        self.candidate, self._timeout_s, self.deadline = candidate, timeout_s, time.monotonic() + timeout_s
        with suppress(OSError):  # it has just died, as the attempt to read its result will show
            self.pipe.send((call, candidate))

    def receive(self) -> Candidate | Failure:
        """What became of the call."""
        self.candidate = None
        try:
            result: Candidate | Failure = self.pipe.recv()
        except (EOFError, OSError):
            self.stop()
            return Failure(f"its worker process was lost (exit status {self._process.exitcode})")
        return result

    def give_up(self) -> Failure:
        """Stop the process, whose time is up."""
        self.stop()
        return Failure(f"not finished within {self._timeout_s:g} s")

    def end(self) -> None:
        """Let an idle process go in peace, so that it leaves nothing behind; stop a busy one."""
        if self.candidate is None:
            self.pipe.close()
            self._process.join(_GOODBYE_S)
        self.stop()

    def stop(self) -> None:
        """Kill the process."""
        self.candidate = None
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _ended(busy: list[_Worker]) -> list[tuple[Candidate, Candidate | Failure]]:
    """Wait until a call has ended or its time is up."""
    left = min(worker.deadline for worker in busy) - time.monotonic()
    ready = wait([worker.pipe for worker in busy], max(0.0, left))
    now = time.monotonic()
    ended: list[tuple[Candidate, Candidate | Failure]] = []
    for worker in busy:
        candidate = worker.candidate
        if candidate is not None and worker.pipe in ready:
            ended.append((candidate, worker.receive()))
        elif candidate is not None and worker.deadline <= now:
            ended.append((candidate, worker.give_up()))
    return ended


def _serve(pipe: Connection) -> None:
    """The life of a worker: calls until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            call, candidate = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # a call that this process cannot import
            pipe.send(Failure(f"{type(error).__name__}: {error}"))
            continue
        pipe.send(call(candidate))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
