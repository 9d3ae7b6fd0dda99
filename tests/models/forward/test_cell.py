from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal as ase_crystal

from wyckforge.models.forward.cell import MOST_ATOMS, MOST_DESCRIPTIONS, cell_arrays, descriptions
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import Detection, detect
from wyckforge.symmetry.normalizer import operators


def found(atoms) -> Detection:
    return detect(Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions()))


def rutile() -> Detection:
    return found(
        ase_crystal(["Ti", "O"], [(0, 0, 0), (0.305, 0.305, 0)], spacegroup=136, cellpar=[4.59, 4.59, 2.96, 90, 90, 90])
    )


@pytest.mark.parametrize("structure", [found(bulk("NaCl", "rocksalt", a=5.69)), rutile()], ids=["rock salt", "rutile"])
def test_letters_and_coordinates_of_a_description_speak_of_the_same_setting(structure: Detection) -> None:
    every = descriptions(structure)
    assert len(every) == min(MOST_DESCRIPTIONS, len(operators(structure.gene.space_group)))
    assert every[0][1] == structure.gene
    for cell, gene in every:
        assert gene.canonical() == structure.gene.canonical()
        again = detect(cell)
        assert again.gene.canonical() == gene.canonical()
        assert cell.volume == pytest.approx(structure.crystal.volume)
    assert len({gene for _, gene in every}) == len(structure.gene.orbit())


def test_the_arrays_hold_lengths_angles_and_sites_by_electronegativity() -> None:
    arrays = cell_arrays(rutile().crystal)
    assert arrays["lattice"].shape == (2, 3)
    np.testing.assert_allclose(arrays["lattice"][0], [0.459, 0.459, 0.296], atol=1e-3)
    np.testing.assert_allclose(arrays["lattice"][1], 0.5)
    assert arrays["site_numbers"][:6].tolist() == [22, 22, 8, 8, 8, 8]
    assert not arrays["site_numbers"][6:].any()
    assert arrays["coords"].shape == (MOST_ATOMS, 3)


def test_the_order_of_the_atoms_in_a_file_does_not_matter() -> None:
    crystal = rutile().crystal
    order = np.random.default_rng(0).permutation(len(crystal))
    mixed = Crystal(crystal.lattice, crystal.numbers[order], crystal.frac_coords[order] + 1e-7)
    for name, array in cell_arrays(crystal).items():
        np.testing.assert_allclose(cell_arrays(mixed)[name], array, atol=1e-6)


def test_large_cells_are_cut_off() -> None:
    lattice, n = 20 * np.eye(3), MOST_ATOMS + 20
    crystal = Crystal(lattice, np.full(n, 8), np.random.default_rng(0).random((n, 3)))
    assert (cell_arrays(crystal)["site_numbers"] == 8).sum() == MOST_ATOMS
