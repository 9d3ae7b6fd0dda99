"""Calls on the workers of a cluster, by Parsl's high-throughput executor.

Y. Babuji et al., Parsl: Pervasive Parallel Programming in Python, HPDC 2019, doi:10.1145/3307681.3325400.
"""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from wyckforge.errors import WyckforgeError
from wyckforge.execute.executors import CLOSED, Call, Executor, Failure, Results
from wyckforge.execute.parsl_settings import ParslSettings
from wyckforge.records import Candidate

if TYPE_CHECKING:
    from parsl.dataflow.dflow import DataFlowKernel

GRACE_S = 10.0
"""Time between the polite end of a call over its limit and that of its worker."""


class ParslExecutor(Executor):
    """Workers that Parsl starts and feeds. Jobs are submitted at the first call, not before.

    Args:
        settings: which cluster.
        logs: folder for Parsl's logs and keys.

    Raises:
        ConfigError: an option of the provider is unknown or missing.
        MissingDependencyError: Parsl is not installed.
    """

    def __init__(self, settings: ParslSettings, logs: Path) -> None:
        self._settings = settings
        self._logs = logs
        self._under_way = 2 * settings.workers  # none waits for its next call
        self._kernel: DataFlowKernel | None = None
        self._lock = threading.Lock()  # another thread may close the executor
        self._closed = False
        self._waiting: list[SimpleQueue[Future[Candidate | Failure] | None]] = []

    def results(self, call: Call, candidates: Iterator[Candidate], timeout_s: float) -> Results:
        """Apply a call to candidates, see :meth:`Executor.results`."""
        ended: SimpleQueue[Future[Candidate | Failure] | None] = SimpleQueue()
        running: dict[Future[Candidate | Failure], Candidate] = {}
        with self._lock:
            if self._closed:
                raise WyckforgeError(CLOSED)
            self._waiting.append(ended)
        try:
            while True:
                while (
                    not self._closed
                    and len(running) < self._under_way
                    and (candidate := next(candidates, None)) is not None
                ):
                    future = self._submit(call, candidate, timeout_s)
                    running[future] = candidate
                    future.add_done_callback(ended.put)
                if not running and not self._closed:
                    return
                done = ended.get()
                if done is None:
                    raise WyckforgeError(CLOSED)
                if self._closed and done.exception() is not None:
                    continue  # the end of its worker is not the candidate's fault
                yield running.pop(done), self._outcome(done)
        finally:
            self._waiting.remove(ended)

    def close(self) -> None:
        """End the jobs, for good; who waits for results is told."""
        with self._lock:
            self._closed = True
            kernel, self._kernel = self._kernel, None
        if kernel is not None:
            kernel.cleanup()
        for ended in tuple(self._waiting):
            ended.put(None)

    def _submit(self, call: Call, candidate: Candidate, timeout_s: float) -> Future[Candidate | Failure]:
        from parsl.app.app import python_app
        from parsl.dataflow.dflow import DataFlowKernel

        with self._lock:
            if self._closed:
                raise WyckforgeError(CLOSED)
            if self._kernel is None:
                self._kernel = DataFlowKernel(self._settings.parsl_config(self._logs))
            future: Future[Candidate | Failure] = python_app(within, data_flow_kernel=self._kernel)(
                call, candidate, timeout_s
            )
        return future

    def _outcome(self, future: Future[Candidate | Failure]) -> Candidate | Failure:
        from parsl.executors.errors import BadStateException

        error = future.exception()
        if isinstance(error, BadStateException):
            raise WyckforgeError(
                f"Parsl has no workers ({error.reason}); finished candidates are safe: see the logs in {self._logs}, "
                "mend the configuration and start again"
            ) from error
        return future.result() if error is None else Failure(f"{type(error).__name__}: {error}")


class _OutOfTime(BaseException):
    """Not an :class:`Exception`, which a stage could take for one of its own."""


def within(call: Call, candidate: Candidate, timeout_s: float) -> Candidate | Failure:
    """Make a call in a worker, but not for longer than a time; a worker that cannot be interrupted is ended.

    Args:
        call: what to do, without exceptions.
        candidate: with what.
        timeout_s: the time.
    """

    def out_of_time(*_: object) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGALRM, out_of_time)
    faulthandler.dump_traceback_later(timeout_s + GRACE_S, exit=True)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        return call(candidate)
    except _OutOfTime:
        return Failure(f"not finished within {timeout_s:g} s")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
