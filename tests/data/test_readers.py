from __future__ import annotations

import csv
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure

from tests.data.examples import perovskite, perovskite_cif, rock_salt
from wyckforge.data.readers import read_structures, rows_from_objects
from wyckforge.data.rows import Rule
from wyckforge.errors import TableError


def write_parquet(path, **columns):
    crystals = [rock_salt(), perovskite(), rock_salt(19)]
    data = {
        "material_id": ["mp-1", "mp-2", "mp-3"],
        "lattice": [crystal.lattice.reshape(-1) for crystal in crystals],
        "numbers": [crystal.numbers for crystal in crystals],
        "frac_coords": [crystal.frac_coords.reshape(-1) for crystal in crystals],
        **columns,
    }
    pq.write_table(pa.table({name: pa.array(values) for name, values in data.items() if values is not None}), path)
    return path


def write_csv(path, header, *records):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *records])
    return path


def test_shared_layout_keeps_the_vintage_of_every_label(tmp_path):
    path = write_parquet(
        tmp_path / "set.parquet",
        structure_source=["mp_20", "wbm", "mpts_52"],
        formation_energy_per_atom=[-2.0, None, -1.0],
        formation_energy_source=["mp_20", None, "mpts_52"],
        band_gap=[5.0, 0.0, 1.0],
        band_gap_source=["mp_20", "wbm", "aviary_mp_2020"],
        energy_above_hull=[0.0, 0.1, None],
        year=[1990.0, None, None],
    )
    rows = list(read_structures(path))
    assert [row.id for row in rows] == ["mp-1", "mp-2", "mp-3"]
    assert rows[0].labels == {"formation_energy": -2.0, "band_gap": 5.0, "energy_above_hull": 0.0}
    assert rows[1].labels["formation_energy"] is None
    assert rows[2].sources == {"formation_energy": "mpts_52", "band_gap": "aviary_mp_2020"}
    assert rows[1].sources["energy_above_hull"] == "wbm"
    assert rows[1].crystal.to_dict() == perovskite().to_dict()


def test_other_layout_takes_the_file_name_as_vintage(tmp_path):
    path = write_parquet(
        tmp_path / "moduli.parquet",
        material_id=None,
        entry=[7, 8, 9],
        bulk_modulus=[1.0, 2.0, None],
        hardness=[1, 2, 3],
    )
    rows = list(read_structures(path))
    assert [row.id for row in rows] == ["7", "8", "9"]
    assert rows[0].labels == {"bulk_modulus": 1.0}
    assert rows[0].sources == {"bulk_modulus": "moduli"}
    named = list(read_structures(path, labels=["hardness"], id_column="hardness"))
    assert named[2].labels == {"hardness": 3.0}
    assert named[2].id == "3"


def test_lists_of_fixed_length_are_read_too(tmp_path):
    path = tmp_path / "fixed.parquet"
    crystal = rock_salt()
    columns = {
        "lattice": pa.array([crystal.lattice.reshape(-1), None], pa.list_(pa.float64(), 9)),
        "numbers": pa.array([crystal.numbers, crystal.numbers], pa.large_list(pa.int16())),
        "frac_coords": pa.array([crystal.frac_coords.reshape(-1)] * 2, pa.list_(pa.float32(), 6)),
    }
    pq.write_table(pa.table(columns), path)
    first, second = read_structures(path)
    assert first.crystal.to_dict() == crystal.to_dict()
    assert second.problem.rule == Rule.UNREADABLE


def test_two_columns_for_one_property_are_refused(tmp_path):
    path = write_parquet(tmp_path / "two.parquet", formation_energy=[0.0] * 3, formation_energy_per_atom=[0.0] * 3)
    with pytest.raises(TableError, match="both hold formation_energy"):
        read_structures(path)
    rows = read_structures(path, labels=["formation_energy_per_atom"])
    assert next(iter(rows)).labels == {"formation_energy": 0.0}


def test_parquet_rows_with_impossible_structures_carry_their_problem(tmp_path):
    good = rock_salt()
    path = write_parquet(
        tmp_path / "bad.parquet",
        lattice=[None, [0.0] * 9, list(good.lattice.reshape(-1))],
        numbers=[[11, 17], [11, 17], [11, 999]],
        frac_coords=[[0.0] * 6, [0.0] * 6, [0.0] * 6],
    )
    problems = [row.problem for row in read_structures(path)]
    assert [problem.rule for problem in problems] == [Rule.UNREADABLE, Rule.UNREADABLE, Rule.UNKNOWN_ELEMENT]


@pytest.mark.parametrize(
    "broken",
    [
        {"frac_coords": [[0.0] * 6, [0.0] * 5, [0.0] * 6]},
        {"numbers": [[11, 17], None, [11, 17]], "frac_coords": [[0.0] * 6] * 3},
        {"numbers": [[11, 17], [11, None], [11, 17]], "frac_coords": [[0.0] * 6] * 3},
        {"frac_coords": [[0.0] * 6, [0.0, math.nan, 0, 0, 0, 0], [0.0] * 6], "numbers": [[11, 17]] * 3},
    ],
)
def test_one_bad_parquet_row_does_not_end_the_reading(tmp_path, broken):
    rows = list(read_structures(write_parquet(tmp_path / "bad.parquet", **broken)))
    assert len(rows) == 3
    assert rows[0].problem is None
    assert rows[1].problem is not None


def test_parquet_with_columns_of_the_wrong_kind_is_refused(tmp_path):
    with pytest.raises(TableError, match="list of numbers"):
        read_structures(write_parquet(tmp_path / "bad.parquet", lattice=["a", "b", "c"]))
    with pytest.raises(TableError, match="'numbers'"):
        read_structures(write_parquet(tmp_path / "lacking.parquet", numbers=None))


def test_csv_with_cif_column(tmp_path):
    path = write_csv(
        tmp_path / "set.csv",
        ["material_id", "band_gap", "hardness", "cif"],
        ["a", "1.5", "7", perovskite_cif()],
        ["b", "nan", "x", perovskite_cif("Ba")],
        ["c", "", "-inf", "data_broken"],
        ["d"],
    )
    rows = list(read_structures(path, labels=["band_gap", "hardness"]))
    assert len(read_structures(path)) == len(rows) == 4
    assert rows[0].labels == {"band_gap": 1.5, "hardness": 7.0}
    assert rows[0].given_space_group == 221
    assert math.isnan(rows[1].labels["band_gap"])
    assert math.isnan(rows[1].labels["hardness"])
    assert rows[2].labels == {"band_gap": None, "hardness": -math.inf}
    assert [row.texts for row in rows] == [{}, {"hardness": "x"}, {}, {}]
    assert [row.problem is None for row in rows] == [True, True, False, False]


def test_csv_without_a_named_column_says_which_columns_there_are(tmp_path):
    path = write_csv(tmp_path / "set.csv", ["id", "structure"], ["a", perovskite_cif()])
    with pytest.raises(TableError, match=r"no column 'cif' with the text of CIF files; it has: id, structure"):
        read_structures(path)
    with pytest.raises(TableError, match="no column 'gap'"):
        read_structures(path, cif_column="structure", labels=["gap"])
    with pytest.raises(TableError, match="no column 'name'"):
        read_structures(path, cif_column="structure", id_column="name")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(TableError, match="it has: none"):
        read_structures(empty)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id;cif\n", "separated by semicolons"),
        ("id,cif,band_gap,band_gap\n", "several columns 'band_gap'"),
        ("id,cif\nAndré,x\n", "not UTF-8"),
    ],
)
def test_csv_that_cannot_be_read_as_it_is_meant_is_refused_at_once(tmp_path, text, message):
    (tmp_path / "set.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(TableError, match=message):
        read_structures(tmp_path / "set.csv")


def test_digits_in_groups_are_no_number(tmp_path):
    path = write_csv(tmp_path / "set.csv", ["band_gap", "cif"], ["1_000", perovskite_cif()])
    assert next(iter(read_structures(path))).texts == {"band_gap": "1_000"}


def test_folder_of_cif_and_poscar_files(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.cif").write_text(perovskite_cif())
    (tmp_path / "two.cif").write_bytes(b"\xff\xfe garbage")
    (tmp_path / "notes.txt").write_text("not a structure")
    (tmp_path / "sub" / "POSCAR").write_text("x\n1\n3 0 0\n0 3 0\n0 0 3\nCs Cl\n1 1\ndirect\n0 0 0\n.5 .5 .5\n")
    rows = list(read_structures(tmp_path))
    assert [row.id for row in rows] == ["sub/POSCAR", "sub/one", "two"]
    assert rows[0].crystal.numbers.tolist() == [55, 17]
    assert rows[2].problem.rule == Rule.UNREADABLE
    assert [row.id for row in read_structures(tmp_path / "sub" / "one.cif")] == ["one"]


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(TableError, match="holds no CIF"):
        read_structures(tmp_path)
    with pytest.raises(TableError, match="does not exist"):
        read_structures(tmp_path / "absent.parquet")
    (tmp_path / "file.xyz").write_text("")
    with pytest.raises(TableError, match="no known kind"):
        read_structures(tmp_path / "file.xyz")


def test_rows_from_objects_mix_both_libraries():
    lattice = rock_salt().lattice
    coords = rock_salt().frac_coords
    objects = [
        Structure(Lattice(lattice), ["Na", "Cl"], coords),
        Atoms("NaCl", cell=lattice, scaled_positions=coords, pbc=True),
        Atoms("NaCl", positions=np.zeros((2, 3))),
    ]
    rows = list(rows_from_objects(objects, ids=["p", "a", "m"], labels={"band_gap": [1.0, None, 2.0]}, source="mine"))
    assert [row.id for row in rows] == ["p", "a", "m"]
    np.testing.assert_allclose(rows[0].crystal.frac_coords, rows[1].crystal.frac_coords, atol=1e-12)
    assert rows[1].labels == {"band_gap": None}
    assert rows[0].sources == {"band_gap": "mine"}
    assert rows[2].problem.rule == Rule.UNREADABLE
