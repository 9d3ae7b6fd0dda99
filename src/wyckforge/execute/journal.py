"""The append-only record of a run, one candidate a line, shared by any number of writers.

A candidate belongs to the writer that has claimed it: that holds its lock (:mod:`wyckforge.execute.locks`). Having
claimed one, a writer reads what others have written meanwhile, so that a candidate they finished before is not done
again. Lines are written under a lock too, synced, and cut back if the disk is full; half a line that a kill left is
removed by the next writer. The file is opened anew for every reading and every line: that is when a network file
system shows what other machines have written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, KeysView
from pathlib import Path
from typing import Self

from wyckforge.errors import TableError, WyckforgeError
from wyckforge.execute.locks import LockFile
from wyckforge.records import Candidate

CUT_OFF = "run"
"""Stage name of the evidence that a candidate came to no end: out of time, its worker lost, or a defect of a stage."""

_WRITING = 0
_CLAIMS = 1 << 61
_CHUNK = 1 << 24


class Journal:
    """A JSON-lines file of candidates, open for claims and new lines.

    Raises:
        TableError: the file holds something else.
        WyckforgeError: the file or its lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0
        self._held: set[str] = set()
        self._genes: dict[str, int] = {}  # by id, a hash: no more than that is to stay in memory
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        except OSError as error:
            raise WyckforgeError(f"{path} cannot be written ({error.strerror}); give a folder that can") from error
        self._locks = LockFile(path.with_name(path.name + ".lock"))
        self._read(retry_cut_off=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()

    @property
    def settled(self) -> KeysView[str]:
        """Ids that need no work: finished, or cut off since the journal was opened. What was cut off before is to be
        tried again.
        """
        return self._genes.keys()

    def is_settled(self, candidate: Candidate) -> bool:
        """Whether a candidate needs no work.

        Raises:
            TableError: the line with its id is about another gene.
        """
        if (found := self._genes.get(candidate.id)) is None:
            return False
        if found != hash(str(candidate.gene)):
            raise TableError(
                f"{self._path} holds another gene as {candidate.id}, which is now {candidate.gene}: it is of a run "
                "that read something else; give another output folder"
            )
        return True

    def claim(self, name: str) -> bool:
        """Whether the candidate is now this writer's: not settled, and in nobody else's hands."""
        if name in self.settled or name in self._held or not self._locks.try_lock(_place(name)):
            return False
        self._held.add(name)
        self._read()
        if name in self.settled:
            self.release(name)
        return name in self._held

    def release(self, name: str) -> None:
        """Give a claimed candidate back."""
        self._held.discard(name)
        self._locks.unlock(_place(name))

    def append(self, candidate: Candidate) -> None:
        """Write a claimed candidate's line and give it back.

        Raises:
            WyckforgeError: the line cannot be written, say because the disk is full. The file is as it was.
        """
        line = (json.dumps(candidate.to_dict()) + "\n").encode()
        try:
            with self._locks.locked(_WRITING):
                _append(self._path, line)
        except OSError as error:
            raise WyckforgeError(
                f"{self._path} cannot be written ({error.strerror}); finished candidates are safe: "
                "make room and start again"
            ) from error
        self._genes[candidate.id] = hash(str(candidate.gene))
        self.release(candidate.id)

    def _read(self, *, retry_cut_off: bool = False) -> None:
        """Take in the complete lines that are new."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            rest = b""
            while chunk := file.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    name, gene, cut_off = self._glance(line)
                    if cut_off and retry_cut_off:
                        self._genes.pop(name, None)
                    else:
                        self._genes[name] = hash(gene)
            self._read_to = file.tell() - len(rest)

    def _glance(self, line: bytes) -> tuple[str, str, bool]:
        """Id and gene of a line, and whether the candidate was cut off."""
        try:
            data = json.loads(line)
            cut_off = any(found["stage"] == CUT_OFF for found in data["evidence"])
            return str(data["id"]), str(data["gene"]), cut_off
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(
                f"{self._path} is not a file of candidates ({error}); give another output folder"
            ) from None


def read_latest(path: Path, names: Container[str]) -> dict[str, Candidate]:
    """The candidates of these ids that a file holds, by id, the last line of each.

    Raises:
        TableError: a complete line is not a candidate.
    """
    latest: dict[str, Candidate] = {}
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break  # a kill cut it short, or it is just being written
            try:
                data = json.loads(line)
                if data["id"] in names:
                    latest[data["id"]] = Candidate.from_dict(data)
            except (ValueError, KeyError, TypeError, WyckforgeError) as error:
                raise TableError(f"{path} is not a file of candidates ({error}); give another output folder") from None
    return latest


def _place(name: str) -> int:
    """Number of a candidate's lock; two of the same number would only wait for each other."""
    return _CLAIMS + (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 3)


def _append(path: Path, line: bytes) -> None:
    """Put a line at the end of the complete lines, all of it or nothing."""
    file = os.open(path, os.O_RDWR)
    try:
        end = _end_of_lines(file)
        os.ftruncate(file, end)
        os.lseek(file, end, os.SEEK_SET)
        try:
            rest = line
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, end)
            raise
    finally:
        os.close(file)


def _end_of_lines(file: int) -> int:
    """Where the last complete line ends."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end:
        start = max(0, end - 4096)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
