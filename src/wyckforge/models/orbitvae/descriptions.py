"""Other descriptions of the same crystals, by the Euclidean normalizers, for networks that see sets of orbits."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import LETTERS


def described_anew(orbits: Orbits, chances: Tensor) -> Orbits:
    """Each of n genes in a description drawn from its normalizer orbit, all members equally likely.

    Elements stay where they are, so that letters need not ascend within an element any more: for sets, not for the
    decoder.

    Args:
        orbits: the genes, in any description.
        chances: (n,) uniform numbers in [0, 1).
    """
    counts, images = (table.to(orbits.group.device) for table in _permutations())
    chosen = (chances * counts[orbits.group]).long()
    letter = images[orbits.group, chosen].gather(1, orbits.letter.clamp(min=0))
    return Orbits(orbits.group, orbits.element, torch.where(orbits.present, letter, ABSENT))


@cache
def _permutations() -> tuple[Tensor, Tensor]:
    """(230,) permutations of the letters of every group, and (230, most, 27) the images of the letters."""
    all_groups = [letter_permutations(number) for number in range(1, 231)]
    counts = torch.tensor([len(found) for found in all_groups])
    images = torch.arange(len(LETTERS)).repeat(230, int(counts.max()), 1)
    for group, found in enumerate(all_groups):
        for row, permutation in enumerate(found):
            for letter, image in permutation.items():
                images[group, row, LETTERS.index(letter)] = LETTERS.index(image)
    return counts, images
