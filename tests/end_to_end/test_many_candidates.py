"""A thousand candidates with a cheap potential, while workers and whole runs are killed: none lost, none done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.execute import work
from wyckforge.execute.executors import LocalPool
from wyckforge.execute.run_stages import work_through
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with LocalPool(2) as executor:
        work_through(
            work.candidates(int(sys.argv[2])), [work.Emt(folder / "traces", float(sys.argv[3]))],
            out=folder / "run" / "out.jsonl", executor=executor, timeout_s=60, progress=False,
        )
"""


@pytest.fixture
def start(tmp_path):
    """Starts a run on the folder of the test, as a process of its own."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(root=str(ROOT)))
    (tmp_path / "traces").mkdir()

    @contextmanager
    def run(count: int, seconds: float) -> Iterator[psutil.Popen]:
        command = [sys.executable, str(program), str(tmp_path), str(count), str(seconds)]
        with psutil.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE) as process:
            yield process
            with suppress(psutil.NoSuchProcess):
                process.kill()

    return run


def workers(process: psutil.Popen) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [child for child in process.children() if "spawn_main" in " ".join(child.cmdline())]
    return []


def records(tmp_path: Path) -> list[dict]:
    path = tmp_path / "run" / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def finished(tmp_path: Path) -> list[str]:
    return [one["id"] for one in records(tmp_path) if all(found["stage"] != "run" for found in one["evidence"])]


def lines(tmp_path: Path) -> int:
    path = tmp_path / "run" / "out.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_killed_workers_and_killed_runs_lose_and_repeat_nothing(tmp_path, start):
    rng = np.random.default_rng(5)
    killed = 0
    for goal in (250, 500):
        with start(1000, 0.01) as process:
            while (done := lines(tmp_path)) < goal:
                while lines(tmp_path) < done + rng.integers(10, 50):
                    assert process.poll() is None
                    time.sleep(0.02)
                time.sleep(rng.uniform(0, 0.1))
                if victims := workers(process):
                    with suppress(psutil.NoSuchProcess):
                        victims[rng.integers(len(victims))].kill()
                        killed += 1
            left = workers(process)
            process.kill()
            process.wait()
        _, alive = psutil.wait_procs(left, timeout=20)
        assert not alive  # workers end with their run
    assert 0 < len(finished(tmp_path)) < 1000
    with start(1000, 0.0) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert killed >= 6
    assert Counter(finished(tmp_path)) == Counter(f"c{i}" for i in range(1000))
    energies = {one["id"]: one["evidence"][-1]["value"] for one in records(tmp_path)}
    assert len(set(energies.values())) == 1000


def test_two_runs_on_one_folder_share_the_candidates(tmp_path, start):
    with start(200, 0.02) as one, start(200, 0.02) as two:
        for process in (one, two):
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    assert Counter(finished(tmp_path)) == Counter(f"c{i}" for i in range(200))
    assert all(trace.read_text() == "x" for trace in (tmp_path / "traces").iterdir())
    shares = Counter(one["evidence"][-1]["tool"] for one in records(tmp_path))
    assert len(shares) == 2
    assert min(shares.values()) > 20


def test_a_run_takes_over_from_one_that_is_killed_beside_it(tmp_path, start):
    with start(200, 0.03) as one, start(200, 0.03) as two:
        while len({record["evidence"][-1]["tool"] for record in records(tmp_path)}) < 2:
            time.sleep(0.05)
        one.kill()
        _, errors = two.communicate(timeout=120)
        assert two.returncode == 0, errors
    assert Counter(finished(tmp_path)) == Counter(f"c{i}" for i in range(200))
    done = Counter(len(trace.read_text()) for trace in (tmp_path / "traces").iterdir())
    assert done[1] >= 198  # only what the killed one had in hand can have been computed again
