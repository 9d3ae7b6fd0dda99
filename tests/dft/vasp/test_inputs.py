from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp import Incar
from tests.dft.vasp.examples import DATA, GOLDEN, example
from tests.dft.vasp.stand_in import begun_with

from wyckforge.dft.vasp.inputs import SCRIPT, after, write_inputs
from wyckforge.dft.vasp.outputs import ground
from wyckforge.dft.vasp.sets import STEPS
from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal


@pytest.mark.parametrize("name", ["si", "nio", "kfef3", "fes2"])
def test_inputs_are_those_kept_byte_for_byte(name, tmp_path):
    folders = write_inputs(example(name), tmp_path)
    assert [folder.name for folder in folders] == list(STEPS)
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    text = "".join(f"==> {file.relative_to(tmp_path)} <==\n{file.read_text()}" for file in files)
    assert text == (GOLDEN / f"{name}.txt").read_text()


def test_potentials_are_named_and_never_written(tmp_path):
    write_inputs(example("nio"), tmp_path)
    assert (tmp_path / "static" / "POTCAR.spec").read_text() == "Ni_pv\nO\n"
    assert not list(tmp_path.rglob("POTCAR"))


def test_the_same_inputs_from_any_cell_of_a_crystal(tmp_path):
    cell = example("nio")
    structure = Structure(cell.lattice, cell.numbers, cell.frac_coords).make_supercell([2, 1, 1], in_place=False)
    write_inputs(cell, tmp_path / "one", ["relax", "bands"])
    write_inputs(
        Crystal(structure.lattice.matrix, np.array(structure.atomic_numbers), structure.frac_coords),
        tmp_path / "two",
        ["relax", "bands"],
    )
    for file in ("relax/POSCAR", "relax/KPOINTS", "bands/KPOINTS"):
        assert (tmp_path / "one" / file).read_text() == (tmp_path / "two" / file).read_text()


def test_an_element_without_a_potential_is_named(tmp_path):
    with pytest.raises(StructureError, match="no VASP potential for Po; allowed are Ac, Ag"):
        write_inputs(Crystal(np.eye(3) * 3.35, np.array([84]), np.zeros((1, 3))), tmp_path)
    assert not (tmp_path / SCRIPT).exists()


def test_steps_after_a_relaxation_take_its_crystal_and_its_moments(tmp_path):
    start = after(DATA / "relax_magnetic")
    assert start.spin
    assert start.crystal.lattice.max() == pytest.approx(2.38752907)
    shutil.copytree(DATA / "relax_magnetic", tmp_path / "relax")
    outcar = tmp_path / "relax" / "OUTCAR.gz"
    text = gzip.decompress(outcar.read_bytes()).decode()
    outcar.write_bytes(gzip.compress(text.replace("0.643", "0.149").encode()))
    assert after(tmp_path / "relax").spin is False
    outcar.unlink()
    assert after(tmp_path / "relax").spin is True  # unknown moments may be any


def test_no_born_charges_are_asked_for_after_the_relaxation_of_a_metal(tmp_path):
    """The real ground state of silicon is made a relaxation of one step, which has a gap."""
    text = gzip.decompress((DATA / "static_si" / "vasprun.xml.gz").read_bytes()).decode()
    (tmp_path / "relax").mkdir()
    (tmp_path / "relax" / "vasprun.xml").write_text(text.replace('name="NSW">     0<', 'name="NSW">     9<'))
    for relaxation, metal in ((DATA / "relax_magnetic", True), (tmp_path / "relax", False)):
        start = after(relaxation)
        assert start.metal is metal
        (folder,) = write_inputs(start.crystal, tmp_path / str(metal), ["phonon"], metal=start.metal)
        incar = Incar.from_file(folder / "INCAR")
        assert incar["IBRION"] == 8
        assert ("LEPSILON" in incar) is not metal


@pytest.fixture
def finished(tmp_path) -> Path:
    """A chain with inputs for silicon, and the real output of a static run as if it had begun with them."""
    (static,) = write_inputs(example("si"), tmp_path, ["static"])
    output = gzip.decompress((DATA / "static_si" / "vasprun.xml.gz").read_bytes()).decode()
    (static / "vasprun.xml").write_text(begun_with((static / "POSCAR").read_text(), output, moves=False))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("steps", [["relax", "static"], ["bands"]])  # bands are in the field of static
def test_inputs_are_not_written_beside_the_output_of_another_crystal(finished, steps):
    before = contents(finished)
    with pytest.raises(
        StructureError, match=r"static holds a finished run of Si2, 40\.03 Å³, .* \(Ni1 O1, 18\.39 Å³\)"
    ):
        write_inputs(example("nio"), finished, steps)
    larger = Crystal(example("si").lattice * 1.001, example("si").numbers, example("si").frac_coords)
    with pytest.raises(StructureError, match="move that folder away, or write into another one"):
        write_inputs(larger, finished, steps)
    assert contents(finished) == before


def test_inputs_may_be_written_anew_beside_the_output_of_their_crystal(finished):
    (finished / "static" / "INCAR").unlink()
    (finished / "static" / "POSCAR").write_text((finished / "static" / "POSCAR").read_text().replace("Si", "Ge"))
    write_inputs(example("si"), finished, ["static", "bands"])
    assert (finished / "static" / "INCAR").is_file()
    assert ground(finished / "static").crystal.numbers.tolist() == [14, 14]


def test_inputs_may_be_written_where_a_run_was_killed(tmp_path):
    shutil.copytree(DATA / "killed", tmp_path / "static")
    assert write_inputs(example("nio"), tmp_path, ["static"]) == [tmp_path / "static"]


def test_a_potcar_of_other_elements_is_not_kept(tmp_path):
    (place,) = write_inputs(example("nio"), tmp_path, ["relax"])
    (place / "POTCAR").write_text("   TITEL  = PAW_PBE Ni_pv 06Sep2000\n   TITEL  = PAW_PBE O 08Apr2002\n")
    write_inputs(example("nio"), tmp_path, ["relax"])
    before = contents(tmp_path)
    with pytest.raises(
        StructureError, match=r"POTCAR in .*relax is of Ni, O, and the inputs are for K, Fe, F; move it"
    ):
        write_inputs(example("kfef3"), tmp_path, ["relax"])
    assert contents(tmp_path) == before


def test_nothing_follows_a_relaxation_that_did_not_converge():
    with pytest.raises(StructureError, match="has not converged; go on with it from its CONTCAR"):
        after(DATA / "ions_unconverged")
    with pytest.raises(StructureError, match="a run that was killed leaves such a file"):
        after(DATA / "killed")
