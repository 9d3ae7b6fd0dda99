"""How often the space groups, and the Wyckoff positions of each, are occupied in known crystals."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.normalizer import letter_permutations
from wyckforge.symmetry.tables import space_group

BUNDLED = "positions.json"


@dataclass(frozen=True, slots=True)
class KnownPositions:
    """Counts over known crystals.

    Attributes:
        settings: by stoichiometry (``1:1:3``, coefficients ascending), the crystals of each space group and number of
            formula units in the conventional cell.
        crystals: of each space group.
        orbits: of each space group, the orbits on each letter.
    """

    settings: Mapping[str, Mapping[tuple[int, int], int]]
    crystals: Mapping[int, int]
    orbits: Mapping[int, Mapping[str, int]]

    @classmethod
    def count(cls, genes: Iterable[WyckoffGene]) -> KnownPositions:
        """Count over genes."""
        settings: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
        crystals: Counter[int] = Counter()
        orbits: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for gene in genes:
            reduced = gene.reduced_composition
            setting = gene.space_group, gene.n_atoms // sum(reduced.values())
            settings[stoichiometry(reduced.values())][setting] += 1
            crystals[gene.space_group] += 1
            orbits[gene.space_group].update(letter for _, letter in gene.sites)
        return cls(settings, crystals, orbits)

    def rate(self, number: int, letter: str) -> float:
        """Expected orbits per crystal on a letter; letters that the normalizer makes equal share theirs.

        Half an orbit is added to each, and a crystal, so that nothing is impossible (R. E. Krichevsky and V. K.
        Trofimov, IEEE Trans. Inf. Theory 27, 199 (1981)).
        """
        alike = {images[letter] for images in letter_permutations(number)}
        seen = sum(self.orbits.get(number, {}).get(other, 0) for other in alike) / len(alike)
        return (seen + 0.5) / (self.crystals.get(number, 0) + 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; letters as one list per group, in their order."""
        return {
            "settings": {
                ratio: [[*setting, n] for setting, n in sorted(counts.items())]
                for ratio, counts in sorted(self.settings.items())
            },
            "groups": {
                str(number): [n, *(self.orbits[number].get(letter, 0) for letter in space_group(number).letters)]
                for number, n in sorted(self.crystals.items())
            },
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> KnownPositions:
        """Inverse of :meth:`to_dict`."""
        groups = {int(number): row for number, row in data["groups"].items()}
        return cls(
            {ratio: {(group, z): n for group, z, n in rows} for ratio, rows in data["settings"].items()},
            {number: row[0] for number, row in groups.items()},
            {number: dict(zip(space_group(number).letters, row[1:], strict=True)) for number, row in groups.items()},
        )


@cache
def known_positions() -> KnownPositions:
    """The counts that come with the package, over 46,431 different genes of the Materials Project.

    Made by ``tools/count_positions.py``.
    """
    return KnownPositions.from_dict(json.loads(files("wyckforge.data").joinpath(BUNDLED).read_text(encoding="utf-8")))


def stoichiometry(coefficients: Iterable[int]) -> str:
    """Coefficients of a reduced formula, ascending: ``1:1:3``."""
    return ":".join(map(str, sorted(coefficients)))
