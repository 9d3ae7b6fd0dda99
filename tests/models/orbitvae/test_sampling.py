"""Genes from the decoder: step by step as all at once, alone as in a batch, always within the target."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from torch import optim

from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.models.orbitvae.sampling import decode
from wyckforge.records import Interval, Target


@pytest.fixture(scope="module")
def grammar(small) -> Grammar:
    return Grammar(small.vocabulary.elements, None, small.vocabulary.max_sites, small.vocabulary.max_elements)


def test_what_comes_out_is_right_exactly_where_the_likelihood_says_so(small, grammar):
    """From a random decoder that gets nothing right to a trained one that gets everything right."""
    network = copy.deepcopy(small.autoencoder).requires_grad_(True)
    optimiser = optim.AdamW(network.parameters(), lr=5e-3)
    canonical = [gene.canonical() for gene in small.genes]
    level, nothing = torch.zeros(len(canonical)), torch.zeros(len(canonical), 8)
    counts = []
    for _ in range(12):
        with torch.no_grad():
            z = network.encode(small.orbits)
            right = network.score(small.orbits, z, level, nothing).right.all(1)
        found = decode(network, grammar, z, level, nothing, None)
        assert [gene == true for gene, true in zip(found, canonical, strict=True)] == right.tolist()
        counts.append(int(right.sum()))
        for _ in range(12):
            loss = -network.score(small.orbits, network.encode(small.orbits), level, nothing).total.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert counts[0] == 0
    assert counts[-1] == len(canonical)
    assert any(0 < count < len(canonical) for count in counts)


def draws(n: int) -> np.ndarray:
    return np.random.default_rng(1).random((n, 2 + 2 * 24))


def test_frequencies_are_the_probabilities(small):
    n = 4000
    grammar = Grammar(small.vocabulary.elements, Target(space_groups=frozenset({216})), 1, 1)
    z, level, nothing = torch.full((n, 16), 0.3), torch.full((n,), 0.5), torch.zeros(n, 8)
    found = Counter(decode(small.autoencoder, grammar, z, level, nothing, draws(n)))
    k = len(found)
    scores = small.autoencoder.score(small.vocabulary.as_given(list(found)), z[:k], level[:k], nothing[:k])
    chance = scores.orbits[:, 0].double().exp().numpy()
    share = np.array(list(found.values())) / n
    assert k > 50
    assert chance.sum() > 0.9
    assert (np.abs(share - chance) < 5 * np.sqrt(chance / n) + 1 / n).all()


def test_a_gene_does_not_depend_on_the_others(small, grammar):
    n = 40
    z, level = torch.randn(n, 16, generator=torch.Generator().manual_seed(0)), torch.linspace(0, 1, n)
    condition = torch.zeros(n, 8)
    together = decode(small.autoencoder, grammar, z, level, condition, draws(n))
    order = torch.randperm(n)
    mixed = decode(small.autoencoder, grammar, z[order], level[order], condition[order], draws(n)[order.numpy()])
    assert [together[i] for i in order] == mixed
    for row in range(0, n, 8):
        one = slice(row, row + 1)
        assert decode(small.autoencoder, grammar, z[one], level[one], condition[one], draws(n)[one]) == [together[row]]


@pytest.mark.parametrize(
    "target",
    [
        Target(space_groups=frozenset({225, 227})),
        Target(must_contain=frozenset({8}), exclude=frozenset({22})),
        Target(stoichiometry=(1, 1, 3)),
        Target(n_elements=Interval(2, 2), n_atoms=Interval(4, 12)),
    ],
    ids=["groups", "elements", "stoichiometry", "counts"],
)
def test_every_gene_is_within_the_target(small, target):
    n = 60
    grammar = Grammar(small.vocabulary.elements, target, 24, 4)
    z = torch.randn(n, 16, generator=torch.Generator().manual_seed(0))
    found = decode(small.autoencoder, grammar, z, torch.ones(n), torch.zeros(n, 8), draws(n))
    assert len(found) == n
    assert [target.rejects(gene) for gene in found] == [None] * n


def test_a_low_temperature_is_the_likeliest_gene(small, grammar):
    n = 12
    z = torch.randn(n, 16, generator=torch.Generator().manual_seed(0))
    level, nothing = torch.full((n,), 0.5), torch.zeros(n, 8)
    sure = decode(small.autoencoder, grammar, z, level, nothing, None)
    cold = decode(small.autoencoder, grammar, z, level, nothing, draws(n), temperature=1e-8)
    warm = decode(small.autoencoder, grammar, z, level, nothing, draws(n))
    assert cold == sure != warm
