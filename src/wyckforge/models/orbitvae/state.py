"""A batch of partial genes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.orbitvae.pools import POINT_BIT, Bools, Ints
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import LETTERS, MULTIPLICITY

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Partial genes whose orbits are emitted one by one; no array is ever changed in place.

    Attributes:
        group: (n,) zero-based space groups.
        finished: (n,) whether the gene has stopped.
        used: (n,) bits of the occupied positions without free parameters (``POINT_BIT``).
        n_sites: (n,) orbits so far.
        n_elements: (n,) elements so far.
        element: (n,) index of the element of the last orbit, -1 before the first one.
        letter: (n,) index of the letter of the last orbit, -1 before the first one.
        counts: (n, max_elements) atoms in the conventional cell of each element so far, in order of appearance.
        elements: (n, max_sites) element index of every orbit, -1 where there is none yet.
        letters: (n, max_sites) letter index of every orbit, -1 where there is none yet.
    """

    group: Ints
    finished: Bools
    used: Ints
    n_sites: Ints
    n_elements: Ints
    element: Ints
    letter: Ints
    counts: Ints
    elements: NDArray[np.int16]
    letters: NDArray[np.int16]

    @classmethod
    def start(cls, groups: Ints, max_sites: int, max_elements: int) -> State:
        """Genes without an orbit.

        Args:
            groups: (n,) zero-based space groups.
            max_sites: most orbits of a gene.
            max_elements: most elements of a gene.
        """
        group = np.array(groups, np.int64)
        n = len(group)
        zero, none, no_orbit = np.zeros(n, np.int64), np.full(n, -1), np.full((n, max_sites), -1, np.int16)
        counts = np.zeros((n, max_elements), np.int64)
        return cls(group, zero.astype(bool), zero, zero, zero, none, none, counts, no_orbit, no_orbit)

    def __len__(self) -> int:
        return len(self.group)

    @property
    def n_atoms(self) -> Ints:
        """(n,) atoms so far in the conventional cell."""
        return np.asarray(self.counts.sum(axis=1))

    def take(self, rows: Ints | Bools) -> State:
        """Some of the genes.

        Args:
            rows: (k,) their indices, or (n,) a mask.
        """
        return State(*(getattr(self, field.name)[rows] for field in fields(self)))

    def stop(self, rows: Bools) -> State:
        """The same genes, those of the (n,) mask finished."""
        return replace(self, finished=self.finished | rows)

    def add(self, rows: Ints, element: Ints, letter: Ints) -> State:
        """One more orbit in some of the genes.

        Args:
            rows: (k,) distinct indices of the genes.
            element: (k,) index of the element.
            letter: (k,) index of the letter.
        """
        group, sites = self.group[rows], self.n_sites[rows]
        n_elements = self.n_elements[rows] + (element != self.element[rows])
        counts = self.counts.copy()
        counts[rows, n_elements - 1] += MULTIPLICITY[group, letter]
        return replace(
            self,
            used=_with(self.used, rows, self.used[rows] | POINT_BIT[group, letter]),
            n_sites=_with(self.n_sites, rows, sites + 1),
            n_elements=_with(self.n_elements, rows, n_elements),
            element=_with(self.element, rows, element),
            letter=_with(self.letter, rows, letter),
            counts=counts,
            elements=_with(self.elements, (rows, sites), element),
            letters=_with(self.letters, (rows, sites), letter),
        )

    def genes(self, elements: tuple[int, ...]) -> list[WyckoffGene]:
        """The genes as they are.

        Args:
            elements: atomic number of each element index.

        Raises:
            InvalidGeneError: a gene has no orbit yet.
        """
        return [
            WyckoffGene(
                group + 1,
                tuple((elements[e], LETTERS[letter]) for e, letter in zip(row[:n], letters[:n], strict=True)),
            )
            for group, n, row, letters in zip(
                self.group.tolist(),
                self.n_sites.tolist(),
                self.elements.tolist(),
                self.letters.tolist(),
                strict=True,
            )
        ]


def _with(array: NDArray[_T], index: Ints | tuple[Ints, Ints], values: Ints) -> NDArray[_T]:
    copy = array.copy()
    copy[index] = values
    return copy
