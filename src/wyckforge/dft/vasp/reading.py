"""Reading the files of VASP, which may be missing, cut short, compressed, or made by somebody with bad intentions.

pymatgen and phonopy do the reading. They know nothing of hostile files, so a document type, which VASP never writes and
which could make entities explode, is refused before they see it.
"""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar
from xml.parsers import expat

Read = TypeVar("Read")


class OutputError(Exception):
    """A folder without the result asked for; the message says in a sentence what is missing or wrong."""


def find(folder: Path, name: str) -> Path:
    """A file of a folder, perhaps compressed.

    Raises:
        OutputError: there is none.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise OutputError(f"there is no {name} in {folder}; run VASP there first")


def guarded(path: Path, read: Callable[[Path], Read]) -> Read:
    """What a reader makes of a file.

    Raises:
        OutputError: it stumbles over the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of runs that did not converge: that is looked at here
            return read(path)
    except OutputError:
        raise
    except Exception as error:  # readers raise whatever they stumble over in a broken file
        what = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise OutputError(f"{path} cannot be read ({what}); a run that was killed leaves such a file") from None


def refuse_document_type(path: Path) -> None:
    """Pass if an XML file has none.

    Raises:
        OutputError: it has one.
    """
    if guarded(path, _declares_a_type):
        raise OutputError(f"{path} declares a document type, which VASP never writes; it is not read")


def opened(path: Path) -> IO[bytes]:
    """An open XML file without a document type.

    Raises:
        OutputError: it has one.
    """
    refuse_document_type(path)
    return _binary(path)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file."""
    with _binary(path) as content:
        yield from content


def _binary(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


class _Begun(Exception):
    """What a document begins with: a document type, or its first element."""


def _declares_a_type(path: Path) -> bool:
    def begin(declared: bool) -> Callable[..., None]:
        def handler(*_: object) -> None:
            raise _Begun(declared)

        return handler

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = begin(True), begin(False)
    try:
        with _binary(path) as content:
            parser.ParseFile(content)
    except _Begun as begun:
        return bool(begun.args[0])
    return False
