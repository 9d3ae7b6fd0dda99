from __future__ import annotations

import numpy as np
import pytest

from wyckforge.errors import ConfigError
from wyckforge.potential.chgnet import TOOL, energy_per_atom
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.hull import ReferenceHull
from wyckforge.realise.materials_project import fetch, subsystems
from wyckforge.realise.phases import Phase, compute, compute_all, table_of
from wyckforge.realise.reference import bundled_table
from wyckforge.symmetry.crystal import Crystal

CHGNET = RelaxConfig(potential="chgnet")
FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def rock_salt(edge: float, numbers: tuple[int, int] = (11, 17)) -> Crystal:
    return Crystal(edge * FACES, np.array(numbers), np.array([[0.0] * 3, [0.5] * 3]))


def lonely() -> Crystal:
    return Crystal(20 * np.eye(3), np.array([11]), np.zeros((1, 3)))


def test_a_phase_as_given_and_relaxed() -> None:
    """The relaxed one is that of the bundled table, which was made by another optimiser."""
    strained = Phase("salt", rock_salt(5.4))
    given, relaxed = (compute(strained, CHGNET, relaxed=relaxed) for relaxed in (False, True))
    assert (given.method, given.formula) == ("single-point", "NaCl")
    assert given.energy_per_atom == pytest.approx(energy_per_atom(strained.crystal), abs=1e-4)
    assert relaxed.method == "relaxed"
    hull = ReferenceHull.load(bundled_table(TOOL))
    assert hull.energy_above_hull({11: 1, 17: 1}, relaxed.energy_per_atom, tool=TOOL).value == pytest.approx(
        0, abs=2e-3
    )


def test_work_goes_on_where_it_was_and_a_bad_phase_is_left_out(tmp_path) -> None:
    log = tmp_path / "mine.progress.jsonl"
    first, second = Phase("salt", rock_salt(5.6)), Phase("far", lonely())
    begun = next(compute_all([first, second], CHGNET, relaxed=False, log=log))
    log.write_text(log.read_text() + '{"key": "cut sho')
    again = list(compute_all([first, second, Phase("twin", rock_salt(5.7))], CHGNET, relaxed=False, log=log))
    assert again[0] == begun
    assert [one.id for one in again] == ["salt", "far", "twin"]
    assert again[1].energy_per_atom is None
    assert "neighbo" in again[1].reason or "isolated" in again[1].reason
    assert len(log.read_text().splitlines()) == 3
    table = table_of(again, TOOL, "mine")
    assert table.rows["formula"].tolist() == ["NaCl"]
    assert table.rows["energy_per_atom"][0] == min(again[0].energy_per_atom, again[2].energy_per_atom)
    relaxed = compute(first, CHGNET, relaxed=True)
    assert relaxed.key not in {one.key for one in again}


def test_chemical_systems_within_one() -> None:
    assert subsystems("O-Li-Fe") == ["Fe", "Li", "O", "Fe-Li", "Fe-O", "Li-O", "Fe-Li-O"]
    with pytest.raises(ConfigError, match="'LiFe-O' given; write elements"):
        subsystems("LiFe-O")


def test_without_a_key_it_is_said_where_to_get_one(monkeypatch) -> None:
    monkeypatch.delenv("MP_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="MP_API_KEY is not set; put the key that https"):
        fetch("Li-O")
    monkeypatch.setenv("MP_API_KEY", "short")
    with pytest.raises(ConfigError, match="the key in MP_API_KEY is refused"):
        fetch("Li-O")
