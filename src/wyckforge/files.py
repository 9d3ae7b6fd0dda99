"""Writing files so that a kill never leaves half of one."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

CACHE = "WYCKFORGE_CACHE"
"""Environment variable that names another folder for what a user's runs share."""


def cache_folder() -> Path:
    """Where things are kept that all runs of a user share: the user's cache, or what :data:`CACHE` names."""
    given = os.environ.get(CACHE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wyckforge"


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file in one stroke."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue().encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its place, flush it to the disk, and move it there.

    The name is of this call alone: others may write the same file at the same time, and the last one counts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex[:12]}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
