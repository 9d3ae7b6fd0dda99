from __future__ import annotations

from collections import Counter

import numpy as np
import torch

from wyckforge.models.orbitvae.descriptions import described_anew
from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import LETTERS


def genes_of(orbits: Orbits, elements: tuple[int, ...]) -> list[WyckoffGene]:
    return [
        WyckoffGene(
            int(group) + 1,
            tuple((elements[e], LETTERS[k]) for e, k in zip(es, ks, strict=True) if e != ABSENT),
        )
        for group, es, ks in zip(orbits.group, orbits.element.tolist(), orbits.letter.tolist(), strict=True)
    ]


def test_every_description_comes_equally_often(small):
    n = 600
    for row, gene in enumerate(small.genes):
        repeated = small.orbits.rows(torch.full((n,), row))
        found = Counter(genes_of(described_anew(repeated, (torch.arange(n) + 0.5) / n), small.vocabulary.elements))
        assert set(found) == set(gene.orbit())
        counts = np.array(list(found.values()))
        assert counts.max() - counts.min() <= 2


def test_nothing_else_changes(small):
    found = described_anew(small.orbits, torch.rand(len(small.genes), generator=torch.Generator().manual_seed(0)))
    assert torch.equal(found.group, small.orbits.group)
    assert torch.equal(found.element, small.orbits.element)
    assert torch.equal(found.letter == ABSENT, small.orbits.letter == ABSENT)
    assert torch.equal(described_anew(small.orbits, torch.zeros(len(small.genes))).letter, small.orbits.letter)
