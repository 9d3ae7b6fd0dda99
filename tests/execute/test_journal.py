"""Claims and lines of several processes on one file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.execute import work

from wyckforge.errors import TableError, WyckforgeError
from wyckforge.execute.journal import CUT_OFF, Journal, read_latest
from wyckforge.records import Evidence

OTHER = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.execute import work
from wyckforge.execute.journal import Journal
from wyckforge.records import Evidence
journal = Journal(Path({path!r}))
for line in sys.stdin:
    verb, name = line.split()
    one = work.candidates(int(name[1:]) + 1)[-1]
    match verb:
        case "claim": print(journal.claim(name), flush=True)
        case "append": print(journal.append(one), flush=True)
        case "cut_off": print(journal.append(one.with_evidence(Evidence("run", "unknown"))), flush=True)
"""


class Other:
    """A process of its own with the same journal open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, verb: str, name: str) -> str:
        print(verb, name, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def other_process(path: Path):
    program = OTHER.format(root=str(Path(__file__).parents[2]), path=str(path))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Other(process)
        process.kill()


def test_a_candidate_has_one_owner_and_is_done_once(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with other_process(path) as other, Journal(path) as journal:
        assert other("claim", "c0") == "True"
        assert not journal.claim("c0")
        assert journal.claim("c1")
        assert not journal.claim("c1")  # it has it already
        assert other("claim", "c1") == "False"
        journal.release("c1")
        assert other("claim", "c1") == "True"
        other("append", "c0")
        assert not journal.claim("c0")
        assert journal.settled == {"c0"}
        assert other("claim", "c0") == "False"


def test_a_killed_owner_leaves_no_claim(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with other_process(path) as other, Journal(path) as journal:
        assert other("claim", "c0") == "True"
        assert not journal.claim("c0")
        other.kill()
        assert journal.claim("c0")


def test_what_was_cut_off_is_tried_by_a_later_run_but_not_by_another_process_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with other_process(path) as other:
        with Journal(path) as journal:
            assert other("claim", "c0") == "True"
            other("cut_off", "c0")
            assert not journal.claim("c0")
        with Journal(path) as journal:
            assert journal.claim("c0")
            journal.append(work.candidates(1)[0])
        with Journal(path) as journal:
            assert not journal.claim("c0")


def test_half_a_line_is_removed_by_the_next_writer_not_by_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    one, two, long = work.candidates(3)
    long = long.with_evidence(Evidence("long", "pass", reason="x" * 10_000))
    with Journal(path) as journal:
        for candidate in (one, long):
            assert journal.claim(candidate.id)
            journal.append(candidate)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert list(read_latest(path, {"c0", "c2"})) == ["c0"]
    with Journal(path) as journal:
        assert path.read_bytes() == whole[:-5]
        assert journal.settled == {"c0"}
        assert journal.claim("c1")
        journal.append(two)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["c0", "c1"]


def test_the_last_line_of_a_candidate_counts(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    (one,) = work.candidates(1)
    lines = [one.with_evidence(Evidence(CUT_OFF, "unknown")), one.with_evidence(Evidence("relax", "pass", -3.5))]
    path.write_text("".join(json.dumps(candidate.to_dict()) + "\n" for candidate in lines))
    assert read_latest(path, {"c0"})["c0"] == lines[1]
    with Journal(path) as journal:
        assert journal.settled == {"c0"}


def test_other_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n")
    with pytest.raises(TableError, match="not a file of candidates"):
        Journal(tmp_path / "notes")
    with pytest.raises(TableError, match="not a file of candidates"):
        read_latest(tmp_path / "notes", {"c0"})
    with pytest.raises(WyckforgeError, match="cannot be written"):
        Journal(tmp_path / "notes" / "out.jsonl")
