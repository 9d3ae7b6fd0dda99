from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from wyckforge.errors import TableError
from wyckforge.realise.hull import ReferenceHull
from wyckforge.realise.reference import ReferenceTable, bundled_table, bundled_tables
from wyckforge.symmetry.elements import atomic_number, symbol

LI, OX, NA, CL = 3, 8, 11, 17
CHGNET, OTHER = "CHGNet 0.3.0", "SevenNet 0 (sevenn 0.13.0) + MP2020"
TOOLS = tuple(bundled_tables())


def bundled_hull(tool: str) -> ReferenceHull:
    return ReferenceHull.load(bundled_table(tool))


@pytest.fixture(scope="module")
def bundled() -> ReferenceHull:
    return bundled_hull(CHGNET)


def test_distance_and_decomposition_of_a_two_element_hull() -> None:
    hull = ReferenceHull(["Na", "Cl2", "NaCl"], np.array([-1.0, -2.0, -3.0]), tool=CHGNET)
    found = hull.energy_above_hull({NA: 3, CL: 1}, -1.5, tool=CHGNET)
    assert found.value == pytest.approx(0.5)
    assert found.decomposition == (("Na", pytest.approx(0.5)), ("NaCl", pytest.approx(0.5)))
    assert found.reason == ""
    below = hull.energy_above_hull({NA: 1, CL: 1}, -3.25, tool=CHGNET)
    assert below.value == pytest.approx(-0.25)
    assert below.decomposition == (("NaCl", pytest.approx(1.0)),)


def test_an_element_without_reference_is_unknown_not_wrong() -> None:
    hull = ReferenceHull(["Na", "NaCl", "Li"], np.array([-1.0, -3.0, -2.0]), tool=CHGNET, name="mine")
    found = hull.energy_above_hull({NA: 1, CL: 1, OX: 1}, -3.0, tool=CHGNET)
    assert found.value is None
    assert found.reason == "no reference energy for Cl, O in mine"


@settings(max_examples=40)
@given(st.data())
def test_the_hull_is_the_least_energy_mixture(data: st.DataObject) -> None:
    """Oracle: linear programming over all mixtures of the composition."""
    energy = st.floats(-2.0, 0.5)
    counts = st.tuples(*[st.integers(0, 4)] * 3).filter(any)
    elements = [((1, 0, 0), 0.0), ((0, 1, 0), 0.0), ((0, 0, 1), 0.0)]
    rows = elements + data.draw(st.lists(st.tuples(counts, energy), max_size=8))
    wanted, own = data.draw(counts), data.draw(energy)
    formulas = ["".join(f"{symbol(z)}{n}" for z, n in zip((LI, NA, OX), c, strict=True) if n) for c, _ in rows]
    hull = ReferenceHull(formulas, np.array([e for _, e in rows]), tool=CHGNET)
    found = hull.energy_above_hull({z: n for z, n in zip((LI, NA, OX), wanted, strict=True) if n}, own, tool=CHGNET)
    shares = np.array([np.array(c) / sum(c) for c, _ in rows]).T
    best = linprog([e for _, e in rows], A_eq=shares, b_eq=np.array(wanted) / sum(wanted), bounds=(0, None))
    assert found.value == pytest.approx(own - best.fun, abs=1e-6)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("column", ["formula", "composition"])
def test_a_users_table_is_read(tmp_path: Path, suffix: str, column: str) -> None:
    frame = pd.DataFrame({column: ["Na", "Cl", "NaCl"], "energy_per_atom": [-1.0, -2.0, -3.0], "potential": CHGNET})
    path = tmp_path / f"mine{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    hull = ReferenceHull.load(path)
    assert len(hull) == 3
    assert hull.energy_above_hull({NA: 1, CL: 1}, -2.9, tool=CHGNET).value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n", "needs formula or composition, and energy_per_atom"),
        ("formula,energy_per_atom,potential\nNa,none,X\n", "energy of Na is nan"),
        ("formula,energy_per_atom,potential\n12,-1,X\n", "'12' is not a formula"),
        ("formula,energy_per_atom,potential\nXyz,-1,X\n", "'Xyz' is not a formula .*Xy"),
        ("", "cannot be read"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=problem):
        ReferenceHull.load(path)


def test_an_absent_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        ReferenceHull.load(tmp_path / "nothing.parquet")
    (tmp_path / "foreign.parquet").write_text("not parquet")
    with pytest.raises(TableError, match="cannot be read"):
        ReferenceHull.load(tmp_path / "foreign.parquet")


def test_rock_salt_lies_on_the_bundled_hull(bundled: ReferenceHull) -> None:
    """Energies of CHGNet for the relaxed phase: the table holds the same within the relaxation's tolerance."""
    assert bundled.energy_above_hull({NA: 1, CL: 1}, -3.6676, tool=CHGNET).value == pytest.approx(0.0, abs=0.005)
    assert bundled.energy_above_hull({NA: 1, CL: 3}, -2.5, tool=CHGNET).value > 0.1


def test_an_energy_of_another_potential_is_refused() -> None:
    hull = ReferenceHull(["Na", "Cl2", "NaCl"], np.array([-1.0, -2.0, -3.0]), tool=CHGNET, name="mine")
    with pytest.raises(TableError, match=f"an energy of {re.escape(OTHER)} .* mine, .* of {CHGNET}; relax with that"):
        hull.energy_above_hull({NA: 1, CL: 1}, -3.0, tool=OTHER)
    with pytest.raises(TableError, match="an unnamed potential"):
        hull.energy_above_hull({NA: 1, CL: 1}, -3.0, tool="")


@pytest.mark.parametrize("tool", TOOLS)
def test_the_bundled_tables_serve_all_common_elements(tool: str) -> None:
    hull = bundled_hull(tool)
    common = set(range(1, 95)) - {2, 10, 18, 36, 43, 54, 61, *range(84, 90), 91, 93, 94}
    assert hull.tool == tool
    assert {symbol(z) for z in common} <= hull.elements
    assert hull.elements == bundled_hull(CHGNET).elements
    assert len(hull) > 10_000
    assert all(1 <= atomic_number(element) <= 94 for element in hull.elements)


def test_the_potentials_agree_on_what_is_stable() -> None:
    """The same compounds from the elements: what the potentials say of them differs by less than their errors."""
    one, other = (bundled_hull(tool) for tool in (CHGNET, OTHER))
    oxides_and_salts = [{NA: 1, CL: 1}, {LI: 2, OX: 1}, {12: 1, OX: 1}, {26: 2, OX: 3}, {55: 1, CL: 1}, {13: 2, OX: 3}]
    for composition in oxides_and_salts:
        energies = []
        for hull in (one, other):
            at_zero = hull.energy_above_hull(composition, 0.0, tool=hull.tool)
            energies.append(at_zero.formation_energy - at_zero.value)
        assert energies[0] == pytest.approx(energies[1], abs=0.1)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_bundled_tables_tell_what_they_are(tool: str) -> None:
    table = pq.read_table(bundled_table(tool))
    assert table.column_names == ["formula", "energy_per_atom", "method", "id"]
    assert set(table["method"].to_pylist()) == {"relaxed", "single-point"}
    assert len(set(table["formula"].to_pylist())) == len(table)
    notes = json.loads(table.schema.metadata[b"wyckforge"])
    assert notes["potential"] == tool
    assert "MP2020" in notes["unit"]
    assert "too low" in notes["bias"]


def test_the_bundled_tables_hold_the_same_phases() -> None:
    """SevenNet sees 5 Å: two phases whose caesium atoms have no neighbour so near are only known to CHGNet."""
    formulas = {tool: set(ReferenceTable.read(bundled_table(tool)).rows["formula"]) for tool in TOOLS}
    for tool in TOOLS:
        assert formulas[CHGNET] - formulas[tool] == (set() if tool == CHGNET else {"CsK2", "Cs9AlO4"})
        assert formulas[tool] <= formulas[CHGNET]


def test_a_hull_covers_another_that_has_no_phase_more_and_none_lower() -> None:
    formulas, energies = ["Na", "Cl2", "NaCl"], np.array([-1.0, -2.0, -3.0])
    hull = ReferenceHull(formulas, energies, tool=CHGNET)
    lower = ReferenceHull([*formulas, "NaCl"], np.array([-1.0, -2.0, -3.0, -3.1]), tool=CHGNET)
    more = ReferenceHull([*formulas, "Na3Cl"], np.array([-1.0, -2.0, -3.0, 0.0]), tool=CHGNET)
    other = ReferenceHull(formulas, energies, tool=OTHER)
    assert [one.covers(hull) for one in (hull, lower, more, other)] == [True, True, True, False]
    assert [hull.covers(one) for one in (lower, more, other)] == [False, False, False]
