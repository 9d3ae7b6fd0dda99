"""CSV files: a header and records, separated by commas, in UTF-8."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from wyckforge.errors import TableError

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a CSV file.

    Raises:
        TableError: the file is not UTF-8, its columns are not separated by commas, or two have one name.
    """
    with _opened(path) as stream:
        names = next(csv.reader(stream), [])
    if any("\0" in name for name in names):  # UTF-16 without its mark
        raise _not_utf8(path)
    if len(names) == 1:
        for separator, called in _OTHER_SEPARATORS.items():
            if separator in names[0]:
                raise TableError(
                    f"{path} has one column, {names[0]!r}; its columns seem to be separated by {called}: write it with "
                    "commas"
                )
    if twice := [name for name, count in Counter(filter(None, names)).items() if count > 1]:
        raise TableError(f"{path} has several columns {twice[0]!r}; give every column a name of its own")
    return names


def records_of(path: Path) -> Iterator[dict[str, str | None]]:
    """Cells of every record of a CSV file by the name of their column, ``None`` where a record ends early.

    Raises:
        TableError: the file is not UTF-8.
    """
    with _opened(path) as stream:
        yield from csv.DictReader(stream)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    csv.field_size_limit(sys.maxsize)  # texts of CIF files are long
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            yield stream
    except UnicodeDecodeError:
        raise _not_utf8(path) from None


def _not_utf8(path: Path) -> TableError:
    return TableError(f"{path} is not UTF-8; tables are read in this encoding alone: save it again as CSV in UTF-8")
