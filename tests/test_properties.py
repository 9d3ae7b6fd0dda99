from __future__ import annotations

import pytest

from wyckforge.properties import describe


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("band_gap", "band gap"),
        ("debye_temperature", "Debye temperature"),
        ("thermal_conductivity", "thermal conductivity (300 K)"),
        ("melting_point", "melting point"),
        ("", ""),
    ],
)
def test_names_keep_their_capitals_within_a_sentence(name: str, words: str) -> None:
    assert describe(name).in_a_sentence == words
