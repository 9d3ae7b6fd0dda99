from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from wyckforge.models.orbitvae.blocks import Block


@pytest.fixture(scope="module")
def block() -> Block:
    torch.manual_seed(0)
    return Block(24, 3).eval().requires_grad_(False)


def test_step_by_step_is_all_at_once(block):
    x = torch.randn(4, 6, 24)
    past, steps = None, []
    for place in range(6):
        y, past = block.step(x[:, place : place + 1], past)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, 1), block(x, causal=True), atol=1e-5, rtol=0)


def test_nothing_is_seen_of_what_follows(block):
    x = torch.randn(2, 5, 24)
    changed = x.clone()
    changed[:, 3:] += 1
    before, after = block(x, causal=True), block(changed, causal=True)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


def test_attention_is_that_of_the_definition(block):
    x = torch.randn(2, 4, 24)
    bias = torch.randn(2, 1, 1, 4)
    query, key, value = block.project(block.before_attention(x)).view(2, 4, 3, 3, 8).unbind(2)
    weights = torch.einsum("nqhd,nkhd->nhqk", query, key) / 8**0.5 + bias
    attended = torch.einsum("nhqk,nkhd->nqhd", weights.softmax(-1), value).reshape(2, 4, 24)
    y = x + block.merge(attended)
    torch.testing.assert_close(block(x, bias=bias), y + block.feed(block.before_feed(y)), atol=1e-5, rtol=1e-5)


def test_dropout_acts_while_learning_only():
    block = Block(8, 2, dropout=0.5)
    x = torch.randn(1, 3, 8)
    assert not torch.allclose(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def test_vectors_of_sites_are_those_of_their_element_and_position(small):
    embedding, orbits = small.autoencoder.embedding, small.orbits
    tables = embedding()
    element, position = embedding.sites(tables, orbits)
    assert element.shape == position.shape == (*orbits.element.shape, 24)
    for gene in range(len(small.genes)):
        for place in range(int(orbits.present[gene].sum())):
            row = embedding.index[orbits.group[gene], orbits.letter[gene, place]]
            assert torch.equal(element[gene, place], tables.element[orbits.element[gene, place]])
            assert torch.equal(position[gene, place], tables.position[row])
            assert embedding.position_group[row] == orbits.group[gene]


def test_positions_alike_in_two_groups_share_what_is_learned(small):
    """Perovskite and rock-salt corners have the site symmetry m-3m: one learned vector serves both."""
    embedding = small.autoencoder.embedding
    one, other = embedding.site_symmetry[embedding.index[220, 0]], embedding.site_symmetry[embedding.index[224, 0]]
    assert one == other
    assert F.one_hot(embedding.site_symmetry).sum(0).max() > 100
