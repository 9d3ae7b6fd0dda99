from __future__ import annotations

import numpy as np
import pytest

from wyckforge.realise.build import BuildFailure, build, expected_volume, shortest_distance
from wyckforge.realise.config import BuildConfig
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

# One of every crystal system, point positions alone, repeated letters, and the 27th letter of group 47.
GENES = [
    "2|Na:i|Cl:i|O:ii",
    "14|Mg:a|Si:e|O:eee",
    "47|Ti:a|O:A",
    "62|Ca:c|Ti:b|O:cd",
    "123|Se:b|Pd:ai|Hg:c",
    "152|Se:a",
    "166|Se:bh|Cs:c|Pt:e",
    "186|S:b|Zn:b",
    "225|Na:a|Cl:b",
    "227|Mg:a|Al:d|O:e",
]


@pytest.mark.parametrize("text", GENES)
def test_what_is_built_has_the_gene(text: str) -> None:
    gene = WyckoffGene.parse(text)
    crystal = build(gene, seed=1)
    assert detect(crystal, symprec=0.01).gene.canonical() == gene.canonical()
    assert len(crystal) == gene.n_atoms
    assert shortest_distance(crystal) > 0.5
    assert 0.9 < crystal.volume / expected_volume(gene) < 1.45


def test_the_seed_decides() -> None:
    gene = WyckoffGene.parse("62|Ca:c|Ti:b|O:cd")
    first, again, other = (build(gene, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.lattice, again.lattice)
    np.testing.assert_array_equal(first.frac_coords, again.frac_coords)
    assert not np.allclose(first.lattice, other.lattice)


def test_a_gene_below_its_own_symmetry_is_a_failure_with_a_reason() -> None:
    with pytest.raises(BuildFailure, match=r"in 2 tries: .*gene 227\|C:a"):
        build(WyckoffGene.parse("216|C:ac"), seed=0, config=BuildConfig(tries=2))


def test_time_runs_out() -> None:
    with pytest.raises(BuildFailure, match="in 1e-06 s and 1 tries"):
        build(WyckoffGene.parse("216|C:ac"), seed=0, config=BuildConfig(timeout_s=1e-6))


def test_volumes_are_those_of_known_crystals() -> None:
    assert expected_volume(WyckoffGene.parse("225|Na:a|Cl:b")) == pytest.approx(5.64**3, rel=0.2)
    assert expected_volume(WyckoffGene.parse("221|Sr:a|Ti:b|O:c")) == pytest.approx(3.905**3, rel=0.25)
    with pytest.raises(BuildFailure, match="no atomic volume is known for Og"):
        build(WyckoffGene.parse("225|Og:a"), seed=0)


def test_distances_reach_into_neighbouring_cells() -> None:
    crystal = Crystal(np.diag([3.0, 4.0, 5.0]), np.array([1, 1]), np.array([[0.01, 0.5, 0.5], [0.99, 0.5, 0.5]]))
    assert shortest_distance(crystal) == pytest.approx(0.06)
    assert shortest_distance(Crystal(10 * np.eye(3), np.array([1]), np.zeros((1, 3)))) == np.inf
