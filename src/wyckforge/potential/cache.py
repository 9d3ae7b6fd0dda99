"""What CHGNet says of structures, computed once: kept by the content of the structure, shared by all runs of a user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wyckforge.errors import StructureError, WyckforgeError
from wyckforge.files import CACHE, cache_folder
from wyckforge.potential.workers import single_threaded
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from wyckforge.potential.environments import Environments

Array = NDArray[np.float64]

LOCATION = CACHE
"""Environment variable that names another folder for the cache."""

_VERSION = 1
"""Raised whenever a number changes its meaning, as with another version of CHGNet: what was kept is not used then."""

_ALONE = 8
"""So few structures are not worth the start of worker processes."""

_AT_ONCE = 500
"""Keys in one question to the database."""


def embeddings(crystals: Sequence[Crystal], *, workers: int | None = None, shown: bool = False) -> Array:
    """(n, EMBEDDING_SIZE) embeddings of n primitive cells; see :func:`look_up`."""
    from wyckforge.potential.embedding import EMBEDDING_SIZE, embed

    return look_up(embed, EMBEDDING_SIZE, crystals, workers=workers, shown=shown)


def mechanics(crystals: Sequence[Crystal], *, workers: int | None = None, shown: bool = False) -> Array:
    """(n, MECHANICS_SIZE) elastic constants and equations of state of n primitive cells; see :func:`look_up`."""
    from wyckforge.potential.mechanics import MECHANICS_SIZE, respond_in_numbers

    return look_up(respond_in_numbers, MECHANICS_SIZE, crystals, workers=workers, shown=shown)


def environments(
    crystals: Sequence[Crystal], *, workers: int | None = None, shown: bool = False
) -> list[Environments | None]:
    """Environments of n primitive cells, ``None`` where CHGNet has no answer; see :func:`look_up`."""
    from wyckforge.potential.environments import Environments, environments_in_numbers, number_of_environments

    known = _known(environments_in_numbers, lambda size: number_of_environments(size) > 0, crystals, workers, shown)
    return [None if numbers is None else Environments.from_vector(numbers) for numbers in known]


def look_up(
    compute: Callable[[Crystal], Array],
    size: int,
    crystals: Sequence[Crystal],
    *,
    workers: int | None = None,
    shown: bool = False,
) -> Array:
    """What was computed before, and the rest anew, kept as soon as it is there: a killed run goes on where it was.

    Args:
        compute: a function of a module, which names it in the cache.
        size: numbers that it gives.
        crystals: n of them.
        workers: processes, each with one thread; by default one per processor.
        shown: whether to show a bar on standard error.

    Returns:
        (n, size), rows of NaN where there is no answer.

    Raises:
        WyckforgeError: the cache cannot be read or written.
    """
    unknown = np.full(size, np.nan)
    known = _known(compute, lambda found: found == size, crystals, workers, shown)
    return np.array([unknown if found is None else found for found in known]).reshape(-1, size)


def _known(
    compute: Callable[[Crystal], Array],
    fits: Callable[[int], bool],
    crystals: Sequence[Crystal],
    workers: int | None,
    shown: bool,
) -> list[Array | None]:
    """What ``compute`` gives, kept as single precision numbers, none of them where there is no answer.

    What has no size that ``fits`` is damaged, and computed anew.
    """
    keys = [_key(compute.__name__, crystal) for crystal in crystals]
    rows: dict[str, int] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, row)
    with _opened() as database:
        known = {key: found for key, found in _read(database, list(rows)) if not len(found) or fits(len(found))}
        missing = [key for key in rows if key not in known]
        results = _computed(compute, [crystals[rows[key]] for key in missing], workers or os.cpu_count() or 1)
        bar = tqdm(results, compute.__name__, len(missing), disable=not shown or len(missing) < _ALONE, unit="crystal")
        for key, found in zip(missing, bar, strict=True):
            # in single precision at once: the answer shall not depend on whether it was kept before
            known[key] = np.zeros(0, "<f4") if found is None else found.astype("<f4")
            with database:
                database.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (key, known[key].tobytes()))
    return [known[key].astype(np.float64) if len(known[key]) else None for key in keys]


def _computed(compute: Callable[[Crystal], Array], crystals: Sequence[Crystal], workers: int) -> Iterator[Array | None]:
    if len(crystals) < _ALONE or workers == 1:
        yield from (_attempt(compute, crystal) for crystal in crystals)
        return
    with single_threaded(workers) as pool:
        yield from pool.map(_attempt, [compute] * len(crystals), crystals, chunksize=4)


def _attempt(compute: Callable[[Crystal], Array], crystal: Crystal) -> Array | None:
    from wyckforge.potential.contract import PotentialError

    try:
        return compute(crystal)
    except (PotentialError, StructureError):
        return None


def _key(name: str, crystal: Crystal) -> str:
    return sha256(f"{name} {_VERSION} ".encode() + crystal.content()).hexdigest()


def _read(database: sqlite3.Connection, keys: list[str]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        for key, blob in database.execute(f"SELECT key, value FROM numbers WHERE key IN ({marks})", some):
            if len(blob) % 4 == 0:
                yield key, np.frombuffer(blob, "<f4")


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    folder = cache_folder()
    path = folder / "chgnet.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")  # a power cut may cost the last entries, never the others
            database.execute("CREATE TABLE IF NOT EXISTS numbers (key TEXT PRIMARY KEY, value BLOB)")
            yield database
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> WyckforgeError:
    return WyckforgeError(
        f"the cache {path} cannot be used ({error}); remove it, or name another folder in the variable {LOCATION}"
    )
