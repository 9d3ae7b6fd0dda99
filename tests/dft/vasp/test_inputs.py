from __future__ import annotations

import gzip
import shutil

import numpy as np
import pytest
from pymatgen.core import Structure
from tests.dft.vasp.examples import DATA, GOLDEN, example

from wyckforge.dft.vasp.inputs import SCRIPT, after, write_inputs
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
    crystal, spin = after(DATA / "relax_magnetic")
    assert spin
    assert crystal.lattice.max() == pytest.approx(2.38752907)
    shutil.copytree(DATA / "relax_magnetic", tmp_path / "relax")
    outcar = tmp_path / "relax" / "OUTCAR.gz"
    text = gzip.decompress(outcar.read_bytes()).decode()
    outcar.write_bytes(gzip.compress(text.replace("0.643", "0.149").encode()))
    assert after(tmp_path / "relax")[1] is False
    outcar.unlink()
    assert after(tmp_path / "relax")[1] is True  # unknown moments may be any


def test_nothing_follows_a_relaxation_that_did_not_converge():
    with pytest.raises(StructureError, match="has not converged; go on with it from its CONTCAR"):
        after(DATA / "ions_unconverged")
    with pytest.raises(StructureError, match="a run that was killed leaves such a file"):
        after(DATA / "killed")
