"""Prototypes: genes whose elements are forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import mirror_group

Prototype = tuple[int, tuple[str, ...]]


def prototype(gene: WyckoffGene) -> Prototype:
    """The space group and the letters of each element, without the elements: equal for NaCl and MgO in rock salt.

    Constant on the normalizer orbit of the gene, for its mirror image, and under every exchange of its elements.
    """
    letters: dict[int, str] = {}
    for number, letter in gene.sites:
        letters[number] = letters.get(number, "") + letter
    return min(gene.space_group, mirror_group(gene.space_group)), min(
        tuple(sorted("".join(sorted(images[letter] for letter in word)) for word in letters.values()))
        for images in letter_permutations(gene.space_group)
    )


def count_prototypes(genes: Iterable[WyckoffGene]) -> Counter[Prototype]:
    """How many genes there are of each prototype."""
    return Counter(map(prototype, genes))
