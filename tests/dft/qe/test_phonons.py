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

DATA = Path(__file__).parent / "data" / "outputs"

MATRIX = DATA / "aluminium_phosphide.xml"

TENSORS = DATA / "aluminium_phosphide_tensors.xml"

CRYSTAL = cubic(2 * 2.7346, [13, 15], [0.0, 0.25])


def dynmat(folder: Path, direction: str) -> list[float]:
    """Frequencies in cm⁻¹ that Quantum ESPRESSO's own program makes of the same file."""
    shutil.copy(MATRIX, folder / "gamma.xml")
    text = f"&INPUT\n fildyn='gamma.xml'\n asr='crystal'\n{direction}\n/\n"
    said = subprocess.run(["dynmat.x"], cwd=folder, input=text, capture_output=True, text=True, check=True)
    return [float(one) for one in re.findall(r"^ +\d+ +(-?\d+\.\d+)", said.stdout, re.M)]


def test_frequencies_agree_with_those_of_dynmat(tmp_path: Path) -> None:
    found = gamma_modes(CRYSTAL, read_constants(MATRIX), *read_tensors(TENSORS), method="dfpt", tool="a tool")

    # dynmat's masses are those of the file, 26.98 and 30.97
    assert found.frequencies_per_cm == pytest.approx(dynmat(tmp_path, ""), abs=0.05)
    assert found.longitudinal_per_cm is not None
    assert found.longitudinal_per_cm[0] == pytest.approx(dynmat(tmp_path, "q(1)=1,q(2)=0,q(3)=0"), abs=0.05)
    assert found.frequencies_per_cm[-1] < found.longitudinal_per_cm[0, -1] - 40


def test_the_sum_rules_hold_and_what_they_changed_is_told() -> None:
    found = gamma_modes(CRYSTAL, read_constants(MATRIX), *read_tensors(TENSORS), method="dfpt", tool="a tool")

    assert np.abs(found.frequencies_per_cm[:3]).max() < 1e-3
    assert found.longitudinal_per_cm is not None
    assert np.abs(found.longitudinal_per_cm[:, :3]).max() < 1e-3
    assert found.born_charges is not None
    assert np.abs(found.born_charges.sum(axis=0)).max() < 1e-12
    assert 1 < found.drift_per_cm < 50


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
