from __future__ import annotations

import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.data.positions import KnownPositions, known_positions, stoichiometry
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations

GENES = [WyckoffGene.parse(text) for text in ("62|O:cd|Ca:c|Ti:a", "62|O:cd|Mg:c|Si:a", "225|Na:a|Cl:b")]


def test_counts_are_those_of_the_genes() -> None:
    known = KnownPositions.count(GENES)
    assert known.settings == {"1:1:3": {(62, 4): 2}, "1:1": {(225, 4): 1}}
    assert known.crystals == {62: 2, 225: 1}
    assert known.orbits[62] == {"a": 2, "c": 4, "d": 2}


def test_letters_that_the_normalizer_makes_equal_share_their_rate() -> None:
    known = KnownPositions.count(GENES)
    assert known.rate(62, "a") == known.rate(62, "b") == pytest.approx((2 / 2 + 0.5) / 3)
    assert known.rate(62, "c") == pytest.approx(4.5 / 3)
    assert known.rate(1, "a") == 0.5  # nothing is known of this group


def test_the_file_gives_back_what_was_written() -> None:
    known = KnownPositions.count(load_embedded().genes[:500])
    again = KnownPositions.from_dict(known.to_dict())
    assert again.settings == known.settings
    assert again.crystals == known.crystals
    for number in range(1, 231):
        for letter in letter_permutations(number)[0]:
            assert again.rate(number, letter) == known.rate(number, letter)


def test_the_bundled_counts_know_common_crystals() -> None:
    known = known_positions()
    assert sum(known.crystals.values()) > 40_000
    perovskites = known.settings[stoichiometry((3, 1, 1))]
    assert perovskites[62, 4] > 100
    assert perovskites[221, 1] > 100
    assert known.rate(62, "c") > 1 > known.rate(62, "a")
