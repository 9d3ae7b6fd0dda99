from __future__ import annotations

import gzip
import shutil
from xml.etree import ElementTree

import pytest
from tests.dft.vasp.examples import DATA

from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.dft.vasp.collect import collect


@pytest.fixture
def chain(tmp_path):
    """Steps of a chain, made of real outputs by their names here."""

    def put(**steps):
        for step, name in steps.items():
            shutil.copytree(DATA / name, tmp_path / step)
        return tmp_path

    return put


def found_in(collected):
    return {one.stage: one for one in collected.evidence}


def test_a_chain_of_silicon(chain):
    collected = collect(chain(static="static_si", bands="bands_si", phonon="phonon_dfpt_si"))
    assert {step: type(one) for step, one in collected.results.items()} == {
        "static": Ground,
        "bands": Bands,
        "phonon": GammaModes,
    }
    found = found_in(collected)
    assert found["dft_energy"].value == pytest.approx(-10.61487473 / 2)
    assert found["dft_magnetism"].verdict == "unknown"  # no OUTCAR with moments
    gap = found["dft_band_gap"]
    assert gap.verdict == "pass"
    assert gap.value == pytest.approx(0.47, abs=0.05)
    assert gap.reason.startswith("indirect, smallest direct one 2.5")
    assert "along the path" in gap.reason
    assert found["dft_band_gap_up"].value == found["dft_band_gap_down"].value == gap.value
    assert found["dft_phonon_gamma"].verdict == "pass"
    assert found["dft_phonon_gamma"].value > 100  # the lowest optical mode of eight atoms
    assert "dft_relax" not in found


def test_a_half_metal(chain):
    collected = collect(chain(relax="relax_magnetic", static="static_magnetic"))
    assert isinstance(collected.results["relax"], Relaxed)
    found = found_in(collected)
    assert found["dft_relax"].verdict == "pass"
    assert found["dft_magnetism"].value == pytest.approx(0.63)
    assert "magnetic; 2.00 μB in the cell" in found["dft_magnetism"].reason
    assert found["dft_band_gap"].value == found["dft_band_gap_up"].value == 0
    assert found["dft_band_gap_down"].value == pytest.approx(1.3743, abs=1e-3)
    assert "on the mesh" in found["dft_band_gap_down"].reason


def test_what_is_missing_is_unknown_with_its_reason(chain):
    folder = chain(
        relax="ions_unconverged", static="field_unconverged", phonon="killed", mp_relax="killed", bands="bands_si"
    )
    collected = collect(folder)
    assert set(collected.results) == {"relax"}
    assert {one.verdict for one in collected.evidence} == {"unknown"}
    reasons = {stage: one.reason for stage, one in found_in(collected).items()}
    assert reasons["dft_relax"].startswith("not converged: 5 steps; 2.4 eV/Å")
    assert "did not converge" in reasons["dft_energy"]
    assert "the electrons of each spin" in reasons["dft_band_gap"]
    assert "killed" in reasons["dft_phonon_gamma"]
    assert "killed" in reasons["dft_mp_relax"]


def test_a_file_without_its_parts_ends_nothing(chain):
    folder = chain(static="static_si")
    file = folder / "static" / "vasprun.xml.gz"
    text = gzip.decompress(file.read_bytes()).decode()
    file.write_bytes(gzip.compress(text.replace('name="NELECT"', 'name="OTHER"').encode()))
    (found,) = collect(folder).evidence
    assert (found.stage, found.verdict) == ("dft_energy", "unknown")
    assert "NELECT" in found.reason


def test_folders_of_other_things_are_no_steps(tmp_path):
    (tmp_path / "notes").mkdir()
    assert collect(tmp_path).evidence == []


def test_masses_along_a_path_that_kpoints_names(chain):
    """The real bands of silicon, cut to the line from Γ to X that they begin with."""
    folder = chain(static="static_si", bands="bands_si")
    file = folder / "bands" / "vasprun.xml.gz"
    root = ElementTree.fromstring(gzip.decompress(file.read_bytes()))
    for table in (*root.iterfind("kpoints/varray"), *root.iterfind(".//eigenvalues/array/set/set")):
        for row in list(table)[46:]:
            table.remove(row)
    file.write_bytes(gzip.compress(ElementTree.tostring(root)))
    text = "a line\n46\nLine-mode\nreciprocal\n0 0 0 GAMMA\n0.5 0 0.5 X\n"
    (folder / "bands" / "KPOINTS").write_text(text)
    found = found_in(collect(folder))
    assert found["dft_band_gap"].reason.endswith("along the path, GAMMA → GAMMA–X 0.84")
    assert found["dft_hole_mass"].value == pytest.approx(-0.27, rel=0.1)
    assert found["dft_electron_mass"].value == pytest.approx(0.95, rel=0.1)
    assert "N_V 6 = 6×1 (1)" in found["dft_electron_mass"].reason
