from __future__ import annotations

from wyckforge.data.vintages import VINTAGES, resolve_vintage


def test_modern_formation_energies_leave_out_the_older_corrections():
    assert VINTAGES["modern"]["formation_energy"] == {"mp_20", "mpts_52", "wbm"}


def test_strict_differs_from_modern_in_the_gaps_of_older_years():
    modern, strict = VINTAGES["modern"], VINTAGES["modern_strict"]
    assert strict["formation_energy"] == modern["formation_energy"]
    assert modern["band_gap"] - strict["band_gap"] == {"aviary_mp_2020", "megnet_mp_2018"}


def test_names_resolve_to_a_group_or_to_one_source():
    assert resolve_vintage("modern", ("band_gap",)) is VINTAGES["modern"]
    assert resolve_vintage("mine", ("band_gap", "x")) == {"band_gap": {"mine"}, "x": {"mine"}}


def test_all_vintages_hold_the_modern_ones():
    for name, sources in VINTAGES["modern"].items():
        assert sources <= VINTAGES["all"][name]
    assert "aviary_mp_2020" in VINTAGES["all"]["formation_energy"]
