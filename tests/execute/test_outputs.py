"""The table and the CIF files, read back by other programs."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from wyckforge.data.embedded import load_embedded
from wyckforge.data.readers import read_structures
from wyckforge.execute.outputs import cif, write_cifs, write_table
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

GENE = WyckoffGene.parse("225|Na:a|Cl:b")


@pytest.fixture(scope="module")
def crystals() -> list[Crystal]:
    """A crystal of each of 40 space groups, as detected and standardised."""
    table = load_embedded()
    _, rows = np.unique(table.space_groups, return_index=True)
    assert table.crystals is not None
    found = [table.crystals[row] for row in rows[:: max(len(rows) // 40, 1)]]
    return [detect(crystal).crystal for crystal in found if crystal is not None]


def test_cifs_carry_the_symmetry_and_the_atoms(crystals):
    assert len({detect(crystal).gene.space_group for crystal in crystals}) > 30
    for crystal in crystals:
        text = cif(crystal)
        group = detect(crystal).gene.space_group
        assert f"_symmetry_Int_Tables_number   {group}\n" in text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = Structure.from_str(text, fmt="cif")
        assert len(read) == len(crystal)
        assert read.volume == pytest.approx(crystal.volume, rel=1e-3)
        assert SpacegroupAnalyzer(read, symprec=0.02).get_space_group_number() == group


def test_cifs_are_named_and_read_back_by_our_reader(crystals, tmp_path):
    candidates = [Candidate(f"g{i}", GENE, Origin("seed"), crystal=crystal) for i, crystal in enumerate(crystals[:3])]
    write_cifs(tmp_path / "cifs", [*candidates, Candidate("bare", GENE, Origin("seed"))])
    assert sorted(path.name for path in (tmp_path / "cifs").iterdir()) == [f"g{i}_NaCl.cif" for i in range(3)]
    for row, candidate in zip(read_structures(tmp_path / "cifs"), candidates, strict=True):
        assert row.crystal is not None
        assert detect(row.crystal).gene.canonical() == detect(candidate.crystal).gene.canonical()


def test_a_crystal_of_general_position_is_written_in_p1():
    crystal = Crystal(
        np.array([[4.0, 0, 0], [0.3, 5.0, 0], [0.2, 0.4, 6.0]]),
        np.array([11, 17]),
        np.array([[0, 0, 0], [0.4, 0.3, 0.2]]),
    )
    assert "_symmetry_space_group_name_H-M   P1\n" in cif(crystal)


def test_the_table_has_one_row_per_candidate_and_a_column_per_finding(tmp_path):
    ranked = [
        Candidate(
            "g2", GENE, Origin("seed", "mp-1", "KCl"), {"band_gap": 1.23456}, evidence=(Evidence("novel", "pass"),)
        ),
        Candidate(
            "g1",
            GENE,
            Origin("seed"),
            {"band_gap": 2},
            evidence=(Evidence("hull", "unknown", reason="no Na, no hull"),),
        ),
        Candidate("g3", GENE, Origin("seed"), {}, evidence=(Evidence("hull", "pass", -0.0123456789, "eV/atom"),)),
    ]
    write_table(tmp_path / "c.csv", ranked)
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["rank"], row["id"], row["formula"], row["symbol"]) for row in rows] == [
        ("1", "g2", "NaCl", "Fm-3m"), ("2", "g1", "NaCl", "Fm-3m"), ("3", "g3", "NaCl", "Fm-3m")
    ]  # fmt: skip
    assert rows[0]["predicted_band_gap"] == "1.23456"
    assert rows[0]["seed_formula"] == "KCl"
    assert [row["hull"] for row in rows] == ["", "unknown", "pass"]
    assert [row["hull_value"] for row in rows] == ["", "", "-0.0123457"]
    assert rows[1]["reason"] == "hull: no Na, no hull"
    assert "novel_value" not in rows[0]


def test_a_doubt_that_was_removed_is_no_reason(tmp_path):
    doubt, removed = Evidence("stable", "fail", 0.45, reason="first"), Evidence("stable", "pass", 0.95, reason="second")
    ranked = [Candidate("g1", GENE, Origin("seed"), evidence=some) for some in ((doubt, removed), (removed, doubt))]
    write_table(tmp_path / "c.csv", ranked)
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["stable"], row["reason"]) for row in rows] == [("pass", ""), ("fail", "stable: first")]
