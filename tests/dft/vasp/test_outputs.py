from __future__ import annotations

import gzip
import re
import shutil

import numpy as np
import pytest
from pymatgen.io.vasp import Kpoints, Poscar, Vasprun
from tests.dft.vasp.examples import DATA

from wyckforge.dft.results import Ground
from wyckforge.dft.vasp.outputs import bands, ground, mesh_bands, metallic, relaxed, site_moments
from wyckforge.dft.vasp.reading import OutputError


def text_of(name: str) -> str:
    return gzip.decompress((DATA / name / "vasprun.xml.gz").read_bytes()).decode("latin-1")


def test_a_spin_polarised_relaxation():
    found = relaxed(DATA / "relax_magnetic")
    assert found.energy_ev == pytest.approx(-1.97227502)
    assert found.converged
    assert found.steps == 5
    assert found.max_stress_gpa == pytest.approx(0.272355949)
    assert found.crystal.volume == pytest.approx(2 * 2.38752907**3)
    assert found.tool == "VASP 6.2.0"


def test_a_relaxation_that_ran_out_of_steps_says_so():
    found = relaxed(DATA / "ions_unconverged")
    assert not found.converged
    assert found.max_force_ev_per_angstrom == pytest.approx(2.3619, abs=1e-4)
    assert found.steps == 5


def test_a_force_above_the_limit_is_not_converged(tmp_path):
    text = text_of("ions_unconverged").replace('name="NSW">     5<', 'name="NSW">    50<')
    assert text.count('name="NSW">    50<') == 2
    assert 'name="EDIFFG">' in text
    limited = text.replace(text[text.index('name="EDIFFG">') :].split("<")[0], 'name="EDIFFG">     -0.01000000')
    (tmp_path / "vasprun.xml").write_text(limited)
    assert not relaxed(tmp_path).converged


def test_a_ferromagnetic_ground_state():
    found = ground(DATA / "static_magnetic")
    assert found.energy_ev == pytest.approx(-1.99014685)
    assert found.electrons == pytest.approx((3.0, 1.0), abs=1e-4)
    assert found.moment_bohr == pytest.approx(2.0, abs=1e-4)
    assert found.site_moments_bohr == pytest.approx([0.63])
    assert (found.k_mesh, found.cutoff_ev, found.hubbard_ev) == ((8, 8, 8), 240.0, {})
    assert found.mesh_gap_ev is None
    again = Ground.from_dict(found.to_dict())
    assert again.electrons == found.electrons
    mesh = mesh_bands(DATA / "static_magnetic", found)
    assert mesh.energies.shape == (2, 29, 6)
    assert mesh.weights.sum() == pytest.approx(1)
    assert mesh.occupied == (3, 1)


def test_a_run_without_spin_has_one_channel_and_u_is_told(tmp_path):
    text = text_of("ions_unconverged")
    used = '<i type="logical" name="LDAU"> T </i><v name="LDAUU"> 5.3</v><v name="LDAUJ"> 0.0</v>'
    (tmp_path / "vasprun.xml").write_text(text.replace("<incar>", f"<incar>{used}", 1))
    found = ground(tmp_path)
    assert found.electrons == pytest.approx((8.0,))
    assert (found.moment_bohr, found.site_moments_bohr) == (0.0, None)
    assert found.hubbard_ev == {"Si": 5.3}


def test_bands_along_a_path_take_their_electrons_from_the_ground_state():
    state = ground(DATA / "static_si")
    assert state.electrons == pytest.approx((4.0, 4.0))
    assert state.site_moments_bohr is None  # no OUTCAR here
    assert 0.4 < state.mesh_gap_ev < 1.0  # the mesh misses the edge
    line = bands(DATA / "bands_si", state)
    assert line.energies.shape == (2, 202, 9)
    assert line.k_points[0].tolist() == [0, 0, 0]
    assert line.occupied == (4, 4)
    assert line.fermi_ev == state.fermi_ev
    top, bottom = line.energies[:, :, :4].max(), line.energies[:, :, 4:].min()
    assert top == pytest.approx(line.energies[0, 0, 3])  # of silicon, at Γ
    assert bottom - top == pytest.approx(0.47, abs=0.05)  # PBEsol, coarse


def test_bands_without_their_ground_state_or_with_another_one():
    with pytest.raises(OutputError, match=r"the electrons of each spin in .* are not known"):
        bands(DATA / "bands_si", None)
    with pytest.raises(OutputError, match="of another cell than the ground state"):
        bands(DATA / "bands_si", ground(DATA / "static_magnetic"))


def test_a_path_in_line_mode_is_told_by_its_pieces(tmp_path):
    shutil.copytree(DATA / "bands_si", tmp_path / "bands")
    state = ground(DATA / "static_si")
    assert bands(tmp_path / "bands", state).path == ()
    ends = ["GAMMA", "X", "U", "K"]
    for each, pieces in ((101, [("GAMMA", "X", 0, 101), ("U", "K", 101, 202)]), (40, [])):
        Kpoints("", each, "Line_mode", kpts=[(0, 0, 0)] * 4, labels=ends, coord_type="Reciprocal").write_file(
            str(tmp_path / "bands" / "KPOINTS")
        )
        path = bands(tmp_path / "bands", state).path
        assert [(*piece.labels, piece.start, piece.stop) for piece in path] == pieces


@pytest.mark.parametrize("read", [relaxed, ground])
def test_what_cannot_be_read_is_told(read, tmp_path):
    with pytest.raises(OutputError, match=r"there is no vasprun\.xml in .*; run VASP there first"):
        read(tmp_path)
    with pytest.raises(OutputError, match="a run that was killed leaves such a file"):
        read(DATA / "killed")
    with pytest.raises(OutputError, match="did not converge in 8 cycles"):
        read(DATA / "field_unconverged")
    (tmp_path / "vasprun.xml").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "vasprun.xml").unlink()
    (tmp_path / "vasprun.xml.gz").write_bytes((DATA / "static_si" / "vasprun.xml.gz").read_bytes()[:4000])
    with pytest.raises(OutputError, match="cannot be read"):
        read(tmp_path)


def test_every_cut_of_a_file_is_an_output_error(tmp_path):
    text = text_of("static_si")
    for share in np.linspace(0.02, 0.98, 12):
        (tmp_path / "vasprun.xml").write_text(text[: int(share * len(text))])
        with pytest.raises(OutputError):
            ground(tmp_path)


def test_a_document_type_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    declaration = f'<!DOCTYPE modeling [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    text = text_of("static_si").replace("<modeling>", f"{declaration}<modeling>", 1).replace("6.2.0", "&x;", 1)
    (tmp_path / "vasprun.xml").write_text(text)
    with pytest.raises(OutputError, match="declares a document type, which VASP never writes"):
        ground(tmp_path)


def test_an_output_of_another_crystal_than_its_poscar_is_no_result(tmp_path):
    shutil.copytree(DATA / "static_si", tmp_path / "static")
    own = Vasprun(DATA / "static_si" / "vasprun.xml.gz", parse_potcar_file=False).initial_structure
    poscar = tmp_path / "static" / "POSCAR"
    moved, larger, other = own.copy(), own.copy(), own.copy()
    moved.translate_sites([0], [1, 0, -1], to_unit_cell=False)  # by whole lattice vectors
    for same in (own, moved):
        Poscar(same).write_file(poscar)
        assert ground(tmp_path / "static").energy_ev == pytest.approx(-10.61487473)
    poscar.write_text(re.sub("^Si$", "", poscar.read_text(), flags=re.MULTILINE).replace("\n\n", "\n"))
    assert ground(tmp_path / "static").tool == "VASP 6.2.0"  # as VASP 4 wrote it, without elements
    larger.scale_lattice(own.volume * 1.001)
    other.replace_species({"Si": "Ge"})
    for strange in (larger, other):
        Poscar(strange).write_file(poscar)
        with pytest.raises(OutputError, match=r"static is of another crystal than POSCAR there .*run VASP there anew"):
            ground(tmp_path / "static")
    poscar.write_text("")
    with pytest.raises(OutputError, match="POSCAR cannot be read"):
        ground(tmp_path / "static")


def test_a_metal_is_told_by_its_mesh():
    assert metallic(DATA / "static_magnetic")  # of a half-metal, one channel conducts
    assert not metallic(DATA / "static_si")
    assert not metallic(DATA / "killed")  # not known to be one


def test_other_kinds_of_runs_are_refused():
    with pytest.raises(OutputError, match="is no relaxation"):
        relaxed(DATA / "static_si")
    with pytest.raises(OutputError, match="is no ground state on a mesh"):
        ground(DATA / "bands_si")


def test_moments_are_those_of_all_atoms_or_none():
    assert site_moments(DATA / "relax_magnetic", 1) == pytest.approx([0.643])
    assert site_moments(DATA / "relax_magnetic", 2) is None
    assert site_moments(DATA / "static_si", 2) is None
