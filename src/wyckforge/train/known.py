"""What a model has seen: the crystals of its training and validation parts, as hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.split import chemical_system
from wyckforge.errors import CheckpointError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.hashes import hash_set, text_hash

_HASHES = ("genes", "formulas", "systems", "templates")
_GROUPS = "groups"


@dataclass(frozen=True, eq=False)
class KnownCrystals:
    """A set of crystals that answers whether one of them was in it, up to a collision of 64-bit hashes.

    Attributes:
        genes: (k,) sorted hashes of the canonical genes.
        formulas: (k,) sorted hashes of their reduced formulas.
        systems: (k,) sorted hashes of their chemical systems.
        templates: (k,) sorted hashes of their :meth:`~wyckforge.symmetry.gene.WyckoffGene.template`.
        groups: (230,) distinct canonical genes of each space group.
    """

    genes: NDArray[np.uint64]
    formulas: NDArray[np.uint64]
    systems: NDArray[np.uint64]
    templates: NDArray[np.uint64]
    groups: NDArray[np.int64]

    @classmethod
    def from_genes(cls, genes: Iterable[WyckoffGene]) -> Self:
        """The set of the given crystals, in any description; repeated ones count once."""
        distinct = {gene.canonical() for gene in genes}
        numbers = np.fromiter((gene.space_group for gene in distinct), np.int64, len(distinct))
        return cls(
            genes=hash_set(map(str, distinct)),
            formulas=hash_set(gene.formula for gene in distinct),
            systems=hash_set(map(chemical_system, distinct)),
            templates=hash_set(gene.template() for gene in distinct),
            groups=np.bincount(numbers - 1, minlength=230),
        )

    def with_genes(self, genes: Iterable[WyckoffGene]) -> Self:
        """The set with more crystals, in any description; those that are in it count once."""
        more = self.from_genes(gene for gene in genes if not _holds(self.genes, str(gene.canonical())))
        hashes = {name: np.union1d(getattr(self, name), getattr(more, name)) for name in _HASHES}
        return type(self)(**hashes, groups=self.groups + more.groups)

    def __len__(self) -> int:
        return len(self.genes)

    def has_gene(self, gene: WyckoffGene) -> bool:
        """Whether the crystal or its mirror image is in the set, in any description."""
        canonical = gene.canonical()
        return any(_holds(self.genes, str(hand)) for hand in {canonical, canonical.mirror_image()})

    def has_formula(self, gene: WyckoffGene) -> bool:
        """Whether a crystal of the same reduced formula is in the set."""
        return _holds(self.formulas, gene.formula)

    def has_system(self, gene: WyckoffGene) -> bool:
        """Whether a crystal of exactly the same elements is in the set."""
        return _holds(self.systems, chemical_system(gene))

    def has_template(self, gene: WyckoffGene) -> bool:
        """Whether a crystal of the same group that occupies the same positions is in the set, of either hand."""
        return _holds(self.templates, gene.template())

    def to_arrays(self) -> dict[str, NDArray[np.uint64] | NDArray[np.int64]]:
        """Arrays by name, ready for safetensors."""
        return {name: getattr(self, name) for name in (*_HASHES, _GROUPS)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of :meth:`to_arrays`.

        Raises:
            CheckpointError: an array is absent, or not what :meth:`to_arrays` gives.
        """
        if missing := [name for name in (*_HASHES, _GROUPS) if name not in arrays]:
            raise CheckpointError(
                f"the known crystals lack {', '.join(missing)} (given: {', '.join(arrays) or 'nothing'}); "
                "save the checkpoint again with this version"
            )
        for name in _HASHES:
            hashes = arrays[name]
            if hashes.dtype != np.uint64 or hashes.ndim != 1 or (hashes[1:] <= hashes[:-1]).any():
                raise CheckpointError(f"{name} of the known crystals are no ascending 64-bit hashes; fetch them again")
        groups = arrays[_GROUPS]
        if groups.dtype != np.int64 or groups.shape != (230,) or (groups < 0).any():
            raise CheckpointError("groups of the known crystals are not counts of 230 space groups; fetch them again")
        return cls(**{name: arrays[name] for name in (*_HASHES, _GROUPS)})


def _holds(hashes: NDArray[np.uint64], text: str) -> bool:
    wanted = np.uint64(text_hash(text))
    place = int(np.searchsorted(hashes, wanted))
    return place < len(hashes) and bool(hashes[place] == wanted)
