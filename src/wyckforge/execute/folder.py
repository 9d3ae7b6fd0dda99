"""The folder of a design run: what may be written where, and how nothing is ever half written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wyckforge.errors import ConfigError
from wyckforge.execute.locks import LockFile
from wyckforge.files import write_atomically
from wyckforge.records import Candidate

RUN = "run.json"
LOCK = "run.lock"
DRAWN = "drawn.jsonl"
"""The survivors of the funnel as they were drawn: written once, before any of them is realised."""
CANDIDATES = "candidates.jsonl"
REALISED = "realised.jsonl"
PHONONS = "phonons.jsonl"
TABLE = "candidates.csv"
CIFS = "cifs"
LOGS = "parsl"
FUNNEL = "funnel"
"""Key of ``run.json`` that is there once genes have been drawn."""


def make_folder(out: Path) -> None:
    """Make the folder of a run, unless it is there.

    Raises:
        ConfigError: the folder is a file, or holds files that are no run.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file; give a folder")
    out.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in out.iterdir()}
    if names and not names & {RUN, LOCK}:  # the lock is there before anything else of a run that is just beginning
        raise ConfigError(f"--out {out} holds files but no design run; give a new or empty folder")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep other processes of the same run from writing files; waits for one that does."""
    lock = LockFile(out / LOCK)
    try:
        with lock.locked():
            yield
    finally:
        lock.close()


def open_folder(out: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Make the folder of a run, or recognise the run that it holds.

    Args:
        out: the folder.
        identity: everything that decides the result, JSON-ready: the resolved configuration and what its inputs are.

    Returns:
        The content of ``run.json``: ``identity`` for a new run, all that was recorded for an earlier one.

    Raises:
        ConfigError: the folder holds another run, or files that are no run.
    """
    make_folder(out)
    record = out / RUN
    if not record.exists():
        write_json(record, identity)
        return dict(identity)
    identity = json.loads(json.dumps(identity))
    try:
        earlier: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        differing = sorted(_differences({key: earlier[key] for key in identity}, identity))
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{record} is not the record of a design run; give a new or empty folder") from None
    if differing and FUNNEL not in earlier:
        write_json(record, identity)  # that run ended before it drew anything, say on an impossible target
        return identity
    if differing:
        raise ConfigError(
            f"--out {out} holds a run with other settings ({', '.join(differing[:5])}); "
            "repeat its command to resume it, or give a new folder"
        )
    return earlier


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    write_text(path, json.dumps(data, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new, never a part."""
    write_atomically(path, text.encode())


def write_candidates(path: Path, candidates: Iterable[Candidate]) -> None:
    """Replace a JSON-lines file of candidates in one step."""
    write_text(path, "".join(json.dumps(candidate.to_dict()) + "\n" for candidate in candidates))


def read_candidates(path: Path) -> Iterator[Candidate]:
    """Candidates of a JSON-lines file; a line cut short by a kill ends the reading."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                data = json.loads(line)
            except ValueError:
                return
            yield Candidate.from_dict(data)


def _differences(old: Any, new: Any, where: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() | new.keys():
            yield from _differences(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
    elif old != new:
        yield where
