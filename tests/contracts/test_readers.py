"""What every reader keeps to: one row per record, with its own identifier, and a structure or what is wrong with it."""

from __future__ import annotations

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure
from tests.data.examples import perovskite, perovskite_cif

from wyckforge.data.readers import read_structures, rows_from_objects

N_GOOD, N_BROKEN = 3, 1
CATIONS = ("Sr", "Ba", "Ca")
BROKEN_CIF = perovskite_cif(occupancy="0.5")


def parquet(folder):
    crystals = [perovskite(number) for number in (38, 56, 20, 38)]
    coords = [crystal.frac_coords.reshape(-1) for crystal in crystals]
    columns = {
        "material_id": ["a", "b", "c", "d"],
        "lattice": [crystal.lattice.reshape(-1) for crystal in crystals],
        "numbers": [crystal.numbers for crystal in crystals],
        "frac_coords": [*coords[:3], coords[3][:4]],
        "band_gap": [1.0, None, 0.0, 2.0],
        "band_gap_source": ["old", None, "new", "new"],
    }
    pq.write_table(pa.table(columns), folder / "set.parquet")
    return read_structures(folder / "set.parquet")


def csv_file(folder):
    with (folder / "set.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        records = ([perovskite_cif(name), gap] for name, gap in zip(CATIONS, ("1.0", "", "nonsense"), strict=True))
        writer.writerows([["cif", "band_gap"], *records, [BROKEN_CIF, "2.0"]])
    return read_structures(folder / "set.csv")


def files(folder):
    (folder / "sub").mkdir()
    for name in CATIONS[:2]:
        (folder / f"{name}.cif").write_text(perovskite_cif(name))
    (folder / "sub" / "Sr.cif").write_text(perovskite_cif("Sr"))
    (folder / "broken.cif").write_text(BROKEN_CIF)
    return read_structures(folder)


def objects(_folder):
    lattice = Lattice.cubic(4.2)
    return rows_from_objects(
        [
            Structure(lattice, ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3]),
            Atoms("CsBr", scaled_positions=[[0, 0, 0], [0.5] * 3], cell=[4.3] * 3, pbc=True),
            Structure(lattice, ["Po"], [[0, 0, 0]]),
            Structure(lattice, [{"Cs": 0.5, "Rb": 0.5}], [[0, 0, 0]]),
        ],
        labels={"band_gap": [8.0, 7.0, None, 7.5]},
    )


@pytest.fixture(params=[parquet, csv_file, files, objects], ids=lambda reader: reader.__name__)
def rows(request, tmp_path):
    return list(request.param(tmp_path))


def test_every_record_gives_a_row_with_its_own_identifier(rows):
    assert len(rows) == N_GOOD + N_BROKEN
    assert len({row.id for row in rows}) == len(rows)
    assert all(isinstance(row.id, str) and row.id for row in rows)


def test_a_row_has_a_structure_or_a_problem(rows):
    assert all((row.crystal is None) != (row.problem is None) for row in rows)
    problems = [row.problem for row in rows if row.problem is not None]
    assert len(problems) == N_BROKEN
    assert all(problem.detail for problem in problems)


def test_every_label_has_a_vintage(rows):
    for row in rows:
        assert all(row.sources.get(name) for name, value in row.labels.items() if value is not None)
