from __future__ import annotations

import numpy as np
import torch

from wyckforge.models.representation import Representation, vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.encoded import EncodedCrystals

GENES = [
    WyckoffGene.parse(text)
    for text in ("2|O:ii|Ti:a|Sr:b", "225|O:c|Ti:b|Sr:a", "221|O:c|Ti:b|Sr:a", "1|O:aaa|Ti:a|Sr:a")
]
REPRESENTATION = Representation(vocabulary(GENES))


def crystals(augment: bool = True) -> EncodedCrystals:
    return EncodedCrystals.build(REPRESENTATION, GENES, np.arange(4.0)[:, None], augment=augment)


def gene_of(x: torch.Tensor, group: torch.Tensor) -> WyckoffGene:
    logits = torch.nn.functional.one_hot(group[None], 230)
    (gene,) = REPRESENTATION.decode(x[None].numpy(), logits.numpy())
    return gene


def test_orbits_are_complete():
    assert crystals().size.tolist() == [len(gene.orbit()) for gene in GENES]
    assert crystals(augment=False).size.tolist() == [1, 1, 1, 1]


def test_every_crystal_is_visited_once_an_epoch_with_its_own_label():
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        batches = list(crystals().random_batches(3, generator))
        assert [len(batch.x) for batch in batches] == [3, 1]
        labels = torch.cat([batch.properties for batch in batches]).flatten().tolist()
        assert sorted(labels) == [0, 1, 2, 3]
        for batch in batches:
            for x, group, (label,) in zip(*batch, strict=True):
                assert gene_of(x, group).canonical() == GENES[int(label)].canonical()


def test_members_of_an_orbit_are_equally_likely():
    generator = torch.Generator().manual_seed(0)
    seen: dict[str, int] = {}
    visits = 2000
    data = EncodedCrystals.build(REPRESENTATION, GENES[:1], np.zeros((1, 1)), augment=True)
    for _ in range(visits):
        for batch in data.random_batches(1, generator):
            name = str(gene_of(batch.x[0], batch.group[0]))
            seen[name] = seen.get(name, 0) + 1
    orbit = {str(gene) for gene in GENES[0].orbit()}
    assert set(seen) == orbit
    expected = visits / len(orbit)
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < 3 * len(orbit)


def test_the_ordered_pass_is_in_order():
    batches = list(crystals().ordered_batches(3))
    assert torch.cat([batch.properties for batch in batches]).flatten().tolist() == [0, 1, 2, 3]
