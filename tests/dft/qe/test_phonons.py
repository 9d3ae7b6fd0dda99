from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import cubic

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe.phonons import read_constants, read_tensors
from wyckforge.dft.vibrations import gamma_modes
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

DATA = Path(__file__).parent / "data" / "outputs"

MATRIX = DATA / "aluminium_phosphide.xml"

TENSORS = DATA / "aluminium_phosphide_tensors.xml"

CRYSTAL = cubic(2 * 2.7346, [13, 15], [0.0, 0.25])

CRYSTALS = {
    "aluminium_phosphide": CRYSTAL,
    "oblique_carbide": Crystal(  # no crystal at rest, but one without any symmetry
        np.array([[0, 2.1, 2.3], [2.2, 0, 2.15], [2.25, 2.1, 0.1]]),
        np.array([14, 6]),
        np.array([[0.0, 0.0, 0.0], [0.27, 0.24, 0.26]]),
    ),
}


def dynmat(matrix: Path, folder: Path, direction: Array) -> list[float]:
    """Frequencies in cm⁻¹ that Quantum ESPRESSO's own program makes of the same file."""
    shutil.copy(matrix, folder / "gamma.xml")
    along = ", ".join(f"q({axis}) = {value:.9f}" for axis, value in enumerate(direction, start=1))
    text = f"&INPUT\n fildyn = 'gamma.xml'\n asr = 'simple'\n {along}\n/\n"
    said = subprocess.run(["dynmat.x"], cwd=folder, input=text, capture_output=True, text=True, check=True)
    return [float(one) for one in re.findall(r"^ +\d+ +(-?\d+\.\d+)", said.stdout, re.M)]


@pytest.mark.parametrize("name", ["aluminium_phosphide", "oblique_carbide"])
def test_frequencies_agree_with_those_of_dynmat(name: str, tmp_path: Path) -> None:
    crystal, matrix, tensors = CRYSTALS[name], DATA / f"{name}.xml", DATA / f"{name}_tensors.xml"

    found = gamma_modes(crystal, read_constants(matrix), *read_tensors(tensors), method="dfpt", tool="a tool")

    theirs = dynmat(matrix, tmp_path, np.zeros(3))
    assert found.frequencies_per_cm[3:] == pytest.approx(theirs[3:], abs=0.05)
    assert theirs[:3] == pytest.approx(np.zeros(3), abs=0.3)  # their rule leaves translations a rest of force
    assert found.longitudinal_per_cm is not None
    for direction, frequencies in zip(np.linalg.inv(crystal.lattice).T, found.longitudinal_per_cm, strict=True):
        assert frequencies[3:] == pytest.approx(dynmat(matrix, tmp_path, direction)[3:], abs=0.05)
        assert frequencies[-1] > found.frequencies_per_cm[-1] + 40


def test_the_sum_rules_hold_and_what_they_changed_is_told() -> None:
    found = gamma_modes(CRYSTAL, read_constants(MATRIX), *read_tensors(TENSORS), method="dfpt", tool="a tool")

    assert np.abs(found.frequencies_per_cm[:3]).max() < 1e-3
    assert found.longitudinal_per_cm is not None
    assert np.abs(found.longitudinal_per_cm[:, :3]).max() < 1e-3
    assert found.born_charges is not None
    assert np.abs(found.born_charges.sum(axis=0)).max() < 1e-12
    assert 1 < found.drift_per_cm < 50


def test_what_a_grid_does_to_single_atoms_is_taken_out() -> None:
    constants = read_constants(MATRIX)
    clean = gamma_modes(CRYSTAL, constants, *read_tensors(TENSORS), method="dfpt", tool="a tool")
    gridded = constants + np.diag([5.0, 5.0, 5.0, -1.0, -1.0, -1.0])  # eV/Å²; NaCl has as much on sodium
    found = gamma_modes(CRYSTAL, gridded, *read_tensors(TENSORS), method="dfpt", tool="a tool")

    assert found.frequencies_per_cm == pytest.approx(clean.frequencies_per_cm, abs=1e-3)
    assert found.drift_per_cm > clean.drift_per_cm + 50


@pytest.mark.parametrize("content", [b"<Root", MATRIX.read_bytes().replace(b"PHI.1.2", b"PHI.1.9")])
def test_a_damaged_response_is_no_answer(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gamma.xml").write_bytes(content)

    with pytest.raises(EngineError, match=r"gamma\.xml"):
        read_constants(tmp_path / "gamma.xml")


def test_damaged_tensors_are_no_answer(tmp_path: Path) -> None:
    one_too_many = TENSORS.read_bytes().replace(b"</EFFECTIVE_CHARGES_EU>", b"1</EFFECTIVE_CHARGES_EU>")
    (tmp_path / "tensors.xml").write_bytes(one_too_many)

    with pytest.raises(EngineError, match=r"tensors\.xml"):
        read_tensors(tmp_path / "tensors.xml")


def test_charges_are_those_of_the_atoms() -> None:
    charges, dielectric = read_tensors(TENSORS)

    # as the text of the same run says
    assert charges[:, 0, 0] == pytest.approx([2.03652, -3.17603], abs=1e-5)
    assert np.diag(dielectric) == pytest.approx(np.full(3, 11.5952), abs=1e-4)
