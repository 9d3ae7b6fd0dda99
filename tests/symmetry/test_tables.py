from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import moyopy
import numpy as np
import pytest
from tests.generic import generic_crystal, letters_of_elements, orbit

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry import tables
from wyckforge.symmetry.tables import (
    CRYSTAL_SYSTEMS,
    DEGREES_OF_FREEDOM,
    DENOMINATOR,
    LETTERS,
    MULTIPLICITY,
    crystal_system,
    space_group,
)

ROOT = Path(__file__).resolve().parents[2]
ALL = range(1, 231)


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools/build_symmetry_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_operators_are_those_of_moyopy_in_the_standard_setting() -> None:
    for number in ALL:
        theirs = moyopy.operations_from_number(number, setting=moyopy.Setting.standard())
        expected = {
            (*np.ravel(rotation).tolist(), *(np.rint(np.array(shift) * DENOMINATOR).astype(int) % DENOMINATOR).tolist())
            for rotation, shift in zip(theirs.rotations, theirs.translations, strict=True)
        }
        ours = space_group(number).operators
        found = {(*op[:, :3].ravel().tolist(), *op[:, 3].tolist()) for op in ours}
        assert found == expected, number
        assert len(found) == len(ours), number


def test_symbols_and_crystal_systems_are_those_of_moyopy() -> None:
    for number in ALL:
        theirs = moyopy.SpaceGroupType(number)
        assert space_group(number).symbol == theirs.hm_short.replace(" ", "").replace("_", ""), number
        assert space_group(number).crystal_system == crystal_system(number) == theirs.crystal_system.lower(), number


def test_letters_are_consecutive_and_the_last_is_the_general_position() -> None:
    for number in ALL:
        group = space_group(number)
        assert LETTERS.startswith(group.letters)
        assert group.multiplicity(group.letters[-1]) == len(group.operators)
        assert group.degrees_of_freedom(group.letters[-1]) == 3
        assert group.site_symmetry(group.letters[-1]) == "1"


def test_group_47_has_27_letters() -> None:
    assert space_group(47).letters == LETTERS == "abcdefghijklmnopqrstuvwxyzA"
    assert max(len(space_group(number).letters) for number in set(ALL) - {47}) < 27


def test_multiplicity_is_the_size_of_the_orbit_and_freedom_the_rank() -> None:
    for number in ALL:
        group, rng = space_group(number), np.random.default_rng(number)
        for letter in group.letters:
            representative = group.representative(letter)
            assert np.linalg.matrix_rank(representative[:, :3]) == group.degrees_of_freedom(letter)
            point = representative[:, :3] @ rng.uniform(0, 1, 3) + representative[:, 3] / DENOMINATOR
            assert len(orbit(number, point)) == group.multiplicity(letter), (number, letter)


def test_arrays_hold_what_the_groups_hold() -> None:
    for number in ALL:
        group = space_group(number)
        size = len(group.letters)
        assert MULTIPLICITY[number - 1, :size].tolist() == [group.multiplicity(letter) for letter in group.letters]
        assert not MULTIPLICITY[number - 1, size:].any()
        freedom = [group.degrees_of_freedom(letter) for letter in group.letters]
        assert DEGREES_OF_FREEDOM[number - 1].tolist() == freedom + [-1] * (27 - size)


def test_crystal_systems_cover_every_group_once() -> None:
    assert [number for numbers in CRYSTAL_SYSTEMS.values() for number in numbers] == list(ALL)


def test_site_symmetries_are_those_of_moyopy() -> None:
    # moyopy may prefer another origin; the symbols are compared letter by letter under the letters it reports.
    for number in ALL:
        crystal = generic_crystal(number)
        cell = moyopy.Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
        dataset = moyopy.MoyoDataset(cell, symprec=1e-3, setting=moyopy.Setting.standard())
        found = dict(zip(dataset.wyckoffs, dataset.site_symmetry_symbols, strict=True))
        group = space_group(number)
        assert found == {letter: group.site_symmetry(letter) for letter in letters_of_elements(number)}


@pytest.mark.parametrize("number", [0, 231, -1, 2.0, "225", None, True])
def test_numbers_that_name_no_group_are_refused(number: object) -> None:
    for function in (space_group, crystal_system):
        with pytest.raises(InvalidGeneError, match="given; allowed are the whole numbers 1 to 230"):
            function(number)  # type: ignore[arg-type]


def test_a_missing_letter_is_refused_with_the_letters_there_are() -> None:
    with pytest.raises(InvalidGeneError, match="'m' does not exist in space group 225; allowed are abcdefghijkl"):
        space_group(225).multiplicity("m")


def test_tables_cannot_be_changed() -> None:
    for array in (MULTIPLICITY, space_group(1).operators, space_group(1).representative("a")):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize("number", [1, 4, 15, 47, 62, 146, 166, 227])
def test_the_committed_rows_are_what_the_tool_builds(tool, number: int) -> None:
    folder = Path(tables.__file__).parent
    committed = json.loads((folder / "tables.json").read_text())[number - 1]
    assert committed == tool.build_table(number)
    assert json.loads((folder / "normalizers.json").read_text())[number - 1] == tool.build_normalizer(committed)
