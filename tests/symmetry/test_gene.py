from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition
from pyxtal.symmetry import Group
from tests.generic import generic_gene
from tests.strategies import genes, space_groups

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import space_group

CS2PT3SE7 = WyckoffGene.parse("166|Se:bh|Cs:c|Pt:e")


def test_what_a_gene_tells() -> None:
    assert CS2PT3SE7.space_group == 166
    assert CS2PT3SE7.sites == ((34, "b"), (34, "h"), (55, "c"), (78, "e"))
    assert CS2PT3SE7.formula == "Cs2Pt3Se7"
    assert CS2PT3SE7.composition == {34: 21, 55: 6, 78: 9}
    assert CS2PT3SE7.reduced_composition == {34: 7, 55: 2, 78: 3}
    assert CS2PT3SE7.elements == (34, 55, 78)
    assert CS2PT3SE7.n_atoms == 36
    assert CS2PT3SE7.degrees_of_freedom == 3
    assert CS2PT3SE7.site_symmetries == ("-3m", ".m", "3m", ".2/m")
    assert str(CS2PT3SE7) == "166|Se:bh|Cs:c|Pt:e"


def test_canonical_form_of_known_genes() -> None:
    assert str(CS2PT3SE7.canonical()) == "166|Se:ah|Cs:c|Pt:d"
    assert WyckoffGene.parse("225|Na:b|Cl:a").canonical() == WyckoffGene.parse("225|Na:a|Cl:b").canonical()
    assert WyckoffGene.parse("227|C:a").canonical() == WyckoffGene.parse("227|C:b").canonical()


@given(genes())
def test_text_form_round_trips(gene: WyckoffGene) -> None:
    assert WyckoffGene.parse(str(gene)) == gene
    assert WyckoffGene.parse(f" {gene}\n") == gene


@given(genes(), st.randoms())
def test_order_of_sites_does_not_matter(gene: WyckoffGene, random) -> None:
    shuffled = random.sample(gene.sites, len(gene.sites))
    other = WyckoffGene(gene.space_group, tuple(shuffled))
    assert other == gene
    assert hash(other) == hash(gene)


@given(genes())
def test_composition_counts_the_atoms(gene: WyckoffGene) -> None:
    group = Group(gene.space_group)
    counts: Counter[int] = Counter()
    for number, letter in gene.sites:
        counts[number] += group.get_wyckoff_position(letter).multiplicity
    assert gene.composition == counts
    assert gene.n_atoms == counts.total()
    assert Composition(gene.formula) == Composition.from_dict(
        {symbol(number): count for number, count in gene.reduced_composition.items()}
    )
    assert np.gcd.reduce(list(gene.reduced_composition.values())) == 1


@given(genes())
def test_canonical_is_constant_on_the_orbit(gene: WyckoffGene) -> None:
    orbit = gene.orbit()
    assert gene in orbit
    assert gene.canonical() == min(orbit) == orbit[0]
    assert {image.canonical() for image in orbit} == {gene.canonical()}
    assert {image.orbit() for image in orbit} == {orbit}
    assert {image.formula for image in orbit} == {gene.formula}


@given(genes())
def test_every_member_of_an_orbit_is_a_valid_gene(gene: WyckoffGene) -> None:
    for image in gene.orbit():
        assert WyckoffGene(image.space_group, image.sites) == image


def test_templates_of_known_genes() -> None:
    assert WyckoffGene.parse("225|Na:b|Cl:a").template() == WyckoffGene.parse("225|Mg:a|O:b").template() == "225|a1b1"
    assert CS2PT3SE7.template() == "166|a1c1d1h1"
    assert WyckoffGene.parse("47|O:AAz|Ti:a").template() == "47|A2a1v1"
    assert WyckoffGene.parse("154|Si:a|O:c").template() == WyckoffGene.parse("152|Si:a|O:c").template() == "152|a1c1"


@given(genes(), st.randoms())
def test_a_template_tells_crystals_apart_by_their_positions_alone(gene: WyckoffGene, random) -> None:
    """Equal for every description and any elements; read back with one element, it is the gene without elements."""
    letters = [letter for _, letter in gene.sites]
    exchanged = WyckoffGene(gene.space_group, tuple((random.randint(1, 118), letter) for letter in letters))
    assert {image.template() for image in (*exchanged.orbit(), gene.mirror_image())} == {gene.template()}
    group, word = gene.template().split("|")
    positions = "".join(letter * int(count) for letter, count in re.findall(r"([a-zA])(\d+)", word))
    one_element = WyckoffGene(gene.space_group, tuple((1, letter) for letter in letters))
    assert WyckoffGene.parse(f"{group}|H:{positions}").canonical() == one_element.without_hand()


@pytest.mark.parametrize("number", [1, 2, 47, 166, 225])
def test_the_orbit_of_a_gene_that_uses_every_letter_shows_every_permutation(number: int) -> None:
    assert len(generic_gene(number).orbit()) == len(letter_permutations(number))


def test_the_27th_letter_of_group_47_can_be_used_repeatedly() -> None:
    gene = WyckoffGene.parse("47|O:AAz|Ti:a")
    assert gene.sites == ((8, "A"), (8, "A"), (8, "z"), (22, "a"))
    assert gene.n_atoms == 8 + 8 + 4 + 1


@given(space_groups)
def test_fixed_positions_hold_one_orbit_and_free_ones_any_number(number: int) -> None:
    group = space_group(number)
    for letter in group.letters:
        if group.degrees_of_freedom(letter):
            assert WyckoffGene(number, ((1, letter),) * 3).n_atoms == 3 * group.multiplicity(letter)
        else:
            with pytest.raises(InvalidGeneError, match="no free parameter and is occupied more than once"):
                WyckoffGene(number, ((1, letter), (2, letter)))


def test_numpy_integers_become_plain_ones() -> None:
    gene = WyckoffGene(np.int64(225), ((np.int64(11), "a"), (np.uint8(17), "b")))  # type: ignore[arg-type]
    assert {type(gene.space_group), *(type(number) for number, _ in gene.sites)} == {int}


@pytest.mark.parametrize(
    ("number", "sites", "message"),
    [
        (0, ((1, "a"),), "space group 0 given; allowed are the whole numbers 1 to 230"),
        (225.0, ((1, "a"),), "space group 225.0 given"),
        ("225", ((1, "a"),), "space group '225' given"),
        (True, ((1, "a"),), "space group True given"),
        (225, (), "at least one occupied Wyckoff position, got none"),
        (225, ((0, "a"),), "atomic number 0 given; allowed are 1 to 118"),
        (225, ((119, "a"),), "atomic number 119 given; allowed are 1 to 118"),
        (225, ((11.5, "a"),), "atomic number 11.5 given; allowed are whole numbers"),
        (225, (("Na", "a"),), "atomic number 'Na' given; allowed are whole numbers"),
        (225, ((11, "m"),), "Wyckoff letter 'm' does not exist in space group 225; allowed are abcdefghijkl"),
        (225, ((11, "ab"),), "Wyckoff letter 'ab' does not exist in space group 225"),
        (225, ((11, ""),), "Wyckoff letter '' does not exist in space group 225"),
        (46, ((11, "A"),), "Wyckoff letter 'A' does not exist in space group 46"),
        (225, ((11, "a"), (17, "a")), "Wyckoff position 'a' of space group 225 has no free parameter"),
    ],
)
def test_genes_that_cannot_exist_are_refused(number: object, sites: object, message: str) -> None:
    with pytest.raises(InvalidGeneError, match=re.escape(message)):
        WyckoffGene(number, sites)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a gene; write it like '225|Na:a|Cl:b'"),
        ("NaCl", "is not a gene"),
        ("225", "is not a gene"),
        ("-1|Na:a", "is not a gene"),
        ("999|Na:a", "space group 999 given"),
        ("²|Na:a", "is not a gene"),
        ("9" * 5000 + "|Na:a", "is not a gene"),
        ("225|Na", "'Na' in '225|Na' is not 'Element:letters'"),
        ("225|Na:", "is not 'Element:letters'"),
        ("225||Na:a", "is not 'Element:letters'"),
        ("225|Xx:a", "element 'Xx' given"),
        ("225|Na:a|Cl:m", "Wyckoff letter 'm' does not exist"),
    ],
)
def test_malformed_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidGeneError, match=re.escape(message)):
        WyckoffGene.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_gene_or_is_refused(text: str) -> None:
    try:
        gene = WyckoffGene.parse(text)
    except InvalidGeneError:
        return
    assert WyckoffGene.parse(str(gene)) == gene
