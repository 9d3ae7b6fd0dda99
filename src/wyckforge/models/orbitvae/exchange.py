"""A gene brought nearer to a point of the latent, by exchanging one or two of its orbits at a time.

The encoding of a gene is a sum over its orbits, so what an exchange does to the distance is known without encoding
anything: the orbits that a group can have are a dictionary of vectors, and the point less the encoding of the group is
a sum of few of them. The search starts from what the decoder says, which is seldom more than two orbits wrong.

Source: the exchange step of orthogonal matching pursuit with replacement (Jain, Tewari and Dhillon, NeurIPS 2011), here
with whole numbers as coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from wyckforge.models.orbitvae.autoencoder import OrbitVAE
from wyckforge.models.orbitvae.blocks import Tables
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import DEGREES_OF_FREEDOM, LETTERS

Floats = NDArray[np.float64]
Orbit = int
"""Row of a dictionary."""

_MOST_EXCHANGED = 2
_MOST_STEPS = 12
_SEARCHABLE = 32
"""Orbits up to which two go at a time: the pairs of more are too many to try, and one at a time mends those too."""

_REMEMBERED = 48
"""Groups whose dictionaries are kept, some megabytes each."""

_FIRST_OF_PAIR = 64
"""Of the pairs that can come in, those are tried whose first orbit is among so many nearest ones."""
_EXACT = 1e-9
"""Squared distance, relative to that of the orbits from nothing, at which only rounding is left."""

_GAIN = 1e-6
"""Least share of the squared distance that an exchange has to remove."""


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """Every orbit that a space group can have, m in all.

    Attributes:
        origin: (latent,) encoding of the group.
        names: (m,) element and letter.
        vectors: (m, latent) encodings.
        squares: (m,) squared lengths.
        point: (m,) index of the letter where it has no free parameter and so occurs once, -1 elsewhere.
    """

    origin: Floats
    names: tuple[tuple[int, str], ...]
    vectors: Floats
    squares: Floats
    point: NDArray[np.int64]

    def free(self, kept: Sequence[Orbit]) -> NDArray[np.bool_]:
        """(m,) orbits that may join those kept."""
        taken = [letter for letter in self.point[list(kept)] if letter >= 0]
        return ~np.isin(self.point, taken)


class Exchange:
    """Finds nearer genes.

    Args:
        model: its encoder defines the distance.
        vocabulary: elements, and the limits on genes.
        tables: vectors of the embedding.
    """

    def __init__(self, model: OrbitVAE, vocabulary: Vocabulary, tables: Tables) -> None:
        self._model, self._vocabulary, self._tables = model, vocabulary, tables
        self._dictionary = lru_cache(maxsize=_REMEMBERED)(self._make_dictionary)

    def __call__(self, z: NDArray[np.floating], gene: WyckoffGene) -> WyckoffGene:
        """The gene, or one in the same group whose encoding is nearer to ``z`` (latent,), in the description found."""
        book = self._dictionary(gene.space_group)
        kept: tuple[Orbit, ...] = tuple(book.names.index(site) for site in gene.sites)
        target = z.astype(np.float64) - book.origin
        for _ in range(_MOST_STEPS):
            rest = target - book.vectors[list(kept)].sum(0)
            if rest @ rest <= _EXACT * (target @ target):
                break
            nearer = _exchanged(book, kept, rest, self._vocabulary.max_sites)
            if nearer is None:
                break
            kept = nearer
            found = WyckoffGene(gene.space_group, tuple(book.names[orbit] for orbit in kept))
            if self._vocabulary.problem(found) is None:  # the way may lead through genes of too many elements
                gene = found
        return gene

    @torch.inference_mode()
    def _make_dictionary(self, space_group: int) -> _Dictionary:
        freedom = DEGREES_OF_FREEDOM[space_group - 1]
        letters = np.flatnonzero(freedom >= 0)
        numbers = self._vocabulary.elements
        letter = np.tile(letters, len(numbers))
        element = np.repeat(np.arange(len(numbers)), len(letters))
        positions = self._tables.position[self._model.embedding.index[space_group - 1, torch.from_numpy(letter)]]
        sites = torch.cat([self._tables.element[torch.from_numpy(element)], positions], -1)
        vectors = self._model.encode_orbit(sites).double().numpy()
        return _Dictionary(
            self._model.encode_group(self._tables.group[space_group - 1]).double().numpy(),
            tuple((numbers[e], LETTERS[k]) for e, k in zip(element, letter, strict=True)),
            vectors,
            (vectors**2).sum(1),
            np.where(freedom[letter] == 0, letter, -1),
        )


def _exchanged(book: _Dictionary, kept: tuple[Orbit, ...], rest: Floats, max_sites: int) -> tuple[Orbit, ...] | None:
    """The orbits after the exchange that brings them nearest, with as few going out as can; ``None`` if none helps.

    Args:
        book: the orbits there are.
        kept: those of the gene.
        rest: (latent,) what is left of the point without them.
        max_sites: most orbits of a gene.
    """
    limit = float(rest @ rest) * (1 - _GAIN)
    most = _MOST_EXCHANGED if len(kept) <= _SEARCHABLE else 1
    for out in range(most + 1):
        least, best = limit, None
        for gone in combinations(range(len(kept)), out):
            staying = tuple(orbit for place, orbit in enumerate(kept) if place not in gone)
            missing = rest + book.vectors[[kept[place] for place in gone]].sum(0)
            room = min(max_sites - len(staying), _MOST_EXCHANGED if out else 1)
            for distance, coming in _additions(book, staying, missing, room):
                if distance < least and staying + coming:
                    least, best = distance, staying + coming
        if best is not None:
            return best
    return None


def _additions(
    book: _Dictionary, staying: tuple[Orbit, ...], missing: Floats, room: int
) -> Iterator[tuple[float, tuple[Orbit, ...]]]:
    """The best choice of no, one and (of those tried) two further orbits, each with the squared distance it leaves."""
    length = float(missing @ missing)
    yield length, ()
    if room < 1:
        return
    free = book.free(staying)
    one = np.where(free, length - 2 * book.vectors @ missing + book.squares, np.inf)
    yield float(one.min()), (int(one.argmin()),)
    if room < 2:
        return
    first = np.argsort(one, kind="stable")[:_FIRST_OF_PAIR]
    first = first[np.isfinite(one[first])]
    two = one[first, None] - 2 * (missing - book.vectors[first]) @ book.vectors.T + book.squares
    clash = (book.point[first, None] == book.point) & (book.point >= 0)
    two[clash | ~free] = np.inf
    row, column = np.unravel_index(two.argmin(), two.shape)
    yield float(two[row, column]), (int(first[row]), int(column))
