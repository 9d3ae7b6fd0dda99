from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from wyckforge.errors import WyckforgeError
from wyckforge.potential import cache
from wyckforge.potential.chgnet import energy_per_atom
from wyckforge.potential.contract import PotentialError
from wyckforge.potential.embedding import EMBEDDING_SIZE, SCALARS, embed
from wyckforge.symmetry.crystal import Crystal

ROCK_SALT = Crystal(bulk("NaCl", "rocksalt", a=5.69).cell.array, np.array([11, 17]), np.array([[0] * 3, [0.5] * 3]))
BEYOND = Crystal(4 * np.eye(3), np.array([110]), np.zeros((1, 3)))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.LOCATION, str(tmp_path / "cache"))


def scaled(factor: float) -> Crystal:
    return Crystal(factor * ROCK_SALT.lattice, ROCK_SALT.numbers, ROCK_SALT.frac_coords)


class Counting:
    """Counts how often it is asked."""

    __name__ = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, crystal: Crystal) -> np.ndarray:
        self.asked += 1
        if crystal.volume > 1e3:
            raise PotentialError("too large")
        return np.array([crystal.volume, len(crystal)])


def test_nothing_is_computed_twice() -> None:
    compute = Counting()
    crystals = [scaled(1.0), scaled(1.1), scaled(1.0)]
    first = cache.look_up(compute, 2, crystals)
    assert compute.asked == 2
    again = cache.look_up(compute, 2, [scaled(1.1), scaled(1.2)])
    assert compute.asked == 3
    np.testing.assert_allclose(first[:, 0], [45.9, 61.1, 45.9], rtol=0.01)
    np.testing.assert_array_equal(again[0], first[1])


def test_a_structure_is_the_same_up_to_rounding_and_whole_cells() -> None:
    compute = Counting()
    moved = Crystal(ROCK_SALT.lattice + 1e-9, ROCK_SALT.numbers, ROCK_SALT.frac_coords + 1 - 1e-9)
    cache.look_up(compute, 2, [ROCK_SALT, moved])
    assert compute.asked == 1


def test_what_has_no_answer_is_remembered_as_such() -> None:
    compute = Counting()
    for _ in range(2):
        found = cache.look_up(compute, 2, [ROCK_SALT, scaled(9.0)])
        assert np.isnan(found[1]).all()
        assert not np.isnan(found[0]).any()
    assert compute.asked == 2


def test_a_kill_loses_one_structure_at_most() -> None:
    class Killed(Counting):
        def __call__(self, crystal: Crystal) -> np.ndarray:
            if self.asked == 2:
                raise KeyboardInterrupt
            return super().__call__(crystal)

    crystals = [scaled(f) for f in (1.0, 1.1, 1.2, 1.3)]
    with pytest.raises(KeyboardInterrupt):
        cache.look_up(Killed(), 2, crystals)
    compute = Counting()
    cache.look_up(compute, 2, crystals)
    assert compute.asked == 2


def test_damaged_entries_are_computed_anew(tmp_path: Path) -> None:
    import sqlite3

    compute = Counting()
    cache.look_up(compute, 2, [ROCK_SALT])
    with sqlite3.connect(tmp_path / "cache" / "chgnet.sqlite") as database:
        database.execute("UPDATE numbers SET value = x'00'")
    assert cache.look_up(compute, 2, [ROCK_SALT])[0, 1] == 2
    assert compute.asked == 2


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "chgnet.sqlite").write_text("not a database, whatever its name says" * 40)
    with pytest.raises(WyckforgeError, match=r"chgnet\.sqlite cannot be used"):
        cache.look_up(Counting(), 2, [ROCK_SALT])


def test_workers_give_what_one_process_gives() -> None:
    crystals = [scaled(f) for f in np.linspace(0.98, 1.02, 8)]
    found = cache.embeddings(crystals, workers=2)
    np.testing.assert_allclose(found, [embed(crystal) for crystal in crystals], rtol=1e-4, atol=1e-4)


def test_embeddings_do_not_depend_on_the_cell() -> None:
    cube = bulk("NaCl", "rocksalt", a=5.69, cubic=True)
    conventional = Crystal(cube.cell.array, cube.numbers, cube.get_scaled_positions())
    one, eight = embed(ROCK_SALT), embed(conventional)
    assert one.shape == (EMBEDDING_SIZE,)
    np.testing.assert_allclose(one, eight, atol=2e-3)
    assert one[-len(SCALARS)] == pytest.approx(energy_per_atom(ROCK_SALT), abs=1e-5)


def test_elements_that_the_potential_does_not_know_have_no_embedding() -> None:
    with pytest.raises(PotentialError):
        embed(BEYOND)
    assert np.isnan(cache.embeddings([BEYOND])).all()


def test_environments_are_kept_whatever_their_number() -> None:
    crystals = [ROCK_SALT, BEYOND, Crystal(20 * np.eye(3), np.array([11]), np.zeros((1, 3)))]
    first, none, isolated = cache.environments(crystals)
    assert first is not None
    assert none is None
    assert isolated is None
    again = cache.environments(crystals)[0]
    assert again is not None
    np.testing.assert_array_equal(again.features, first.features)
    assert sorted(again.numbers) == [11, 17]
