from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import ase
import numpy as np
import pytest
from tests.dft.vasp.examples import DATA

from wyckforge.dft import vibrations
from wyckforge.dft.results import GammaModes
from wyckforge.dft.units import COULOMB_EV_ANGSTROM
from wyckforge.dft.vasp.modes import force_constants_of, gamma_modes, response_of
from wyckforge.dft.vasp.reading import OutputError
from wyckforge.symmetry.crystal import Crystal

PER_CM = 521.4708983725064
"""Of the root of 1 eV/(Å² u)."""


def test_a_linear_response_of_silicon():
    found = gamma_modes(DATA / "phonon_dfpt_si")
    assert found.method == "dfpt"
    assert found.born_charges is None  # LEPSILON was not asked for
    text = gzip.decompress((DATA / "phonon_dfpt_si" / "vasprun.xml.gz").read_bytes()).decode()
    line = next(line for line in text.splitlines() if 'name="eigenvalues"' in line)
    theirs = np.array(line.split(">")[1].split("<")[0].split(), np.float64)  # −ω² in eV/(Å² u)
    ours = found.frequencies_per_cm
    expected = np.sort(np.sqrt(np.maximum(-theirs, 0)) * PER_CM)
    assert ours[3:] == pytest.approx(expected[3:], abs=1.5)  # they did not impose the sum rule
    assert np.abs(ours[:3]).max() < 1e-3
    assert found.drift_per_cm < 5
    again = GammaModes.from_dict(found.to_dict())
    assert np.array_equal(again.frequencies_per_cm, ours)


def test_born_charges_of_a_crystal_without_dipoles_split_nothing():
    found = gamma_modes(DATA / "phonon_born_si")
    assert found.method == "finite displacements"
    assert np.abs(found.born_charges).max() < 1e-6
    assert found.dielectric == pytest.approx(np.eye(3) * 13.05544887, abs=1e-6)
    assert found.frequencies_per_cm[3:] == pytest.approx([np.sqrt(1.01229478) * PER_CM] * 3, abs=0.05)
    assert found.longitudinal_per_cm == pytest.approx(np.tile(found.frequencies_per_cm, (3, 1)), abs=1e-3)


def test_a_response_that_did_not_converge_is_no_result(tmp_path):
    shutil.copytree(DATA / "phonon_dfpt_si", tmp_path / "phonon")
    (tmp_path / "phonon" / "OUTCAR").write_text(" aborting loop because EDIFF is reached\n")
    assert gamma_modes(tmp_path / "phonon").method == "dfpt"
    (tmp_path / "phonon" / "OUTCAR").write_text(" aborting loop EDIFF was not reached (unconverged)\n")
    with pytest.raises(OutputError, match="did not converge in 60 cycles"):
        gamma_modes(tmp_path / "phonon")


def test_the_splitting_is_that_of_a_diatomic_cubic_crystal():
    """ω_LO² = ω_TO² + 4π e² Z² / (ε V μ), with the response of sodium chloride that ASE's tests hold."""
    charges, dielectric = response_of(Path(ase.__file__).parent / "test" / "testdata" / "vasp" / "vasprun_dfpt.xml")
    assert charges[:, 0, 0] == pytest.approx([1.14672091, -1.14672091])
    half = 2.72739551
    crystal = Crystal((1 - np.eye(3)) * half, np.array([11, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    stiffness = 8.0
    constants = np.kron(np.array([[1, -1], [-1, 1]]) * stiffness, np.eye(3))
    found = vibrations.gamma_modes(crystal, constants, charges, dielectric, method="dfpt", tool="VASP")
    reduced = 22.98976928 * 35.453 / (22.98976928 + 35.453)
    charge, screening = found.born_charges[0, 0, 0], found.dielectric[0, 0]
    field = 4 * np.pi * COULOMB_EV_ANGSTROM * charge**2 / (screening * crystal.volume)
    assert found.frequencies_per_cm[3:] == pytest.approx([np.sqrt(stiffness / reduced) * PER_CM] * 3, rel=1e-4)
    assert found.longitudinal_per_cm[:, -1] == pytest.approx(np.sqrt((stiffness + field) / reduced) * PER_CM, rel=1e-4)
    assert found.longitudinal_per_cm[:, 3:5] == pytest.approx(np.tile(found.frequencies_per_cm[3:5], (3, 1)), rel=1e-4)
    assert found.born_charges.sum(axis=0) == pytest.approx(np.zeros((3, 3)), abs=1e-9)


def test_force_constants_are_in_electronvolt_per_square_angstrom():
    constants = force_constants_of(DATA / "phonon_born_si" / "vasprun.xml.gz")
    assert constants[0, 0] == pytest.approx(0.50614739 * 28.085, rel=1e-4)
    assert constants[:3, 3:] == pytest.approx(-constants[:3, :3])


def test_force_constants_go_atom_by_atom():
    """What a shift of the whole crystal does to each atom, which mixed-up rows and columns would not leave small."""
    constants = force_constants_of(DATA / "phonon_dfpt_si" / "vasprun.xml.gz")
    assert constants.shape == (24, 24)
    assert constants == pytest.approx(constants.T, abs=1e-2)
    assert constants.reshape(8, 3, 8, 3).sum(axis=2) == pytest.approx(np.zeros((8, 3, 3)), abs=0.1)


def test_a_run_without_vibrations():
    with pytest.raises(OutputError, match="is none of vibrations; IBRION is -1"):
        gamma_modes(DATA / "static_si")
    with pytest.raises(OutputError, match="a run that was killed leaves such a file"):
        gamma_modes(DATA / "killed")
