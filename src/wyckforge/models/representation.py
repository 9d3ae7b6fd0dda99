"""The Wyckoff array: genes as numbers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import InvalidGeneError
from wyckforge.models.features import element_features
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER, electronegativity, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import DEGREES_OF_FREEDOM, LETTERS, MULTIPLICITY

EMPTY = 0
"""Element row of a column that holds no element."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a decoded array is no gene.

    Attributes:
        reason: the broken rule, in words that do not name the sample, so that reasons can be counted.
    """

    reason: str


class Reading(NamedTuple):
    """What n arrays say, whether or not it makes a gene.

    Attributes:
        group: (n,) zero-based space groups.
        numbers: (n, max_elements) atomic numbers, 0 for "no element".
        uses: (n, 27, max_elements) orbits of every letter.
    """

    group: NDArray[np.int64]
    numbers: NDArray[np.int64]
    uses: NDArray[np.int64]


@dataclass(frozen=True)
class Representation:
    """X = (element one-hot, stoichiometry, elemental features, site occupation) and a space-group index.

    Rows of X, from the top: "no element" and one row per element of the vocabulary; the atomic fraction of the
    element; its features; how many orbits of each of the 27 Wyckoff letters it occupies. Columns are the elements of
    the gene by ascending electronegativity, then empty ones.

    Attributes:
        elements: vocabulary, ascending atomic numbers.
        max_elements: columns of X, the largest number of elements of a gene.
        min_elements: least number of elements of a gene.
        features: (n_elements, n_features) elemental features; looked up when not given.
    """

    elements: tuple[int, ...]
    max_elements: int = 3
    min_elements: int = 1
    features: NDArray[np.float32] = field(default=None, repr=False, compare=False)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        if self.features is None:
            object.__setattr__(self, "features", element_features(self.elements))

    @property
    def span(self) -> str:
        """How many elements a gene may have, in words."""
        low, high = self.min_elements, self.max_elements
        return f"{low} elements" if low == high else f"{low} to {high} elements"

    @property
    def element_rows(self) -> slice:
        """Rows that hold the one-hot element, the first of them "no element"."""
        return slice(0, len(self.elements) + 1)

    @property
    def fraction_row(self) -> int:
        """Row of the atomic fraction."""
        return len(self.elements) + 1

    @property
    def feature_rows(self) -> slice:
        """Rows of the elemental features."""
        return slice(self.fraction_row + 1, self.fraction_row + 1 + self.features.shape[1])

    @property
    def site_rows(self) -> slice:
        """Rows of the site occupation, one per letter."""
        return slice(self.rows - len(LETTERS), self.rows)

    @property
    def rows(self) -> int:
        """Rows of X."""
        return len(self.elements) + 2 + int(self.features.shape[1]) + len(LETTERS)

    @cached_property
    def _row_of(self) -> NDArray[np.int64]:
        rows = np.zeros(MAX_ATOMIC_NUMBER + 1, np.int64)
        rows[list(self.elements)] = np.arange(1, len(self.elements) + 1)
        return rows

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why X cannot hold this gene, or ``None``."""
        elements = {number for number, _ in gene.sites}
        if unknown := sorted(number for number in elements if not self._row_of[number]):
            return f"{symbol(unknown[0])} is not in the vocabulary of {len(self.elements)} elements"
        if not self.min_elements <= len(elements) <= self.max_elements:
            return f"{len(elements)} elements, the model is for crystals of {self.span}"
        return None

    def encode(self, genes: Sequence[WyckoffGene]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Arrays of genes.

        Args:
            genes: n genes.

        Returns:
            X of shape (n, rows, max_elements) and zero-based space groups (n,).

        Raises:
            InvalidGeneError: a gene holds too many elements or one outside the vocabulary.
        """
        n = len(genes)
        group = np.fromiter((gene.space_group for gene in genes), np.int64, n) - 1
        owner = np.repeat(np.arange(n), [len(gene.sites) for gene in genes])
        number = np.fromiter((z for gene in genes for z, _ in gene.sites), np.int64, len(owner))
        letter = np.fromiter((_LETTER_INDEX[name] for gene in genes for _, name in gene.sites), np.int64, len(owner))

        rank = _RANK[number]
        pairs, site_pair = np.unique(owner * len(_RANK) + rank, return_inverse=True)
        pair_owner, pair_number = pairs // len(_RANK), _NUMBER_OF_RANK[pairs % len(_RANK)]
        column = np.arange(len(pairs)) - np.searchsorted(pair_owner, pair_owner)
        row = self._row_of[pair_number]
        counts = np.bincount(pair_owner, minlength=n)
        if (row == EMPTY).any() or (counts > self.max_elements).any() or (counts < self.min_elements).any():
            gene, problem = next((gene, problem) for gene in genes if (problem := self.problem(gene)) is not None)
            raise InvalidGeneError(f"gene {gene} cannot be encoded: {problem}; drop it or use another checkpoint")

        x = np.zeros((n, self.rows, self.max_elements), np.float32)
        x[:, EMPTY] = 1
        x[pair_owner, EMPTY, column] = 0
        x[pair_owner, row, column] = 1
        x[pair_owner, self.feature_rows, column] = self.features[row - 1]
        np.add.at(x, (owner, self.site_rows.start + letter, column[site_pair]), 1)
        atoms = np.einsum("nlc,nl->nc", x[:, self.site_rows], MULTIPLICITY[group])
        x[:, self.fraction_row] = atoms / atoms.sum(axis=1, keepdims=True)
        return x, group

    def decode(
        self, x: NDArray[np.floating], space_group_logits: NDArray[np.floating]
    ) -> list[WyckoffGene | Rejection]:
        """Genes of arrays, or the reason why an array is none.

        The space group and the elements are the most probable ones; occupations are rounded. Nothing is repaired.

        Args:
            x: (n, rows, max_elements).
            space_group_logits: (n, 230).

        Returns:
            One gene or rejection per array.
        """
        group, numbers, uses = self.read(x, space_group_logits)
        occupied = uses.any(axis=1)
        filled = numbers > 0
        ordered = np.sort(np.where(filled, numbers, -1 - np.arange(self.max_elements)), axis=1)
        broken = {
            "too few elements": filled.sum(axis=1) < self.min_elements,
            "an element occurs twice": (ordered[:, 1:] == ordered[:, :-1]).any(axis=1),
            "an element occupies no site": (filled & ~occupied).any(axis=1),
            "sites occupied by no element": (occupied & ~filled).any(axis=1),
            "a letter does not exist in the space group": (uses.any(axis=2) & (MULTIPLICITY[group] == 0)).any(axis=1),
            "a position without free parameters is used more than once": (
                (uses.sum(axis=2) > 1) & (DEGREES_OF_FREEDOM[group] == 0)
            ).any(axis=1),
        }
        reasons = np.full(len(group), "", dtype=object)
        for reason, mask in reversed(broken.items()):
            reasons[mask] = reason
        return [
            Rejection(reasons[i]) if reasons[i] else _gene(int(group[i]) + 1, numbers[i], uses[i])
            for i in range(len(group))
        ]

    def read(self, x: NDArray[np.floating], space_group_logits: NDArray[np.floating]) -> Reading:
        """What arrays say: the most probable group and elements, and rounded occupations.

        Args:
            x: (n, rows, max_elements).
            space_group_logits: (n, 230).
        """
        return Reading(
            group=np.argmax(space_group_logits, axis=1),
            numbers=np.array([0, *self.elements])[np.argmax(x[:, self.element_rows], axis=1)],
            uses=np.maximum(np.rint(x[:, self.site_rows]), 0).astype(np.int64),
        )


def _gene(space_group: int, numbers: NDArray[np.int64], uses: NDArray[np.int64]) -> WyckoffGene:
    letters, columns = np.nonzero(uses)
    sites: list[tuple[int, str]] = []
    for letter, column in zip(letters.tolist(), columns.tolist(), strict=True):
        sites += [(int(numbers[column]), LETTERS[letter])] * int(uses[letter, column])
    return WyckoffGene(space_group, tuple(sites))


def vocabulary(genes: Iterable[WyckoffGene]) -> tuple[int, ...]:
    """Atomic numbers that occur in the genes, ascending."""
    return tuple(sorted({number for gene in genes for number, _ in gene.sites}))


_LETTER_INDEX = {name: index for index, name in enumerate(LETTERS)}
_NUMBER_OF_RANK = np.array(
    [0, *sorted(range(1, MAX_ATOMIC_NUMBER + 1), key=lambda number: (electronegativity(number), number))]
)
_RANK = np.argsort(_NUMBER_OF_RANK)
