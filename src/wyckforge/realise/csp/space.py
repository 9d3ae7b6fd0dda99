"""Where the structure of a formula may be: space groups, formula units, and the genes of each, with their plausibility.

The plausibility of a gene is the product of two numbers that known crystals give: how frequent its space group and
number of formula units are among crystals of the same stoichiometry, and how probable its orbits are in that space
group if every position is occupied independently of the others, given the composition.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from heapq import merge
from itertools import islice

import numpy as np

from wyckforge.data.atomic_volumes import atomic_volumes
from wyckforge.data.positions import KnownPositions, known_positions, stoichiometry
from wyckforge.errors import TargetError
from wyckforge.realise.csp.combinations import Combinations
from wyckforge.realise.formulas import read_formula
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group
from wyckforge.targets import parse_counts

MOST_ATOMS = 200
"""In the conventional cell; larger cells are beyond what the enumeration and the potentials are made for."""

MOST_SUMS = 50_000_000
"""Bound on the numbers that the sums over the genes of all settings keep (:attr:`Combinations.size
<wyckforge.realise.csp.combinations.Combinations.size>`): about two minutes and 1 GB."""

UNSEEN = 0.5
"""Weight, in crystals, of a setting in which none of the stoichiometry is known, if its space group has as many known
crystals as the mean; others in proportion."""


@dataclass(frozen=True, eq=False)
class Setting:
    """A space group and a number of formula units.

    Attributes:
        space_group: number.
        z: formula units in the conventional cell.
        genes: its combinations.
        share: probability of the setting; they sum to 1.
    """

    space_group: int
    z: int
    genes: Combinations
    share: float


class SearchSpace:
    """The genes that a formula can have.

    Args:
        settings: at least one, each with at least one gene.
    """

    def __init__(self, settings: tuple[Setting, ...]) -> None:
        self.settings = settings

    @classmethod
    def of(
        cls, formula: str, z: range, groups: frozenset[int] | None = None, known: KnownPositions | None = None
    ) -> SearchSpace:
        """The search space of a formula.

        Args:
            formula: ``CaTiO3``; a common divisor of the coefficients is taken out.
            z: numbers of formula units in the conventional cell.
            groups: space groups; ``None`` takes those in which crystals of the same stoichiometry are known, or any
                crystal where there are none.
            known: counts over known crystals; the bundled ones if omitted.

        Raises:
            TargetError: the formula is malformed, a cell would be too large, there are more combinations than can be
                summed over, or no gene fits.
        """
        known = known or known_positions()
        unit = composition(formula)
        size = sum(unit.values())
        if size * max(z) > MOST_ATOMS:
            raise TargetError(
                f"{max(z)} formula units of {formula} are {size * max(z)} atoms; at most {MOST_ATOMS} are allowed"
            )
        seen = known.settings.get(stoichiometry(unit.values()), {})
        if groups is None:
            groups = frozenset(group for group, _ in seen) or frozenset(known.crystals)
        everything = []
        for number in sorted(groups):
            weights = _weights(number, len(unit), known)
            for units in z:
                genes = Combinations(number, {element: units * n for element, n in unit.items()}, weights)
                everything.append((number, units, genes))
        _refuse_too_many(formula, everything)
        found = []
        for number, units, genes in everything:
            if np.isfinite(genes.log_total):
                frequency = 230 * (known.crystals.get(number, 0) + 1) / (sum(known.crystals.values()) + 230)
                found.append((number, units, genes, seen.get((number, units), 0) + UNSEEN * frequency))
        if not found:
            raise TargetError(
                f"no combination of Wyckoff positions holds {formula} with Z {_range(z)} in the space groups asked "
                "for; give another --z (formula units in the conventional cell) or --space-group"
            )
        whole = sum(weight for *_, weight in found)
        return cls(tuple(Setting(number, units, genes, weight / whole) for number, units, genes, weight in found))

    @property
    def distinct(self) -> int:
        """Genes, those that the normalizer makes equal counted once."""
        return sum(setting.genes.distinct for setting in self.settings)

    def log_plausibility(self, setting: Setting, log_weight: float) -> float:
        """Logarithm of the plausibility of a gene of that weight in a setting."""
        return math.log(setting.share) + log_weight - setting.genes.log_total

    def ranked(self) -> Iterator[WyckoffGene]:
        """Every canonical gene once, the most plausible first."""
        return (gene for _, gene in merge(*map(self._stream, self.settings), key=lambda item: -item[0]))

    def sequential(self) -> Iterator[WyckoffGene]:
        """:meth:`ranked`, then again and again those with free coordinates, for further starts of each."""
        yield from self.ranked()
        while True:
            again = (gene for gene in self.ranked() if gene.degrees_of_freedom)
            if (first := next(again, None)) is None:
                return
            yield first
            yield from again

    def random(self, rng: np.random.Generator, misses: int = 1000) -> Iterator[WyckoffGene]:
        """Draws in proportion to plausibility; a gene comes again only if it leaves coordinates free.

        Ends where ``misses`` draws in a row gave nothing new.
        """
        shares = np.array([setting.share for setting in self.settings])
        done: set[WyckoffGene] = set()
        missed = 0
        while missed < misses:
            gene = self.settings[rng.choice(len(shares), p=shares)].genes.draw(rng)
            missed += 1
            if gene not in done:
                missed = 0
                yield gene
            if not gene.degrees_of_freedom:
                done.add(gene)

    def rank_of(self, gene: WyckoffGene, limit: int) -> int | None:
        """Place of a gene in :meth:`ranked`, from 1; ``None`` if it is not among the first ``limit``."""
        wanted = gene.canonical()
        return next((k for k, one in enumerate(islice(self.ranked(), limit), start=1) if one == wanted), None)

    def _stream(self, setting: Setting) -> Iterator[tuple[float, WyckoffGene]]:
        return ((self.log_plausibility(setting, weight), gene) for weight, gene in setting.genes.ranked())


def composition(formula: str) -> dict[int, int]:
    """Atoms in one formula unit by atomic number: ``Ca2Ti2O6`` is read as CaTiO3.

    Raises:
        TargetError: the formula is malformed, holds no element, or has broken coefficients; or of an element no crystal
            is known by which the size of cells could be told.
    """
    try:
        amounts = read_formula(formula)
        if any(amount != int(amount) for amount in amounts.values()):
            raise ValueError("coefficients must be positive whole numbers")
    except ValueError as error:
        raise TargetError(f"formula {formula!r} given ({error}); write it like CaTiO3 or Ca(OH)2") from None
    counts = {element: int(amount) for element, amount in amounts.items()}
    if unknown := sorted(name for name in map(symbol, counts) if name not in atomic_volumes()):
        raise TargetError(
            f"formula {formula!r} given; no atomic volume is known for {', '.join(unknown)}, so that no cell can be "
            "drawn; give a formula of other elements"
        )
    divisor = reduce(math.gcd, counts.values())
    return {element: count // divisor for element, count in sorted(counts.items())}


def units(text: str) -> range:
    """Numbers of formula units: ``4`` or ``1:4``.

    Raises:
        TargetError: it is not a positive number or a closed interval of them.
    """
    interval = parse_counts(text, "Z")
    if math.isinf(interval.high):
        raise TargetError(f"Z {text!r} given; write a number or a closed interval of formula units, like 4 or 1:4")
    return range(int(max(interval.low, 1)), int(interval.high) + 1)


def _refuse_too_many(formula: str, settings: Sequence[tuple[int, int, Combinations]]) -> None:
    """Refuse what would take too much time and memory, before any of it is spent.

    Raises:
        TargetError: the sums over the genes of all settings keep more numbers than :data:`MOST_SUMS`.
    """
    sizes = {(number, z): genes.size for number, z, genes in settings}
    if (total := sum(sizes.values())) > MOST_SUMS:
        number, z = max(sizes, key=sizes.__getitem__)
        raise TargetError(
            f"{formula} has too many combinations of Wyckoff positions in {len(sizes):,} settings, most of them in "
            f"space group {number} with Z {z}: {total:.1e} numbers to keep, at most {MOST_SUMS:.0e} are allowed; give "
            "fewer --z or --space-group"
        )


def _weights(number: int, n_elements: int, known: KnownPositions) -> Mapping[str, float]:
    """Factor of an orbit by letter, from the expected number of orbits there.

    Independent positions of one rate r, shared among the elements: a position without free coordinates holds no orbit
    or one (odds r / (1 − r)), one with holds k with a geometric distribution (ratio r / (1 + r)).
    """
    weights = {}
    for letter, position in space_group(number).positions.items():
        rate = known.rate(number, letter)
        if position.degrees_of_freedom:
            weights[letter] = rate / n_elements / (1 + rate / n_elements)
        else:
            weights[letter] = rate / (1 - rate) / n_elements
    return weights


def _range(z: range) -> str:
    return str(z[0]) if len(z) == 1 else f"{z[0]}:{z[-1]}"
