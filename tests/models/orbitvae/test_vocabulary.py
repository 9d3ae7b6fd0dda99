from __future__ import annotations

import pytest
from hypothesis import given
from tests.strategies import genes

from wyckforge.errors import InvalidGeneError
from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits, Vocabulary
from wyckforge.symmetry.elements import electronegativity
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import LETTERS

EVERY = Vocabulary(tuple(sorted(range(1, 119), key=lambda z: (electronegativity(z), z))))


def decoded(orbits: Orbits, vocabulary: Vocabulary) -> list[WyckoffGene]:
    return [
        WyckoffGene(
            int(group) + 1,
            tuple((vocabulary.elements[e], LETTERS[p]) for e, p in zip(*sites, strict=True) if e != ABSENT),
        )
        for group, *sites in zip(*(part.tolist() for part in orbits), strict=True)
    ]


@given(gene=genes())
def test_integers_stand_for_the_canonical_gene(gene):
    orbits = EVERY.encode([gene])
    assert decoded(orbits, EVERY) == [gene.canonical()]
    assert decoded(EVERY.as_given([gene]), EVERY) == [gene]
    order = list(zip(orbits.element[0].tolist(), orbits.letter[0].tolist(), strict=True))
    assert order == sorted(order)


@given(gene=genes())
def test_all_descriptions_of_a_crystal_are_the_same_integers(gene):
    first = EVERY.encode([gene])
    for other in gene.orbit():
        assert all(a.equal(b) for a, b in zip(first, EVERY.encode([other]), strict=True))


def test_elements_ascend_in_electronegativity(small):
    values = [electronegativity(number) for number in small.vocabulary.elements]
    assert values == sorted(values)
    assert set(small.vocabulary.elements) == {z for gene in small.genes for z in gene.elements}


def test_places_behind_the_last_orbit_are_empty(small):
    counts = [len(gene.sites) for gene in small.genes]
    assert small.orbits.present.sum(1).tolist() == counts
    assert small.orbits.element.shape[1] == max(counts)
    few = small.orbits.rows((small.orbits.present.sum(1) <= 2).nonzero()[:, 0])
    assert few.element.shape[1] == 2
    assert (few.letter == ABSENT).equal(~few.present)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("225|Na:a|F:b", r"F not in the vocabulary"),
        ("1|O:aaaaa", r"5 orbits, at most 4 are represented"),
        ("1|O:a|Na:a|Cl:a", r"3 elements, at most 2 are represented"),
    ],
)
def test_what_the_model_cannot_hold_is_told(text, message):
    vocabulary = Vocabulary((11, 17, 8), max_sites=4, max_elements=2)
    with pytest.raises(InvalidGeneError, match=message):
        vocabulary.encode([WyckoffGene.parse(text)])


def test_long_genes_do_not_widen_the_vocabulary():
    genes = [WyckoffGene.parse(text) for text in ("225|Na:a|Cl:b", "1|O:aaa|F:a|Li:a|K:a")]
    vocabulary = Vocabulary.of(genes, max_sites=3)
    assert vocabulary.elements == (11, 17)
    assert vocabulary.max_elements == 2


def test_no_genes_are_no_rows():
    orbits = EVERY.encode([])
    assert [tuple(part.shape) for part in orbits] == [(0,), (0, 0), (0, 0)]
