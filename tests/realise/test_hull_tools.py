"""The tools that make the reference hulls: what they compute is what the potentials of the package give."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tests.realise.metals import emt

from wyckforge.potential.catalogue import load_potential
from wyckforge.symmetry.crystal import Crystal

sys.path.append(str(Path(__file__).parents[2] / "tools"))  # where Python looks when it runs one of them

import batch_energies
import build_reference_hull
import known_phases

FACES = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
BODY = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])
CELLS = {
    "salt": Crystal(5.69 * FACES, np.array([11, 17]), np.array([[0.0] * 3, [0.5] * 3])),
    "magnesia": Crystal(4.21 * FACES, np.array([12, 8]), np.array([[0.0] * 3, [0.5] * 3])),
    "caesium": Crystal(6.14 * BODY, np.array([55]), np.zeros((1, 3))),
    "vapour": Crystal(20 * FACES, np.array([11, 17]), np.array([[0.0] * 3, [0.5] * 3])),
}


def test_energies_in_batches_are_those_of_the_potential(tmp_path):
    np.savez(
        tmp_path / "cells.npz",
        ids=list(CELLS),
        size=[len(cell) for cell in CELLS.values()],
        lattice=[cell.lattice for cell in CELLS.values()],
        numbers=np.concatenate([cell.numbers for cell in CELLS.values()]),
        coords=np.concatenate([cell.frac_coords for cell in CELLS.values()]),
    )
    out = tmp_path / "energies.npz"
    done = CliRunner().invoke(batch_energies.main, ["compute", str(tmp_path / "cells.npz"), str(out)])
    assert done.exit_code == 0, done.output
    with np.load(out) as stored:
        energies = dict(zip(stored["ids"].tolist(), stored["energy"].tolist(), strict=True))
    potential = load_potential("sevennet-0")
    for name in ("salt", "magnesia"):
        cell = CELLS[name]
        found = potential.evaluate(cell.lattice, cell.numbers, cell.frac_coords)
        assert energies[name] == pytest.approx(found.energy_ev, abs=1e-4)
    assert energies["caesium"] == pytest.approx(-0.855, abs=0.02)  # DFT, Materials Project
    assert np.isnan(energies["vapour"])


def test_the_table_holds_the_lowest_energy_of_each_phase_that_is_still_itself():
    def line(name: str, formula: str, energy: float, method: str) -> dict[str, object]:
        return {"id": name, "formula": formula, "energy_per_atom": energy, "method": method}

    lines = [
        line("a", "Cu", -1.0, "single-point"),
        line("a", "Cu", -1.02, "relaxed"),
        line("b", "Cu", -1.01, "single-point"),
        line("c", "Au", -2.0, "single-point"),
        line("c", "Au", -2.5, "relaxed"),
        line("prototype-Ag", "Ag", -3.0, "single-point"),
        line("prototype-Ag", "Ag", -3.5, "relaxed"),
    ]
    table = build_reference_hull.table_of(pd.DataFrame(lines), {"a"}, emt())
    assert table.tool == "ASE EMT"
    assert table.rows.to_numpy().tolist() == [
        ["Ag", -3.5, "relaxed", "prototype-Ag"],
        ["Au", -2.0, "single-point", "c"],
        ["Cu", -1.02, "relaxed", "a"],
    ]
    assert table.notes["lowering_by_relaxation"].startswith("random sample of 1: median 0.0200")
    assert table.notes["relaxed"] == "2 of 3 formulas"


def test_distances_to_the_hull_of_all_entries():
    above = known_phases.distances_to_hull(["Na", "Cl", "NaCl", "NaCl"], np.array([0.0, 0.0, -2.0, -1.5]), "some")
    np.testing.assert_allclose(above, [0, 0, 0, 0.5], atol=1e-9)


def test_every_element_has_a_ground_state_lattice():
    found = {entry.formula: entry for entry in known_phases.prototypes(["Cu", "Se", "Pu", "Xe"])}
    assert set(found) == {"Cu", "Se", "Pu", "Xe"}
    assert len(found["Se"].atoms) == 3
    assert all(entry.n_elements == 1 for entry in found.values())
