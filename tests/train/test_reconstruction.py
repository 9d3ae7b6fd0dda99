from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from tests.strategies import genes

from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.reconstruction import compare_genes, concatenated, rows_equal

PEROVSKITE = WyckoffGene.parse("221|O:c|Ti:b|Sr:a").canonical()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_equal_rows_are_counted_as_scikit_learn_does(pairs):
    one, other = np.array(pairs).T
    assert rows_equal(one, other).mean() == pytest.approx(accuracy_score(one, other))


def test_a_row_is_equal_if_all_of_it_is():
    one = np.zeros((3, 2, 2), np.int64)
    other = one.copy()
    other[1, 1, 0] = 1
    assert rows_equal(one, other).tolist() == [True, False, True]


@given(st.lists(genes(), max_size=5), st.data())
def test_any_description_of_the_crystal_is_everything_back(crystals, data):
    images = [data.draw(st.sampled_from(gene.orbit())) for gene in crystals]
    assert all(found.all() and len(found) == len(crystals) for found in compare_genes(crystals, images).values())


@pytest.mark.parametrize(
    ("back", "wrong"),
    [
        ("221|O:c|Ti:b|Ba:a", {"element_accuracy", "wyckoff_accuracy"}),
        ("221|O:d|Ti:b|Sr:a", {"wyckoff_accuracy"}),
        ("200|O:c|Ti:b|Sr:a", {"space_group_accuracy"}),
    ],
)
def test_each_part_is_told_apart(back, wrong):
    found = compare_genes([PEROVSKITE], [WyckoffGene.parse(back)])
    missed = {name for name, values in found.items() if not values[0]}
    assert missed == wrong | {"exact_gene_accuracy"}


def test_batches_are_put_together_in_order():
    one, other = compare_genes([PEROVSKITE], [PEROVSKITE]), compare_genes([], [])
    assert all(values.tolist() == [True] for values in concatenated([other, one]).values())
