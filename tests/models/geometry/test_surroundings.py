from __future__ import annotations

import numpy as np
import pytest

from wyckforge.models.geometry.surroundings import GRID, ROOMY, Placed, contact_table, distances, with_last
from wyckforge.symmetry.lattice import lattice_matrix

NACL = lattice_matrix([5.64, 5.64, 5.64, 90, 90, 90])[None]
CONTACTS = np.full((119, 119), 2.0, np.float32)


def test_distances_are_the_shortest_over_all_images() -> None:
    rng = np.random.default_rng(0)
    lattice = lattice_matrix([4.0, 4.5, 9.0, 90, 103, 120])
    points, atoms = rng.random((1, 5, 3)), rng.random((1, 7, 3))
    found = distances(points.astype(np.float32), atoms.astype(np.float32), lattice[None].astype(np.float32))
    images = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), -1).reshape(-1, 3)
    apart = (points[0][:, None, None] - atoms[0][None, :, None] + images) @ lattice
    np.testing.assert_allclose(found[0], np.linalg.norm(apart, axis=-1).min(-1), atol=1e-4)


def test_the_room_for_chlorine_is_largest_between_the_sodium_atoms() -> None:
    placed = Placed(NACL, 225, CONTACTS)
    near, elements, point = placed.put(11, "a", np.zeros((1, 0)))
    assert point.tolist() == [[0, 0, 0]]
    assert set(elements[0].tolist()) == {11, 0}  # three other atoms only, each at its nearest image
    np.testing.assert_allclose(np.sort(near[0])[:3], 5.64 / np.sqrt(2), rtol=1e-5)
    assert placed.room(17, "b", np.zeros((1, 1, 0)))[0, 0] == pytest.approx(2.82 / 2, rel=1e-5)
    # along x, 0, 0 the first value is on top of sodium, the middle one is chlorine's
    along = placed.room(17, "e", with_last(np.zeros((1, 0)), np.arange(GRID)[None] / GRID))
    assert along.shape == (1, GRID)
    assert along[0, 0] == 0
    assert along[0].max() <= ROOMY
    near, elements, _ = placed.put(17, "b", np.zeros((1, 0)))
    assert (elements[0][np.isclose(near[0], 2.82, atol=1e-3)] == 11).sum() >= 3


def test_contacts_of_pairs_never_seen_come_from_the_others() -> None:
    seen = {(11, 17): [2.8] * 40 + [3.4] * 40, (11, 35): [3.0] * 40, (17, 19): [3.1] * 40, (8, 8): [1.4]}
    table = contact_table(seen)
    assert (table == table.T).all()
    assert (table > 0.5).all()
    assert table[11, 17] == pytest.approx(2.8, abs=0.1)
    assert 2.9 < table[19, 35] < 3.6  # potassium is larger than sodium, bromine larger than chlorine
