from __future__ import annotations

import numpy as np
import pytest

from wyckforge.data.embedded import EMBEDDED_PATH, VINTAGE, load_embedded
from wyckforge.data.table import GeneTable
from wyckforge.symmetry.detection import detect


@pytest.fixture(scope="module")
def table() -> GeneTable:
    return load_embedded()


def test_counts_and_size_are_the_documented_ones(table):
    assert len(table) == 6277
    assert EMBEDDED_PATH.stat().st_size < 3_000_000
    assert {len(gene.elements) for gene in table.genes} == {3}
    assert (EMBEDDED_PATH.parent / "CREDITS.md").is_file()


def test_every_row_has_both_labels_of_one_vintage(table):
    for name, unit in (("formation_energy", "eV/atom"), ("band_gap", "eV")):
        assert table.labels[name].vintages() == {VINTAGE: len(table)}
        assert table.labels[name].unit == unit
        table.require_single_vintage(name)
    assert (table.label("band_gap") >= 0).all()
    assert np.abs(table.label("formation_energy")).max() < 6


def test_genes_are_canonical_and_found_again_in_the_structures(table):
    assert table.crystals is not None
    for number in range(0, len(table), 7):
        crystal = table.crystals[number]
        assert crystal is not None
        assert detect(crystal).gene.canonical() == table.genes[number], table.ids[number]


def test_formulas_of_genes_and_structures_agree(table):
    assert table.crystals is not None
    for gene, crystal in zip(table.genes, table.crystals, strict=True):
        numbers, counts = np.unique(crystal.numbers, return_counts=True)
        reduced = dict(zip(numbers.tolist(), (counts // np.gcd.reduce(counts)).tolist(), strict=True))
        assert reduced == gene.reduced_composition


def test_well_known_crystals_are_there(table):
    rows = {identifier: number for number, identifier in enumerate(table.ids)}
    strontium_titanate = rows["mp-5229"]
    assert table.formulas[strontium_titanate] == "SrTiO3"
    assert table.genes[strontium_titanate].space_group == 221
    assert table.label("band_gap")[strontium_titanate] == pytest.approx(1.8, abs=0.4)
    assert table.label("formation_energy")[strontium_titanate] == pytest.approx(-3.5, abs=0.2)


def test_it_is_read_once(table):
    assert load_embedded() is table
