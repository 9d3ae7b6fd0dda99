"""Genes as batches of integers: a space group and a set of orbits, any number of elements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import electronegativity, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import LETTERS

ABSENT = -1
"""Element and letter of a place that holds no orbit."""


class Orbits(NamedTuple):
    """n genes, each with its orbits in the order in which the decoder emits them.

    Attributes:
        group: (n,) zero-based space groups.
        element: (n, k) indices into the vocabulary, ascending; :data:`ABSENT` behind the last orbit.
        letter: (n, k) indices into ``LETTERS``, ascending within an element; :data:`ABSENT` behind the last orbit.
    """

    group: Tensor
    element: Tensor
    letter: Tensor

    @property
    def present(self) -> Tensor:
        """(n, k) whether the place holds an orbit."""
        return self.element != ABSENT

    @property
    def n_sites(self) -> Tensor:
        """(n,) orbits of every gene."""
        return self.present.sum(1)

    def rows(self, index: Tensor) -> Orbits:
        """The genes of an index array, without places that are empty in all of them."""
        longest = int(self.n_sites[index].max()) if len(index) else 0
        return Orbits(self.group[index], self.element[index, :longest], self.letter[index, :longest])


@dataclass(frozen=True)
class Vocabulary:
    """The elements a model knows, in the order in which its decoder names them.

    Attributes:
        elements: atomic numbers by ascending electronegativity, then ascending number.
        max_sites: most orbits of a gene.
        max_elements: most elements of a gene.
    """

    elements: tuple[int, ...]
    max_sites: int = 24
    max_elements: int = 8

    @classmethod
    def of(cls, genes: Iterable[WyckoffGene], *, max_sites: int = 24) -> Self:
        """The vocabulary of all elements that occur; genes with more than ``max_sites`` orbits are passed over."""
        fitting = [gene for gene in genes if len(gene.sites) <= max_sites]
        found = {number for gene in fitting for number, _ in gene.sites}
        ordered = sorted(found, key=lambda number: (electronegativity(number), number))
        return cls(tuple(ordered), max_sites, max((len(gene.elements) for gene in fitting), default=1))

    @property
    def span(self) -> str:
        """How many elements a gene may have, in words."""
        return f"1 to {self.max_elements} elements"

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why the model cannot hold a gene, in words, or ``None``."""
        if unknown := set(gene.elements) - set(self.elements):
            return f"{', '.join(symbol(number) for number in sorted(unknown))} not in the vocabulary"
        if len(gene.sites) > self.max_sites:
            return f"{len(gene.sites)} orbits, at most {self.max_sites} are represented"
        if len(gene.elements) > self.max_elements:
            return f"{len(gene.elements)} elements, at most {self.max_elements} are represented"
        return None

    def encode(self, genes: Sequence[WyckoffGene]) -> Orbits:
        """The canonical descriptions of n genes as integers: all descriptions of one crystal give the same.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        return self.as_given([gene.canonical() for gene in genes])

    def as_given(self, genes: Sequence[WyckoffGene]) -> Orbits:
        """n genes as integers, in the description in which they are given.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """
        index = {number: place for place, number in enumerate(self.elements)}
        rows = []
        for gene in genes:
            if problem := self.problem(gene):
                raise InvalidGeneError(f"{gene}: {problem}")
            rows.append(sorted((index[z], LETTERS.index(letter)) for z, letter in gene.sites))
        longest = max(map(len, rows), default=0)
        padded = [row + [(ABSENT, ABSENT)] * (longest - len(row)) for row in rows]
        places = torch.tensor(padded, dtype=torch.long).reshape(len(rows), longest, 2)
        group = torch.tensor([gene.space_group - 1 for gene in genes], dtype=torch.long)
        return Orbits(group, places[..., 0], places[..., 1])
