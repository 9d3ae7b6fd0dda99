from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.spacegroup import crystal as ase_crystal

from wyckforge.potential.chgnet import energy_per_atom
from wyckforge.potential.contract import PotentialError
from wyckforge.potential.environments import FEATURES, SHELLS, Environments, number_of_environments
from wyckforge.symmetry.crystal import Crystal


def crystal_of(atoms) -> Crystal:
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


@pytest.fixture(scope="module")
def perovskite():
    sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    return ase_crystal(["Sr", "Ti", "O"], sites, spacegroup=221, cellpar=[3.95] * 3 + [90] * 3)


def test_atoms_that_symmetry_makes_alike_are_one(perovskite) -> None:
    found = Environments.of(crystal_of(perovskite))
    assert sorted(found.numbers) == [8, 22, 38]
    assert dict(zip(found.numbers, found.share, strict=True)) == pytest.approx({38: 0.2, 22: 0.2, 8: 0.6})
    assert found.volume == pytest.approx(3.95**3 / 5)
    assert found.energy == pytest.approx(energy_per_atom(crystal_of(perovskite)), abs=1e-5)


def test_the_same_element_on_two_orbits_is_two() -> None:
    sites = [(0, 0, 0), (0.05, 0.3, 0.1)]
    spinel_like = ase_crystal(["Mg", "Mg"], sites, spacegroup=62, cellpar=[8, 7, 6, 90, 90, 90])
    found = Environments.of(crystal_of(spinel_like))
    assert len(found.numbers) == 2
    assert found.share == pytest.approx([4 / 12, 8 / 12])


def test_any_cell_gives_the_same(perovskite) -> None:
    one, many = Environments.of(crystal_of(perovskite)), Environments.of(crystal_of(perovskite * (2, 1, 1)))
    order = np.argsort(one.numbers), np.argsort(many.numbers)
    np.testing.assert_array_equal(one.numbers[order[0]], many.numbers[order[1]])
    np.testing.assert_allclose(one.features[order[0]], many.features[order[1]], atol=1e-3)
    np.testing.assert_allclose(
        one.neighbours[np.ix_(*[order[0]] * 2)], many.neighbours[np.ix_(*[order[1]] * 2)], atol=1e-3
    )


def test_neighbours_are_counted_where_they_are(perovskite) -> None:
    found = Environments.of(crystal_of(perovskite))
    where = {number: k for k, number in enumerate(found.numbers)}
    # six oxygen around titanium at 1.975 Å, two titanium around oxygen; eight strontium around titanium at 3.42 Å
    assert found.neighbours[where[22], where[8], 1] == pytest.approx(6, rel=0.02)
    assert found.neighbours[where[8], where[22], 1] == pytest.approx(2, rel=0.02)
    assert found.neighbours[where[22], where[38], :3] == pytest.approx([0, 0, 0], abs=1e-3)
    distance = 3.95 * np.sqrt(3) / 2
    expected = 8 * np.exp(-(((distance - 3.3) / 0.35) ** 2))
    assert found.neighbours[where[22], where[38], 4] == pytest.approx(expected, rel=1e-3)


def test_a_vector_holds_everything(perovskite) -> None:
    found = Environments.of(crystal_of(perovskite))
    again = Environments.from_vector(found.to_vector())
    for name in ("numbers", "share", "features", "neighbours", "energy", "volume"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


@pytest.mark.parametrize("k", [1, 2, 7, 120])
def test_the_length_of_a_vector_tells_their_number(k: int) -> None:
    size = k * (2 + FEATURES) + SHELLS * k**2 + 2
    assert number_of_environments(size) == k
    assert number_of_environments(size + 1) == 0
    assert number_of_environments(size - 1) == 0


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_vector_too_short_holds_none(size: int) -> None:
    assert number_of_environments(size) == 0
    with pytest.raises(ValueError, match=f"{size} numbers are no environments"):
        Environments.from_vector(np.zeros(size))


def test_atoms_without_neighbours_have_no_answer() -> None:
    with pytest.raises(PotentialError, match="isolated"):
        Environments.of(crystal_of(bulk("Na", "bcc", a=20)))
