from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.emt import EMT

from wyckforge.data.embedded import load_embedded
from wyckforge.potential.ase_bridge import AsePotential
from wyckforge.potential.catalogue import load_potential
from wyckforge.realise.corrections import comparable_energy, comparable_tool, mp2020_correction
from wyckforge.realise.reference import bundled_tables
from wyckforge.symmetry.crystal import Crystal

FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


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


@pytest.mark.parametrize("tool", ["mine 1.0", "SevenNet of mine"])
def test_a_potential_says_whether_its_energies_are_raw_whatever_it_is_called(tool: str) -> None:
    crystal = rock_salt(4.21, 12, 8)
    raw = AsePotential(EMT(), name="mine", tool=tool, corrections="mp2020")
    assert comparable_tool(raw) == f"{tool} + MP2020"
    assert comparable_energy(-5.0, crystal, raw) == pytest.approx(-5.0 - 0.687 / 2)
    whole = AsePotential(EMT(), name="mine", tool=tool)
    assert comparable_tool(whole) == tool
    assert comparable_energy(-5.0, crystal, whole) == -5.0


def test_the_potentials_of_the_package_go_by_the_names_of_their_tables() -> None:
    assert {comparable_tool(load_potential(name)) for name in ("chgnet", "sevennet-0", "sevennet-l3i5")} == set(
        bundled_tables()
    )


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
