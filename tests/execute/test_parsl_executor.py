"""A run on Parsl workers by the loopback address."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest
from tests.execute import work

from wyckforge.config import ExecutionConfig
from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.execute.engines import open_executor
from wyckforge.execute.executors import CLOSED, Failure, InProcess
from wyckforge.execute.parsl_executor import within
from wyckforge.execute.run_stages import run_stages

ROOT = Path(__file__).parents[2]
LOCAL = (ROOT / "configs" / "parsl" / "local.toml").read_text()


def settings(tmp_path: Path, worker_init: str) -> ExecutionConfig:
    path = tmp_path / "local.toml"
    path.write_text(f"{LOCAL}\n[options]\nworker_init = '{worker_init}'\n")
    return ExecutionConfig(engine="parsl", parsl_config=str(path))


def test_two_workers_one_of_them_lost_and_one_hanging(tmp_path: Path) -> None:
    config = settings(tmp_path, f"export PYTHONPATH={ROOT}:{ROOT / 'src'}")
    before = set(psutil.Process().children())
    with open_executor(config, tmp_path / "parsl") as executor:
        assert set(psutil.Process().children()) == before  # nothing starts before the first call
        found = run_stages(
            work.candidates(40), [work.thread_setting, work.OnceBad(tmp_path)], out=tmp_path / "out.jsonl",
            executor=executor, timeout_s=3.0, progress=False,
        )  # fmt: skip
        slow = run_stages(
            work.candidates(8), [work.OnceBad(tmp_path, 0.7)], out=tmp_path / "slow.jsonl", executor=executor,
            progress=False,
        )  # fmt: skip
        started = set(psutil.Process().children(recursive=True)) - before
        sockets = [socket for process in started for socket in process.net_connections("tcp")]
        addresses = {socket.laddr.ip.removeprefix("::ffff:") for socket in sockets if socket.status == "LISTEN"}
    assert [c.id for c in found] == [f"c{i}" for i in range(40)]
    assert all(c.find("bad").verdict == "pass" for c in found)
    assert all(c.find("threads").value == 1 for c in found)
    assert len({c.find("bad").value for c in slow}) == 2
    assert addresses == {"127.0.0.1"}
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive


def test_a_run_whose_executor_is_closed_ends_with_the_reason_and_goes_on_with_another(tmp_path: Path) -> None:
    config = settings(tmp_path, f"export PYTHONPATH={ROOT}:{ROOT / 'src'}")
    out, told = tmp_path / "out.jsonl", []
    executor = open_executor(config, tmp_path / "parsl")

    def run() -> None:
        try:
            run_stages(work.candidates(8), [work.Record(tmp_path, 1.0)], out=out, executor=executor, progress=False)
        except WyckforgeError as error:
            told.append(str(error))

    running = threading.Thread(target=run, daemon=True)
    running.start()
    while not out.exists() or not out.read_text():
        time.sleep(0.05)
    executor.close()
    running.join(60)
    assert not running.is_alive()
    assert told == [CLOSED]
    kept = out.read_text().splitlines()
    assert 1 <= len(kept) < 8

    found = run_stages(work.candidates(8), [work.second], out=out, executor=InProcess(), progress=False)
    assert [c.id for c in found] == [f"c{i}" for i in range(8)]
    assert sum(c.find("record") is not None for c in found) == len(kept)
    with pytest.raises(WyckforgeError, match="executor was closed"):
        next(executor.results(work.second, iter(work.candidates(1)), 30.0))


def test_workers_that_cannot_start_end_the_run_with_the_reason(tmp_path: Path) -> None:
    config = settings(tmp_path, "exit 1")
    with (
        open_executor(config, tmp_path / "parsl") as executor,
        pytest.raises(WyckforgeError, match="Parsl has no workers"),
    ):
        run_stages(work.candidates(3), [work.second], out=tmp_path / "out.jsonl", executor=executor, progress=False)
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_a_call_over_its_time_is_interrupted() -> None:
    (candidate,) = work.candidates(1)
    start = time.monotonic()
    assert within(lambda _: time.sleep(60) or candidate, candidate, 0.2) == Failure("not finished within 0.2 s")
    assert time.monotonic() - start < 30
    assert within(work.second, candidate, 5.0).find("second") is not None


def test_a_cluster_that_is_not_described_is_refused(tmp_path: Path) -> None:
    config = ExecutionConfig(engine="parsl", parsl_config=str(tmp_path / "absent.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        open_executor(config, tmp_path)
