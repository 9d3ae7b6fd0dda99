from __future__ import annotations

from wyckforge.data.vintages import VINTAGES, resolve_vintage


def test_modern_formation_energies_leave_out_the_older_corrections():
    assert VINTAGES["modern"]["formation_energy"] == {"mp_20", "mpts_52", "wbm"}


def test_names_resolve_to_a_group_or_to_one_source():
    assert resolve_vintage("modern", ("band_gap",)) is VINTAGES["modern"]
    assert resolve_vintage("mine", ("band_gap", "x")) == {"band_gap": {"mine"}, "x": {"mine"}}
