from __future__ import annotations

import numpy as np
import pytest
from tests.dft.model_bands import BCC, FCC, HEXAGONAL, RHOMBOHEDRAL, SIMPLE_CUBIC

from wyckforge.dft.bands.zone import Zone, same
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal


@pytest.mark.parametrize(
    ("crystal", "multiplicities"),
    [
        (FCC, {"GAMMA": 1, "X": 3, "L": 4, "W": 6, "U": 12, "K": 12}),
        (SIMPLE_CUBIC, {"GAMMA": 1, "X": 3, "M": 3, "R": 1}),
        (BCC, {"GAMMA": 1, "H": 1, "N": 6, "P": 2}),
        (HEXAGONAL, {"GAMMA": 1, "M": 3, "K": 2, "A": 1, "L": 3, "H": 2}),
        (RHOMBOHEDRAL, {"GAMMA": 1, "T": 1, "L": 3, "F": 3}),
    ],
    ids=["fcc", "simple cubic", "bcc", "hexagonal", "rhombohedral"],
)
def test_points_on_the_border_are_shared(crystal: Crystal, multiplicities: dict[str, int]) -> None:
    path = Path.of(crystal)
    zone = Zone(path.cell)
    ends = {
        label: segment.q_points[at]
        for segment in path.segments
        for label, at in zip(segment.labels, (0, -1), strict=True)
    }

    assert {label: len(zone.star(ends[label])) for label in multiplicities} == multiplicities


def test_a_point_on_the_way_to_x_has_six_images() -> None:
    star = Zone(FCC).star(np.array([0.425, 0, 0.425]))

    assert len(star) == 6
    assert same(star[0], np.array([0.425, 0, 0.425]))


@pytest.mark.parametrize("crystal", [FCC, HEXAGONAL, RHOMBOHEDRAL], ids=["cubic", "hexagonal", "rhombohedral"])
def test_the_star_divides_the_group_and_the_little_group_is_the_rest(crystal: Crystal) -> None:
    zone = Zone(crystal)
    rng = np.random.default_rng(3)
    for k_point in np.concatenate([rng.random((10, 3)), rng.integers(0, 4, (20, 3)) / 4]):
        assert len(zone.star(k_point)) * len(zone.little_group(k_point)) == len(zone.turns)


def test_time_reversal_stands_in_for_an_inversion() -> None:
    zinc_blende = Crystal(FCC.lattice, np.array([30, 16]), FCC.frac_coords)

    assert len(Zone(zinc_blende).turns) == len(Zone(FCC).turns) == 48


def test_the_little_group_leaves_the_point_alone() -> None:
    zone = Zone(HEXAGONAL)
    k_point = np.array([1 / 3, 1 / 3, 0])
    images = zone.components(zone.little_group(k_point) @ zone.cartesian(k_point))

    assert all(same(image, k_point) for image in images)
    assert np.allclose(zone.components(zone.cartesian(k_point)), k_point)
