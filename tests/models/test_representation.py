from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import genes

from wyckforge.errors import InvalidGeneError
from wyckforge.models.representation import Rejection, Representation, vocabulary
from wyckforge.symmetry.gene import WyckoffGene

ALL = Representation(tuple(range(1, 104)), max_elements=6)
PEROVSKITE = WyckoffGene.parse("221|O:c|Ti:b|Sr:a")
TERNARY = Representation(vocabulary([PEROVSKITE]), max_elements=3, min_elements=3)


def logits(group: np.ndarray) -> np.ndarray:
    return np.eye(230, dtype=np.float32)[group]


@given(st.lists(genes(elements=st.integers(1, 103)), min_size=1, max_size=20))
def test_decoding_undoes_encoding(given_genes):
    x, group = ALL.encode(given_genes)
    assert ALL.decode(x, logits(group)) == given_genes


@given(st.lists(genes(elements=st.integers(1, 103)), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_decoding_undoes_encoding_under_noise_below_rounding(given_genes, seed):
    x, group = ALL.encode(given_genes)
    noise = np.random.default_rng(seed).uniform(-0.49, 0.49, x.shape).astype(np.float32)
    assert ALL.decode(x + noise, logits(group)) == given_genes


@given(st.lists(genes(elements=st.integers(1, 103)), min_size=1, max_size=20))
def test_the_array_states_the_formula(given_genes):
    x, _ = ALL.encode(given_genes)
    for array, gene in zip(x, given_genes, strict=True):
        atoms = sorted(count / gene.n_atoms for count in gene.composition.values())
        assert sorted(array[ALL.fraction_row])[-len(atoms) :] == pytest.approx(atoms)
        assert array[ALL.site_rows].sum() == len(gene.sites)
        assert array[ALL.element_rows].sum(axis=0).tolist() == [1] * 6


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_any_array_becomes_a_gene_or_a_rejection(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.6, (40, TERNARY.rows, 3))
    for found in TERNARY.decode(x, rng.normal(size=(40, 230))):
        assert isinstance(found, WyckoffGene) or found.reason


def test_one_gene_encodes_alike_alone_and_in_company():
    company = [PEROVSKITE, WyckoffGene.parse("225|Na:a|Cl:b"), WyckoffGene.parse("2|O:iiii|Ti:ab")]
    together, _ = ALL.encode(company)
    for array, gene in zip(together, company, strict=True):
        assert np.array_equal(array, ALL.encode([gene])[0][0])


def test_columns_run_from_the_most_electropositive_element():
    x, group = TERNARY.encode([PEROVSKITE])
    assert TERNARY.read(x, logits(group)).numbers.tolist() == [[38, 22, 8]]


def test_the_27th_letter_of_group_47_survives():
    gene = WyckoffGene.parse("47|O:AA|Ti:z|Sr:a")
    x, group = TERNARY.encode([gene])
    assert TERNARY.decode(x, logits(group)) == [gene]


def perovskite_array() -> np.ndarray:
    return TERNARY.encode([PEROVSKITE])[0][0].copy()


def site(letter: str) -> int:
    return TERNARY.site_rows.start + "abcdefghijklmnopqrstuvwxyzA".index(letter)


@pytest.mark.parametrize(
    ("change", "space_group", "reason"),
    [
        ({(site("b"), 0): 1}, 221, "a position without free parameters is used more than once"),
        ({(site("a"), 0): 2}, 221, "a position without free parameters is used more than once"),
        ({(site("z"), 2): 1}, 221, "a letter does not exist in the space group"),
        ({(site("c"), 2): 0}, 221, "an element occupies no site"),
        ({(0, 1): 5}, 221, "too few elements"),
        ({(2, 0): 5}, 221, "an element occurs twice"),
    ],
)
def test_a_broken_array_is_rejected_with_the_reason(change, space_group, reason):
    array = perovskite_array()
    for place, value in change.items():
        array[place] = value
    assert TERNARY.decode(array[None], logits(np.array([space_group - 1]))) == [Rejection(reason)]


def test_sites_without_an_element_are_rejected():
    binary = Representation(TERNARY.elements, max_elements=3)
    array = perovskite_array()
    array[0, 1] = 5
    assert binary.decode(array[None], logits(np.array([220]))) == [Rejection("sites occupied by no element")]


def test_an_unsure_group_is_still_the_most_probable_one():
    scores = np.full((1, 230), 0.0)
    scores[0, 220] = 1e-3
    assert TERNARY.decode(perovskite_array()[None], scores) == [PEROVSKITE]


@pytest.mark.parametrize(
    ("gene", "problem"),
    [
        ("221|F:c|Ti:b|Sr:a", "F is not in the vocabulary of 3 elements"),
        ("225|Ti:a|O:b", "2 elements, the model is for crystals of 3 elements"),
    ],
)
def test_what_cannot_be_encoded_is_said(gene, problem):
    gene = WyckoffGene.parse(gene)
    assert TERNARY.problem(gene) == problem
    with pytest.raises(InvalidGeneError, match=problem):
        TERNARY.encode([PEROVSKITE, gene])


def test_no_genes_encode_to_empty_arrays():
    x, group = TERNARY.encode([])
    assert x.shape == (0, TERNARY.rows, 3)
    assert TERNARY.decode(x, logits(group)) == []
