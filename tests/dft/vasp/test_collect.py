from __future__ import annotations

import gzip
import shutil
from xml.etree import ElementTree

import pytest
from tests.dft.vasp.examples import DATA
from tests.dft.vasp.stand_in import begun_with

from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.dft.vasp.collect import collect
from wyckforge.dft.vasp.inputs import after, write_inputs

HALF = 2.38752907
RELAXED = f"Si\n1\n{HALF} {HALF} 0\n0 {HALF} {HALF}\n{HALF} 0 {HALF}\nSi\n1\ndirect\n0.1 0 0\n"
"""POSCAR of what the relaxation among the outputs found."""


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


def test_what_is_of_another_crystal_than_its_relaxation_found_is_unknown(chain):
    folder = chain(
        relax="relax_magnetic",
        static="static_si",
        bands="bands_si",
        phonon="phonon_born_si",
        mp_relax="ions_unconverged",
        mp_static="static_magnetic",
    )
    collected = collect(folder)
    assert set(collected.results) == {"relax"}
    found = found_in(collected)
    for stage in ("dft_energy", "dft_phonon_gamma", "dft_mp_relax"):
        assert found[stage].verdict == "unknown"
        assert "is of another crystal or cell than the relaxation before it found" in found[stage].reason
    assert "(Si2, 39.37 Å³ instead of Si1, 27.22 Å³)" in found["dft_energy"].reason
    assert found["dft_band_gap"].verdict == "unknown"  # of static, too


def test_the_relaxation_before_mp_static_is_mp_relax(chain):
    folder = chain(relax="relax_magnetic", mp_relax="relax_magnetic", mp_static="static_si")
    (folder / "mp_relax" / "POSCAR.orig").write_text(RELAXED)
    found = found_in(collect(folder))
    assert found["dft_mp_relax"].verdict == "pass"
    assert "is of another crystal or cell than the relaxation before it found" in found["dft_mp_energy"].reason
    shutil.rmtree(folder / "mp_static")
    shutil.copytree(DATA / "static_magnetic", folder / "mp_static")
    assert "not by the settings of the Materials Project" in found_in(collect(folder))["dft_mp_energy"].reason


@pytest.mark.parametrize(("kept", "verdict"), [("POSCAR.orig", "pass"), ("POSCAR.bak", "unknown")])
def test_a_relaxation_that_custodian_restarted_is_known_by_its_first_poscar(chain, kept, verdict):
    folder = chain(relax="relax_magnetic", mp_relax="relax_magnetic")
    (folder / "mp_relax" / kept).write_text(RELAXED)
    assert found_in(collect(folder))["dft_mp_relax"].verdict == verdict


def test_a_step_after_a_relaxation_may_be_in_its_standard_cell(chain):
    folder = chain(relax="relax_magnetic", static="static_magnetic")
    start = after(folder / "relax")
    write_inputs(start.crystal, folder / "new", ["static"])
    poscar = (folder / "new" / "static" / "POSCAR").read_text()
    file = folder / "static" / "vasprun.xml.gz"
    text = gzip.decompress(file.read_bytes()).decode()
    changed = begun_with(poscar, text, moves=False)
    assert changed != text
    file.write_bytes(gzip.compress(changed.encode()))
    assert found_in(collect(folder))["dft_energy"].verdict == "pass"


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
