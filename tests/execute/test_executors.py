"""What every executor keeps to, and what becomes of workers."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from tests.execute import work

from wyckforge.config import ExecutionConfig
from wyckforge.errors import WyckforgeError
from wyckforge.execute.engines import open_executor
from wyckforge.execute.executors import Executor, Failure, InProcess, LocalPool
from wyckforge.execute.run_stages import run_one


def started() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]


@pytest.mark.parametrize("executor", [InProcess(), LocalPool(1), LocalPool(3)], ids=["in_process", "one", "three"])
def test_every_candidate_comes_back_with_its_result(executor: Executor) -> None:
    call = partial(run_one, stages=(work.second,))
    with executor:
        for _ in range(2):  # workers stay up in between
            pairs = list(executor.results(call, iter(work.candidates(7)), 30.0))
            assert sorted(before.id for before, _ in pairs) == [f"c{i}" for i in range(7)]
            assert all(after == work.second(before) for before, after in pairs)


def test_candidates_are_taken_when_there_is_room() -> None:
    taken = []

    def source():
        for candidate in work.candidates(20):
            taken.append(candidate.id)
            yield candidate

    with LocalPool(2) as executor:
        results = executor.results(work.second, source(), 30.0)
        next(results)
        assert len(taken) <= 5


def test_workers_start_with_the_first_call_and_end_with_the_context() -> None:
    with LocalPool(2) as executor:
        assert not started()
        assert not list(executor.results(work.second, iter(()), 30.0))
        assert not started()
        list(executor.results(work.second, iter(work.candidates(9)), 30.0))
        workers = started()
        assert len(workers) == 2
    assert not started()


def test_an_idle_worker_that_is_killed_is_replaced() -> None:
    with LocalPool(1) as executor:
        list(executor.results(work.second, iter(work.candidates(1)), 30.0))
        (idle,) = started()
        idle.kill()
        # its pipe closes with the last of its threads
        while idle.status() != psutil.STATUS_ZOMBIE or idle.num_threads() > 1:
            time.sleep(0.01)
        ((_, result),) = executor.results(work.second, iter(work.candidates(1)), 30.0)
    assert result == work.second(work.candidates(1)[0])


def test_what_is_left_behind_is_stopped(tmp_path: Path) -> None:
    """The consumer breaks off: say because the disk is full."""
    with LocalPool(2) as executor:
        results = executor.results(work.Record(tmp_path, 0.5), iter(work.candidates(9)), 30.0)
        next(results)
        results.close()
        again = list(executor.results(work.second, iter(work.candidates(2)), 30.0))
    assert [after.find("second") is not None for _, after in again] == [True, True]


def test_one_that_is_closed_with_calls_under_way_says_so(tmp_path: Path) -> None:
    pool = LocalPool(2)
    results = pool.results(work.Record(tmp_path, 0.2), iter(work.candidates(9)), 30.0)
    next(results)
    pool.close()
    with pytest.raises(WyckforgeError, match="executor was closed before all candidates were done"):
        list(results)
    assert not started()
    with pytest.raises(WyckforgeError, match="executor was closed"):
        list(pool.results(work.second, iter(work.candidates(1)), 30.0))


def test_the_own_process_takes_no_call_once_it_is_closed(tmp_path: Path) -> None:
    alone = InProcess()
    results = alone.results(work.Record(tmp_path, 0.0), iter(work.candidates(3)), 30.0)
    next(results)
    alone.close()
    with pytest.raises(WyckforgeError, match="executor was closed before all candidates were done"):
        list(results)


def test_a_call_that_a_worker_cannot_import_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def new(candidate):
        return candidate

    new.__qualname__ = new.__name__ = "new"
    new.__module__ = work.__name__
    monkeypatch.setattr(work, "new", new, raising=False)
    with LocalPool(1) as executor:
        ((_, result),) = executor.results(new, iter(work.candidates(1)), 30.0)
        assert isinstance(result, Failure)
        assert "has no attribute 'new'" in result.reason or "Can't get attribute 'new'" in result.reason
        ((_, result),) = executor.results(work.second, iter(work.candidates(1)), 30.0)
        assert result.find("second") is not None


def test_the_configuration_names_the_engine(tmp_path: Path) -> None:
    assert isinstance(open_executor(ExecutionConfig(engine="in_process"), tmp_path), InProcess)
    assert isinstance(open_executor(ExecutionConfig(), tmp_path), LocalPool)
