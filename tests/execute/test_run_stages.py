from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.execute import work

from wyckforge.errors import ConfigError, TableError, WyckforgeError
from wyckforge.execute.executors import InProcess, LocalPool
from wyckforge.execute.journal import CUT_OFF
from wyckforge.execute.run_stages import run_stages
from wyckforge.records import Evidence
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene


def run(tmp_path: Path, count: int, *stages, workers: int = 1, timeout_s: float = 30.0):
    with LocalPool(workers) as executor:
        return run_stages(
            work.candidates(count), stages, out=tmp_path / "out.jsonl", executor=executor, timeout_s=timeout_s,
            progress=False,
        )  # fmt: skip


def finished(out: Path) -> set[str]:
    """Ids whose last line tells of an end."""
    lines = [line for line in out.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    last = {(data := json.loads(line))["id"]: data for line in lines}
    return {name for name, data in last.items() if all(found["stage"] != CUT_OFF for found in data["evidence"])}


def script(tmp_path: Path, body: str) -> list[str]:
    """A program of its own, so that it can be killed; spawned workers need the guarded main module."""
    path = tmp_path / "program.py"
    text = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from tests.execute import work
        from wyckforge.execute.executors import LocalPool
        from wyckforge.execute.run_stages import run_stages
        here = Path({str(tmp_path)!r})
        if __name__ == "__main__":
    """
    path.write_text(textwrap.dedent(text) + textwrap.indent(textwrap.dedent(body), "    "))
    return [sys.executable, str(path)]


def test_results_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = run(tmp_path / "one", 5, work.thread_setting, work.second)
    two = run(tmp_path / "two", 5, work.thread_setting, work.second, workers=2)
    assert [c.to_dict() for c in one] == [c.to_dict() for c in two]
    assert [c.id for c in one] == ["c0", "c1", "c2", "c3", "c4"]
    assert one[0].find("threads").value == 1
    lines = [sorted((tmp_path / name / "out.jsonl").read_text().splitlines()) for name in ("one", "two")]
    assert lines[0] == lines[1]


def test_a_bad_candidate_ends_neither_the_run_nor_silently(tmp_path: Path) -> None:
    found = run(tmp_path, 6, work.misbehave, work.second, timeout_s=5.0)
    reasons = {c.id: c.evidence[-1].reason for c in found}
    verdicts = {c.id: c.evidence[-1].verdict for c in found}
    assert "a defect" in reasons["c1"]
    assert reasons["c2"] == "not finished within 5 s, tried 2 times"
    assert reasons["c3"] == "its worker process was lost (exit status 3), tried 2 times"
    assert verdicts == {"c0": "pass", "c1": "unknown", "c2": "unknown", "c3": "unknown", "c4": "fail", "c5": "pass"}
    assert found[4].find("second") is None
    assert found[5].find("second") is not None


def test_what_the_pool_cut_off_is_taken_up_again(tmp_path: Path) -> None:
    run(tmp_path, 4, work.misbehave, timeout_s=5.0)
    assert finished(tmp_path / "out.jsonl") == {"c0"}
    found = run(tmp_path, 4, work.second)
    assert [c.evidence[-1].stage for c in found] == ["first", "second", "second", "second"]


def test_a_finding_against_a_structure_does_not_end_its_way(tmp_path: Path) -> None:
    crystal = Crystal(4 * np.eye(3), np.array([11]), np.zeros((1, 3)))
    built = [c.with_evidence(Evidence("symmetry", "fail"), crystal=crystal) for c in work.candidates(1)]
    (found,) = run_stages(built, [work.second], out=tmp_path / "out.jsonl", executor=InProcess(), progress=False)
    assert found.find("second") is not None


def test_finished_candidates_are_not_repeated(tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    recorded = work.Record(traces)
    run(tmp_path, 2, recorded)
    found = run(tmp_path, 4, recorded)
    assert {path.name: path.read_text() for path in traces.iterdir()} == {f"c{i}": "x" for i in range(4)}
    assert [c.find("record").value for c in found] == [2.0] * 4


def test_a_line_of_another_gene_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    traces, out = tmp_path / "traces", tmp_path / "out.jsonl"
    traces.mkdir()
    run(tmp_path, 2, work.second)
    lines = out.read_bytes()
    others = [replace(one, gene=WyckoffGene.parse("225|K:a|Br:b")) for one in work.candidates(2)]
    with pytest.raises(TableError, match=r"holds another gene as c0, which is now 225\|K:a\|Br:b"):
        run_stages(others, [work.Record(traces)], out=out, executor=InProcess(), progress=False)
    assert (out.read_bytes(), list(traces.iterdir())) == (lines, [])


def test_a_line_cut_short_is_repeated(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    before = run(tmp_path, 3, work.second)
    out.write_bytes(out.read_bytes()[:-20])
    assert len(finished(out)) == 2
    after = run(tmp_path, 3, work.second)
    assert [c.to_dict() for c in after] == [c.to_dict() for c in before]
    assert len(out.read_text().splitlines()) == 3


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    traces, out = tmp_path / "traces", tmp_path / "out.jsonl"
    traces.mkdir()
    body = """
        recorded = work.Record(here / "traces", 0.3)
        run_stages(work.candidates(8), [recorded], out=here / "out.jsonl", executor=LocalPool(1), progress=False)
    """
    with subprocess.Popen(script(tmp_path, body), start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not out.exists() or out.read_bytes().count(b"\n") < 3):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    kept = finished(out)
    assert 3 <= len(kept) < 8
    found = run(tmp_path, 8, work.Record(traces))
    assert len(found) == 8
    assert all((traces / name).read_text() == "x" for name in kept)


def test_a_full_disk_loses_nothing_finished(tmp_path: Path) -> None:
    body = """
        import resource
        from wyckforge.errors import WyckforgeError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            run_stages(work.candidates(9), [work.second], out=here / "out.jsonl", executor=LocalPool(1), progress=False)
        except WyckforgeError as error:
            print(error)
    """
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, timeout=60, check=True)
    assert "finished candidates are safe" in done.stdout
    out = tmp_path / "out.jsonl"
    assert out.stat().st_size <= 1000
    assert 0 < len(finished(out)) < 9
    assert len(run(tmp_path, 9, work.second)) == 9


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 workers"):
        run(tmp_path, 1, work.second, workers=0)
    with pytest.raises(ConfigError, match="a time limit of 0 s"):
        run(tmp_path, 1, work.second, timeout_s=0)
    (tmp_path / "out.jsonl").write_text(json.dumps({"not": "a candidate"}) + "\n")
    with pytest.raises(TableError, match="not a file of candidates"):
        run(tmp_path, 1, work.second)
    (tmp_path / "file").write_text("")
    with pytest.raises(WyckforgeError, match="cannot be written"):
        run(tmp_path / "file", 1, work.second)
