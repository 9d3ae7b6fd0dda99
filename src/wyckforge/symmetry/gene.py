"""The Wyckoff gene: a crystal without its free parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import gcd
from operator import index
from typing import Self, SupportsIndex

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER, atomic_number, electronegativity, symbol
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import SpaceGroup, checked_number, mirror_group, space_group


@dataclass(frozen=True, slots=True, order=True)
class WyckoffGene:
    """A space group and the elements on its Wyckoff positions.

    Attributes:
        space_group: number in International Tables, 1 to 230.
        sites: ``(atomic number, Wyckoff letter)`` of every orbit, kept sorted. A letter with free parameters may
            occur several times; a letter without may occur once.

    Raises:
        InvalidGeneError: the gene cannot exist.
    """

    space_group: int
    sites: tuple[tuple[int, str], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "space_group", checked_number(self.space_group))
        object.__setattr__(self, "sites", tuple(sorted(_checked_sites(self.table, self.sites))))

    @property
    def table(self) -> SpaceGroup:
        """The tables of this gene's space group."""
        return space_group(self.space_group)

    @property
    def composition(self) -> dict[int, int]:
        """Atoms of each element, by atomic number, in the conventional cell."""
        counts: Counter[int] = Counter()
        for number, letter in self.sites:
            counts[number] += self.table.multiplicity(letter)
        return dict(sorted(counts.items()))

    @property
    def reduced_composition(self) -> dict[int, int]:
        """Atoms of each element in one formula unit."""
        counts = self.composition
        divisor = reduce(gcd, counts.values())
        return {number: count // divisor for number, count in counts.items()}

    @property
    def formula(self) -> str:
        """Reduced formula, the most electropositive element first: ``Cs2Pt3Se7``."""
        counts = self.reduced_composition
        ordered = sorted(counts, key=lambda number: (electronegativity(number), symbol(number)))
        return "".join(f"{symbol(z)}{counts[z] if counts[z] > 1 else ''}" for z in ordered)

    @property
    def elements(self) -> tuple[int, ...]:
        """Distinct atomic numbers, ascending."""
        return tuple(sorted({number for number, _ in self.sites}))

    @property
    def n_atoms(self) -> int:
        """Atoms in the conventional cell."""
        return sum(self.table.multiplicity(letter) for _, letter in self.sites)

    @property
    def degrees_of_freedom(self) -> int:
        """Free internal coordinates, summed over the orbits (the lattice not counted)."""
        return sum(self.table.degrees_of_freedom(letter) for _, letter in self.sites)

    @property
    def site_symmetries(self) -> tuple[str, ...]:
        """Oriented site-symmetry symbol of every orbit, in the order of :attr:`sites`."""
        return tuple(self.table.site_symmetry(letter) for _, letter in self.sites)

    def orbit(self) -> tuple[WyckoffGene, ...]:
        """The distinct genes that the Euclidean normalizer makes of this one, itself included, sorted."""
        return tuple(self._with_sites(sites) for sites in sorted(self._descriptions()))

    def canonical(self) -> WyckoffGene:
        """The least gene of :meth:`orbit`: the same for all descriptions of one crystal."""
        return self._with_sites(min(self._descriptions()))

    def mirror_image(self) -> WyckoffGene:
        """The gene of the mirror image: the same letters, in the other group of an enantiomorphic pair.

        Outside these pairs a crystal and its mirror image have the same gene. The image of a canonical gene is
        canonical.
        """
        return self._with_sites(self.sites, mirror_group(self.space_group))

    def without_hand(self) -> WyckoffGene:
        """The lesser of a canonical gene and its mirror image: the same for a crystal of either hand."""
        canonical = self.canonical()
        return min(canonical, canonical.mirror_image())

    def template(self) -> str:
        """The occupied positions without their elements, ``225|a1b1``: the group, then each letter with its orbits.

        The same for every description of a crystal, for its mirror image, and whatever the elements are. The letters
        are those of the least description, the group of an enantiomorphic pair the lesser one.
        """
        letters = [letter for _, letter in self.sites]
        least = min(
            tuple(sorted([images[letter] for letter in letters])) for images in letter_permutations(self.space_group)
        )
        group = min(self.space_group, mirror_group(self.space_group))
        return f"{group}|" + "".join(f"{letter}{count}" for letter, count in Counter(least).items())

    def _descriptions(self) -> set[tuple[tuple[int, str], ...]]:
        return {
            tuple(sorted([(number, images[letter]) for number, letter in self.sites]))
            for images in letter_permutations(self.space_group)
        }

    def _with_sites(self, sites: tuple[tuple[int, str], ...], number: int | None = None) -> WyckoffGene:
        """A gene of the same or another group; the sites are sorted and valid, so that no check is repeated."""
        gene = object.__new__(WyckoffGene)
        object.__setattr__(gene, "space_group", number or self.space_group)
        object.__setattr__(gene, "sites", sites)
        return gene

    def __str__(self) -> str:
        """Text form, ``166|Se:bh|Cs:c|Pt:e``: the group, then each element with its letters, by atomic number."""
        letters: dict[int, str] = {}
        for number, letter in self.sites:
            letters[number] = letters.get(number, "") + letter
        return "|".join([str(self.space_group), *(f"{symbol(z)}:{word}" for z, word in letters.items())])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises:
            InvalidGeneError: the text is malformed or names a gene that cannot exist.
        """
        group, *words = text.strip().split("|")
        if not group.isdecimal() or len(group) > 9 or not words:
            raise InvalidGeneError(f"{text!r} is not a gene; write it like '225|Na:a|Cl:b'")
        sites: list[tuple[int, str]] = []
        for word in words:
            element, colon, letters = word.partition(":")
            if not colon or not letters:
                raise InvalidGeneError(f"{word!r} in {text!r} is not 'Element:letters'; write it like 'Se:bh'")
            sites.extend((atomic_number(element), letter) for letter in letters)
        return cls(int(group), tuple(sites))


def _checked_sites(group: SpaceGroup, sites: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    checked: list[tuple[int, str]] = []
    full: set[str] = set()
    for number, letter in sites:
        if type(number) is not int:
            number = _whole(number)
        if not 1 <= number <= MAX_ATOMIC_NUMBER:
            raise InvalidGeneError(f"atomic number {number} given; allowed are 1 to {MAX_ATOMIC_NUMBER}")
        if group.position(letter).degrees_of_freedom == 0:
            if letter in full:
                raise InvalidGeneError(
                    f"Wyckoff position {letter!r} of space group {group.number} has no free parameter and is occupied "
                    "more than once; it can hold one orbit"
                )
            full.add(letter)
        checked.append((number, letter))
    if not checked:
        raise InvalidGeneError("a gene needs at least one occupied Wyckoff position, got none")
    return checked


def _whole(number: SupportsIndex) -> int:
    try:
        return index(number)
    except TypeError:
        raise InvalidGeneError(f"atomic number {number!r} given; allowed are whole numbers from 1 to 118") from None
