from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.optimize import FIRE

from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.chgnet import Chgnet
from wyckforge.potential.contract import PotentialError
from wyckforge.potential.debye import moduli
from wyckforge.potential.mechanics import STRAIN, VOLUME_RATIOS, Mechanics, respond
from wyckforge.symmetry.crystal import Crystal


def crystal_of(atoms: Atoms) -> Crystal:
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


def wurtzite() -> Atoms:
    return bulk("ZnS", "wurtzite", a=3.85, c=6.3, u=0.375)


def stress_of(atoms: Atoms, strain: np.ndarray, *, relax: bool) -> np.ndarray:
    """(6,) stress in GPa of a strained crystal, Voigt order."""
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    strained.calc = PotentialCalculator(Chgnet())
    if relax:
        FIRE(strained, logfile=None).run(fmax=1e-4, steps=400)
    return strained.get_stress() * 160.21766208


@pytest.mark.parametrize("direction", [(0, 0), (2, 2), (1, 2)])
@pytest.mark.parametrize("relax", [False, True])
def test_elastic_constants_are_what_straining_the_crystal_gives(direction: tuple[int, int], relax: bool) -> None:
    atoms = wurtzite()
    atoms.calc = PotentialCalculator(Chgnet())
    if relax:  # the atoms of both sides shall stand at their minimum
        FIRE(atoms, logfile=None).run(fmax=1e-4, steps=400)
    found = respond(crystal_of(atoms))
    strain = np.zeros((3, 3))
    strain[direction] = strain[direction[::-1]] = STRAIN if direction[0] == direction[1] else STRAIN / np.sqrt(2)
    up, down = (stress_of(atoms, sign * strain, relax=relax) for sign in (1, -1))
    expected = (up - down) / (2 * (strain + strain.T - np.diag(np.diag(strain)))[direction])
    column = {(0, 0): 0, (2, 2): 2, (1, 2): 3}[direction]
    ours = (found.relaxed if relax else found.clamped)[:, column]
    np.testing.assert_allclose(ours, expected, atol=0.06 * np.abs(expected).max())


def test_rock_salt_is_as_stiff_as_measured() -> None:
    found = respond(crystal_of(bulk("NaCl", "rocksalt", a=5.69)))
    assert found.relaxed[0, 0] == pytest.approx(49, rel=0.2)  # a kink hides four fifths of it from its derivative


def test_the_crystal_may_stand_in_any_direction() -> None:
    crystal = crystal_of(wurtzite())
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = Crystal(crystal.lattice @ turn, crystal.numbers, crystal.frac_coords)
    for name in ("clamped", "relaxed"):
        one, other = moduli(getattr(respond(crystal), name)), moduli(getattr(respond(turned), name))
        assert one == pytest.approx(other, rel=0.03)


def test_atoms_that_symmetry_holds_do_not_give_way() -> None:
    found = respond(crystal_of(bulk("NaCl", "rocksalt", a=5.69)))
    np.testing.assert_allclose(found.relaxed, found.clamped, atol=0.2)
    assert found.clamped[0, 0] == pytest.approx(found.clamped[1, 1], rel=1e-3)
    np.testing.assert_allclose(found.clamped[:3, 3:], 0, atol=0.05)


def test_atoms_that_give_way_make_the_crystal_softer() -> None:
    found = respond(crystal_of(wurtzite()))
    assert np.linalg.eigvalsh(found.clamped - found.relaxed).min() > -0.5
    assert np.trace(found.relaxed) < np.trace(found.clamped) - 1


def test_a_supercell_has_the_same_constants_and_energies() -> None:
    one, eight = respond(crystal_of(wurtzite())), respond(crystal_of(wurtzite() * (2, 1, 1)))
    assert moduli(one.relaxed) == pytest.approx(moduli(eight.relaxed), rel=0.03)
    np.testing.assert_allclose(one.energies, eight.energies, atol=1e-4)


def test_the_energies_have_their_minimum_near_the_given_volume() -> None:
    found = respond(crystal_of(bulk("NaCl", "rocksalt", a=5.69)))
    assert abs(VOLUME_RATIOS[np.argmin(found.energies)] - 1) < 0.07


def test_numbers_come_back() -> None:
    found = respond(crystal_of(bulk("NaCl", "rocksalt", a=5.69)))
    again = Mechanics.from_vector(found.to_vector())
    for name in ("clamped", "relaxed", "energies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_what_the_potential_cannot_describe_is_refused() -> None:
    with pytest.raises(PotentialError):
        respond(Crystal(4 * np.eye(3), np.array([110]), np.zeros((1, 3))))
