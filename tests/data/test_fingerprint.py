"""Fingerprints are what they say, and do not depend on how a crystal is described."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from tests.data.examples import perovskite, rock_salt
from wyckforge.data.embedded import load_embedded
from wyckforge.data.fingerprint import SIZE, fingerprint
from wyckforge.symmetry.crystal import Crystal


def scaled(crystal: Crystal, factor: float) -> Crystal:
    return Crystal(crystal.lattice * factor, crystal.numbers, crystal.frac_coords)


def described_anew(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Another cell of the same crystal: twice as large, oblique, rotated, shifted, its atoms in another order."""
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    change = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 2]])
    both = np.concatenate([crystal.frac_coords, crystal.frac_coords + np.array([0, 0, 1])])
    coords = (both @ np.linalg.inv(change) + rng.random(3)) % 1
    order = rng.permutation(len(coords))
    numbers = np.tile(crystal.numbers, 2)
    return Crystal(change @ crystal.lattice @ rotation, numbers[order], coords[order])


@pytest.mark.parametrize("crystal", [perovskite(), rock_salt()])
def test_the_description_does_not_matter(crystal):
    rng = np.random.default_rng(0)
    for _ in range(3):
        assert fingerprint(described_anew(crystal, rng)) == pytest.approx(fingerprint(crystal), abs=1e-9)


def test_rock_salt_by_hand():
    crystal = rock_salt()
    edge = (crystal.volume / len(crystal)) ** (1 / 3)  # the distance of neighbours
    found = fingerprint(crystal)
    assert found.shape == (SIZE,)
    assert np.exp(found[:4]) == pytest.approx([edge**3, edge, edge, edge])
    assert found[4] == 6
    shells = np.linspace(0.6, 1.6, 9)
    counts, apart = np.array([[6.0], [12], [8]]), np.array([[1.0], [np.sqrt(2)], [np.sqrt(3)]])
    seen = counts * np.exp(-0.5 * ((apart - shells) / 0.09) ** 2)
    assert found[5:14] == pytest.approx(seen.sum(0))
    assert found[14:] == pytest.approx((3.16 - 0.93) * (seen[0] + seen[2]))  # the twelve are of the same element


def test_size_changes_only_what_has_a_length():
    one, other = fingerprint(perovskite()), fingerprint(scaled(perovskite(), 1.1))
    assert other[0] - one[0] == pytest.approx(3 * np.log(1.1))
    assert other[1:4] - one[1:4] == pytest.approx(np.log(1.1))
    assert other[4:] == pytest.approx(one[4:])


def test_distances_agree_with_a_neighbour_list():
    crystals = load_embedded().crystals[:40]
    for crystal in crystals:
        atoms = Atoms(crystal.numbers, cell=crystal.lattice, scaled_positions=crystal.frac_coords, pbc=True)
        reach = 1.75 * (crystal.volume / len(crystal)) ** (1 / 3)
        first, apart = neighbor_list("id", atoms, reach)
        nearest = np.array([apart[first == atom].min(initial=reach) for atom in range(len(atoms))])
        wanted = np.log([nearest.mean(), nearest.max(), nearest.min()])
        assert fingerprint(crystal)[1:4] == pytest.approx(wanted, abs=1e-9)
