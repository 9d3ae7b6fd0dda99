from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from tests.strategies import genes

from wyckforge.errors import CheckpointError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.known import KnownCrystals

ROCK_SALT = WyckoffGene.parse("225|Na:a|Cl:b")
RIGHT_QUARTZ = WyckoffGene.parse("152|Si:a|O:c")
KNOWN = KnownCrystals.from_genes([ROCK_SALT, RIGHT_QUARTZ])


@given(st.lists(genes(), max_size=8), st.lists(genes(), max_size=8))
def test_membership_is_that_of_sets(inside, others):
    known = KnownCrystals.from_genes(inside)
    classes = {gene.without_hand() for gene in inside}
    formulas = {gene.formula for gene in inside}
    systems = {gene.elements for gene in inside}
    templates = {gene.template() for gene in inside}
    for gene in (*inside, *others):
        for image in (*gene.orbit(), gene.mirror_image()):
            assert known.has_gene(image) == (gene.without_hand() in classes)
        assert known.has_formula(gene) == (gene.formula in formulas)
        assert known.has_system(gene) == (gene.elements in systems)
        assert known.has_template(gene) == (gene.template() in templates)


@given(st.lists(genes(), max_size=8))
def test_groups_count_distinct_crystals(inside):
    known = KnownCrystals.from_genes([*inside, *inside])
    counts = Counter(gene.space_group for gene in {gene.canonical() for gene in inside})
    assert known.groups.tolist() == [counts[number] for number in range(1, 231)]
    assert len(known) == counts.total()


@given(st.lists(genes(), max_size=6), st.lists(genes(), max_size=6))
def test_more_crystals_join_as_if_they_had_been_there(inside, more):
    joined = KnownCrystals.from_genes(inside).with_genes(more)
    for name, array in KnownCrystals.from_genes([*inside, *more]).to_arrays().items():
        np.testing.assert_array_equal(joined.to_arrays()[name], array, strict=True)


def test_what_is_known_of_a_new_crystal():
    assert KNOWN.has_gene(RIGHT_QUARTZ.mirror_image())
    other = WyckoffGene.parse("225|Mg:a|O:b")
    assert (KNOWN.has_gene(other), KNOWN.has_formula(other), KNOWN.has_template(other)) == (False, False, True)
    caesium_chloride = WyckoffGene.parse("221|Na:a|Cl:b")
    assert KNOWN.has_formula(caesium_chloride)
    assert not KNOWN.has_template(caesium_chloride)
    assert KNOWN.has_system(WyckoffGene.parse("221|Na:b|Cl:d"))
    assert not KNOWN.has_system(WyckoffGene.parse("225|Na:a"))


@given(st.lists(genes(), max_size=5))
def test_the_arrays_survive_a_file(inside):
    known = KnownCrystals.from_genes(inside)
    again = KnownCrystals.from_arrays(load(save(known.to_arrays())))
    for name, array in known.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array, strict=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"templates": None}, "lack templates"),
        ({"genes": KNOWN.genes[::-1]}, "genes of the known crystals are no ascending"),
        ({"formulas": KNOWN.formulas.astype(np.int64)}, "formulas of the known crystals are no ascending"),
        ({"groups": KNOWN.groups[:-1]}, "not counts of 230"),
        ({"groups": -KNOWN.groups}, "not counts of 230"),
    ],
)
def test_damaged_arrays_are_refused(change, message):
    arrays = {name: array for name, array in (KNOWN.to_arrays() | change).items() if array is not None}
    with pytest.raises(CheckpointError, match=message):
        KnownCrystals.from_arrays(arrays)
