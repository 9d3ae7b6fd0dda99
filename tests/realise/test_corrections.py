from __future__ import annotations

import numpy as np
import pytest

from wyckforge.data.embedded import load_embedded
from wyckforge.realise.corrections import comparable_energy, comparable_tool, mp2020_correction
from wyckforge.symmetry.crystal import Crystal

FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
RAW = "SevenNet 0 (sevenn 0.13.0)"


def rock_salt(edge: float, cation: int, anion: int) -> Crystal:
    return Crystal(edge * FACES, np.array([cation, anion]), np.array([[0.0] * 3, [0.5] * 3]))


@pytest.mark.parametrize(
    ("crystal", "per_formula"),
    [
        (rock_salt(4.21, 12, 8), -0.687),  # MgO: oxide
        (rock_salt(5.64, 11, 17), -0.614),  # NaCl: chloride
        (rock_salt(4.34, 26, 8), -0.687 - 2.256),  # FeO: oxide, and iron with U
        (rock_salt(5.19, 12, 16), -0.503),  # MgS: sulphide
        (rock_salt(6.0, 11, 79), 0.0),  # NaAu: nothing
    ],
)
def test_the_published_corrections(crystal: Crystal, per_formula: float) -> None:
    """Values of Table 2 of the paper, in eV per ion."""
    assert len(crystal) * mp2020_correction(crystal) == pytest.approx(per_formula, abs=1e-6)


def test_only_raw_energies_are_corrected_and_once() -> None:
    crystal = rock_salt(4.21, 12, 8)
    corrected = comparable_tool(RAW)
    assert corrected == f"{RAW} + MP2020"
    assert comparable_energy(-5.0, crystal, RAW) == pytest.approx(-5.0 - 0.687 / 2)
    for tool in (corrected, "CHGNet 0.3.0", "EMT 1.0"):
        assert comparable_tool(tool) == tool
        assert comparable_energy(-5.0, crystal, tool) == -5.0


def test_every_cell_of_a_crystal_is_corrected_alike() -> None:
    table = load_embedded()
    crystals = [crystal for crystal in (table.crystals or ())[::600] if crystal is not None]
    for crystal in crystals:
        doubled = Crystal(
            crystal.lattice * np.array([[2], [1], [1]]),
            np.tile(crystal.numbers, 2),
            np.concatenate([crystal.frac_coords + np.array([shift, 0, 0]) for shift in (0, 1)]) / [2, 1, 1],
        )
        assert mp2020_correction(doubled) == pytest.approx(mp2020_correction(crystal), abs=1e-9)
