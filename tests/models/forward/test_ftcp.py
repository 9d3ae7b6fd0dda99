from __future__ import annotations

import numpy as np
import torch
from ase.build import bulk

from wyckforge.data.material import Material
from wyckforge.models.features import element_features
from wyckforge.models.forward.architecture import Encoded
from wyckforge.models.forward.ftcp import FTCP, N_POINTS, reciprocal_points
from wyckforge.symmetry.crystal import Crystal


def array_of(crystal: Crystal, *, augmented: bool = False) -> np.ndarray:
    """(n, columns, rows) the representation of all descriptions of a crystal."""
    encoded = Encoded.of(FTCP(augmented=augmented), [Material.of_crystal(crystal)], all_descriptions=True)
    return FTCP().network(1).array(encoded.tensors).numpy()


def salt() -> Crystal:
    atoms = bulk("NaCl", "rocksalt", a=5.69)
    return Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())


def test_the_points_are_the_nearest_and_no_two_are_opposite() -> None:
    points = reciprocal_points()
    assert points.shape == (N_POINTS, 3)
    assert points[0].tolist() == [0, 0, 0]
    seen = {tuple(p) for p in points.tolist()}
    assert not any(tuple(-c for c in p) in seen for p in seen if any(p))
    lengths = (points**2).sum(1)
    assert (np.diff(lengths) >= 0).all()
    assert lengths[-1] < 3.5**2


def test_reciprocal_space_holds_structure_factors_of_the_elements_properties() -> None:
    array = array_of(salt())[0]
    sodium, chlorine = element_features([11, 17])
    points = reciprocal_points().astype(int)
    rows = sodium.size
    for number, h in enumerate(points):
        if len({i % 2 for i in h.tolist()}) > 1:
            expected = np.zeros(rows)  # extinct in a face-centred cell
        else:
            sign = 1 if h.sum() % 2 == 0 else -1
            expected = np.abs(sodium + sign * chlorine) / 2
        np.testing.assert_allclose(array[3 + number, :rows], expected, atol=1e-5)


def test_real_space_holds_elements_lattice_and_who_sits_where() -> None:
    array = array_of(salt())[0]
    assert np.flatnonzero(array[0, :94]).tolist() == [10]
    assert np.flatnonzero(array[1, :94]).tolist() == [16]
    assert not array[2, :94].any()
    np.testing.assert_allclose(array[:3, 94], 0.569, atol=1e-3)
    np.testing.assert_allclose(array[:3, 95], 0.5)
    holds = array[:2, 96 + 60 : 96 + 120]
    assert holds.sum(1).tolist() == [4, 4]
    assert not (holds[0] * holds[1]).any()


def test_augmentation_moves_real_space_and_leaves_the_moduli() -> None:
    arrays = array_of(salt(), augmented=True)
    assert len(arrays) == 2
    assert not np.allclose(arrays[0, :3], arrays[1, :3])
    np.testing.assert_allclose(arrays[0, 3:], arrays[1, 3:], atol=1e-5)


def test_the_network_learns_to_reconstruct_what_it_sees() -> None:
    torch.manual_seed(0)
    encoded = Encoded.of(FTCP(), [Material.of_crystal(salt())] * 8, all_descriptions=False)
    network = FTCP().network(2).train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    penalties = []
    for _ in range(12):
        penalty = network(encoded.tensors).penalty
        optimiser.zero_grad()
        penalty.backward()
        optimiser.step()
        penalties.append(penalty.item())
    assert penalties[-1] < 0.7 * penalties[0]
    assert network.eval()(encoded.tensors).penalty == 0
