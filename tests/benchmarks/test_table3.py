from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from table3 import Log, lowest, settings
from table3_analogues import Known, analogues, distance, phases_of
from table3_dft import FirstPrinciples
from table3_page import Made, disagreement, order, page_of
from table3_published import BY_ID, SITES, SUPPLEMENTARY_1, SUPPLEMENTARY_2, TABLE_3, printed_gene
from table3_starts import crystals, possible_genes, printed_crystal, starts_of
from wyckforge.records import Candidate, Evidence, Origin, Verdict
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.parameters import free_axes, place
from wyckforge.symmetry.tables import space_group

SETTINGS = settings()
POSSIBLE = {row.id: possible_genes(row) for row in SUPPLEMENTARY_1}


def test_published_formulas_have_the_published_number_of_sites() -> None:
    assert len(SUPPLEMENTARY_1) == len(BY_ID) == 35
    for row in SUPPLEMENTARY_1:
        assert sum(row.composition.values()) == row.n_sites


def test_every_published_formula_has_a_gene_in_its_space_group() -> None:
    assert all(POSSIBLE.values())
    assert [row.id for row in SUPPLEMENTARY_1 if POSSIBLE[row.id] == 1] == [880, 898]


def test_the_tables_agree_about_gaps_and_stability() -> None:
    for edges in TABLE_3:
        assert edges.gap == BY_ID[edges.id].gap
        assert BY_ID[edges.id].stable
    assert sum(row.stable for row in SUPPLEMENTARY_1) == 12
    assert {one.id for one in SUPPLEMENTARY_2} == {edges.id for edges in TABLE_3} - {713}
    assert len({one.known for one in SUPPLEMENTARY_2}) == len(SUPPLEMENTARY_2)


@pytest.mark.parametrize("number", SITES)
def test_printed_sites_hold_the_formula_and_lie_on_their_positions(number: int) -> None:
    gene = printed_gene(number)
    assert gene.composition == dict(sorted(BY_ID[number].composition.items()))
    for site in SITES[number]:
        point = np.array(site.point)
        placed = place(gene.space_group, site.letter, point[list(free_axes(gene.space_group, site.letter))])
        assert np.abs((placed - point + 0.5) % 1 - 0.5).max() < 1e-6
    assert detect(printed_crystal(number)).gene.canonical() == gene.canonical()


def test_the_label_that_was_mended_cannot_be() -> None:
    group = space_group(BY_ID[239].space_group)
    assert 3 not in {position.multiplicity for position in group.positions.values()}


def test_disagreements_are_computed() -> None:
    words = disagreement()
    assert "different energies above hull for 6 of 8 crystals" in words
    assert "Cd12Ge12O18 (703) 0.06 and 0.23" in words
    assert words.endswith("they agree about Na6Mn2Se8 (203) and Cd9P6Se18 (693).")
    assert "(48, 203, 239, 378, 586, 693, 703, 713)" in order()


def test_starts_are_the_printed_coordinates_or_all_genes_there_are() -> None:
    assert [row.id for row in crystals()] == [edges.id for edges in TABLE_3] + [880, 898]
    first, *others = starts_of(BY_ID[693])
    assert first.crystal is not None
    assert {one.gene for one in others} == {printed_gene(693).canonical()}
    genes = Counter(one.gene for one in starts_of(BY_ID[703]))
    assert len(genes) == POSSIBLE[703] == 28
    assert all(gene.composition == dict(sorted(BY_ID[703].composition.items())) for gene in genes)


def made(gene: str = "148|P:c|Se:f|Cd:bc", above: float = 0.05, symmetry: Verdict = "pass") -> Made:
    candidate = Candidate("693-printed", WyckoffGene.parse(gene), Origin("printed")).with_evidence(
        Evidence("relax", "pass", -3.0, "eV/atom"),
        Evidence("hull", "pass", above, "eV/atom"),
        Evidence("refined_hull", "pass", above + 0.01, "eV/atom"),
        Evidence("stable", "pass", 0.75),
        Evidence("symmetry", symmetry, 148),
        crystal=printed_crystal(693),
    )
    shaken = [Evidence("phonon_gamma", "fail", -31.4, "cm⁻¹"), None]
    phase = Known("mp-1079559", "CdPSe3", "148|P:c|Se:f|Cd:c", "near", 0.0909)
    return Made(12, [candidate, candidate], candidate, candidate.gene, 0.0, shaken, True, [phase])


def test_the_page_has_ours_beside_both_tables() -> None:
    smallest = FirstPrinciples(
        BY_ID[586], {"dft_band_gap": {"verdict": "pass", "value": 0.31, "unit": "eV", "reason": "direct at T"}}, 3141.0
    )
    page = page_of({693: made()}, POSSIBLE, 47_367, SETTINGS, smallest)
    assert "| 693 | Cd9P6Se18 | 0.20 | 0.20 | +0.050 | +0.060 | 0.75 | yes | **unstable**, −31 | – | yes |" in page
    assert "Within 0.1 eV/atom of both hulls: 1 of 1" in page
    assert "| dft_band_gap | pass | 0.310 eV | direct at T |" in page
    assert "3,141 s on one shared core, in which it stood still for other work much of the time." in page
    assert "The paper's gap is 0.29 eV." in page
    assert "| mp-1079559 | CdPSe3 | `148\\|P:c\\|Se:f\\|Cd:c` | near | 9 % | yes, ICSD 620234 | 1.05 | yes |" in page
    assert "| 880 | Na4Ag4S8 | 16 | Pna21 (33) | 0.10 | 1.36 | 1.11 | stable | 1 | – | – | – |" in page


def test_the_page_says_what_is_lost_and_what_is_lacking() -> None:
    one = made(above=0.2, symmetry="fail")
    page = page_of({693: one, 586: replace(one, analogues=[])}, POSSIBLE, 47_367, SETTINGS, None)
    assert "Space group kept: 0 of 2" in page
    assert "None of the eight was computed" in page
    assert "Within 0.1 eV/atom of both hulls: 0 of 2" in page
    assert "| mp-9791 | Tl9As3S9 | R3m (160) by the paper | – | 16 % | yes, ICSD 100292 | 1.22 | **no** |" in page
    assert "alone, and\nnovelty there means little: Tl9As9S12 (586)." in page
    assert "| CHGNet | 2 | Table 3 | 0.050 [" in page


def test_the_most_alike_phase_comes_first() -> None:
    gene = WyckoffGene.parse("225|Na:a|Cl:b").canonical()
    known = [("far", "NaCl3", None), ("formula", "NaCl", "221|Cl:a|Na:b"), ("gene", "NaCl", str(gene))]
    found = analogues(gene, known)
    assert [one.likeness for one in found] == ["same gene", "same formula", "near"]
    assert found[-1].distance == pytest.approx(0.25)
    assert distance({11: 1, 17: 1}, {19: 2}) == pytest.approx(1)


def test_phases_come_from_structures_and_from_the_reference_table() -> None:
    crystal = printed_crystal(693)
    frame = pd.DataFrame(
        {
            "material_id": ["mp-1"],
            "chemical_system": ["Cd-P-Se"],
            "lattice": [crystal.lattice.ravel()],
            "numbers": [crystal.numbers],
            "frac_coords": [crystal.frac_coords.ravel()],
        }
    )
    phases = pd.DataFrame({"id": ["mp-1", "mp-2", "mp-3"], "formula": ["Cd3P2Se6", "CdPSe3", "CdSe"]})
    found = phases_of(["P", "Cd", "Se"], frame, phases)
    gene = str(printed_gene(693).canonical())
    assert [(name, other) for name, _, other in found] == [("mp-1", gene), ("mp-2", None)]


def test_the_log_goes_on_and_refuses_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "work.jsonl"
    row = BY_ID[693]
    high, low, lost = (
        one.with_evidence(Evidence("relax", "pass", energy, "eV/atom"), Evidence("symmetry", kept, 148))
        for one, energy, kept in zip(starts_of(row), (-3.0, -3.1, -3.2), ("pass", "pass", "fail"), strict=False)
    )
    log = Log(path, SETTINGS)
    for one in (high, low, lost):
        log.add(one.id, replace(one, crystal=printed_crystal(693)))
    path.write_text(path.read_text() + '{"key": "693-t0')
    again = Log(path, SETTINGS)
    assert set(again.found) == {high.id, low.id, lost.id}
    assert [one.id for one in lowest(row, again)] == [low.id]
    with pytest.raises(click.ClickException, match="other settings"):
        Log(path, {**SETTINGS, "tries": 1})
