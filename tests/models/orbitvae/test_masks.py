"""The masks of whole genes are those that the grammar gives step by step, where no limit is near."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.orbitvae.conftest import on_meta
from tests.strategies import genes

from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.models.orbitvae.masks import element_masks, letter_masks
from wyckforge.models.orbitvae.vocabulary import Vocabulary

FEW = (38, 13, 22, 14, 16, 8, 9)
VOCABULARY = Vocabulary(FEW, max_elements=len(FEW))
GRAMMAR = Grammar(FEW, None, 24, len(FEW))


@given(gene=genes(elements=st.sampled_from(FEW), max_orbits=8))
def test_they_are_those_of_the_grammar(gene):
    orbits = VOCABULARY.encode([gene])
    elements, letters = element_masks(orbits, len(FEW))[0].numpy(), letter_masks(orbits)[0].numpy()
    state = GRAMMAR.start(orbits.group.numpy())
    for place in range(orbits.element.shape[1]):
        element, letter = orbits.element[:, place].numpy(), orbits.letter[:, place].numpy()
        assert np.array_equal(GRAMMAR.element_mask(state)[0], elements[place])
        assert np.array_equal(GRAMMAR.letter_mask(state, element)[0], letters[place])
        assert elements[place][element]
        assert letters[place][letter]
        state = GRAMMAR.advance(state, element, letter)
    assert np.array_equal(GRAMMAR.element_mask(state)[0], elements[-1])


def test_empty_places_change_nothing(small):
    alone = small.vocabulary.encode(small.genes[1:2])
    n, k = len(small.vocabulary.elements), alone.element.shape[1]
    assert element_masks(small.orbits, n)[1, : k + 1].equal(element_masks(alone, n)[0])
    assert letter_masks(small.orbits)[1, :k].equal(letter_masks(alone)[0])


def test_they_are_made_on_the_device_of_the_genes(small):
    _, orbits = on_meta(torch.nn.Identity(), small.orbits)
    assert element_masks(orbits, 5).device.type == letter_masks(orbits).device.type == "meta"
