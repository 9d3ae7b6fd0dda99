from __future__ import annotations

import numpy as np

from wyckforge.models.orbitvae import descriptors
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, DEGREES_OF_FREEDOM, LETTERS, MULTIPLICITY, space_group


def test_every_position_has_a_row_of_its_own():
    found = descriptors.positions()
    exists = DEGREES_OF_FREEDOM >= 0
    assert sorted(found.row[exists].tolist()) == list(range(exists.sum()))
    assert found.group[found.row[exists]].tolist() == np.nonzero(exists)[0].tolist()


def test_positions_tell_multiplicity_and_freedom():
    found = descriptors.positions()
    exists = DEGREES_OF_FREEDOM >= 0
    features = found.features[found.row[exists]]
    assert np.allclose(np.exp(3 * features[:, 0]), MULTIPLICITY[exists], rtol=1e-5)
    assert np.allclose(features[:, 1], (MULTIPLICITY / MULTIPLICITY.max(1, keepdims=True))[exists])
    assert features[:, 3:7].argmax(1).tolist() == DEGREES_OF_FREEDOM[exists].tolist()


def test_one_site_symmetry_is_one_number():
    found = descriptors.positions()
    numbers: dict[str, int] = {}
    for group in (1, 47, 136, 166, 194, 221, 225, 230):
        for letter in space_group(group).letters:
            number = int(found.site_symmetry[found.row[group - 1, LETTERS.index(letter)]])
            assert numbers.setdefault(space_group(group).site_symmetry(letter), number) == number
    assert len(set(numbers.values())) == len(numbers)


def test_positions_of_a_group_differ():
    found = descriptors.positions()
    for group in range(230):
        rows = np.flatnonzero(found.group == group)
        described = np.column_stack([found.features[rows], found.site_symmetry[rows]])
        assert len(np.unique(described, axis=0)) == len(rows)


def test_groups_tell_crystal_system_and_inversion():
    groups = descriptors.groups()
    systems = list(CRYSTAL_SYSTEMS)
    for number, system, inversion in (
        (1, "triclinic", 0),
        (2, "triclinic", 1),
        (225, "cubic", 1),
        (152, "trigonal", 0),
    ):
        assert systems[groups[number - 1, :7].argmax()] == system
        assert groups[number - 1, 15] == inversion
    assert groups[:, :7].sum() == groups[:, 7:14].sum() == 230
    assert len(np.unique(groups, axis=0)) == 230


def test_elements_are_described_by_finite_standardised_numbers():
    numbers = (1, 8, 11, 26, 57, 92, 94)
    features = descriptors.elements(numbers)
    assert features.shape == (7, 118)
    assert np.isfinite(features).all()
    assert np.abs(features[:, -64:].mean(0)).max() < 1e-5
    assert len(np.unique(features, axis=0)) == 7
