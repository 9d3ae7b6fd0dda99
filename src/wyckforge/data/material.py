"""What a forward model is asked about: a gene and, where there is one, its structure."""

from __future__ import annotations

from dataclasses import dataclass

from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC, Detection, detect
from wyckforge.symmetry.gene import WyckoffGene


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A crystal as far as it is known.

    Attributes:
        gene: canonical.
        structure: conventional cell with its letters, and the gene as they spell it; ``None`` before there is one.
    """

    gene: WyckoffGene
    structure: Detection | None = None

    @classmethod
    def of_crystal(cls, crystal: Crystal, *, symprec: float = SYMPREC) -> Material:
        """The material of a structure.

        Raises:
            StructureError: its symmetry cannot be determined.
        """
        found = detect(crystal, symprec=symprec)
        return cls(found.gene.canonical(), found)

    @property
    def known_structure(self) -> Detection:
        """The structure, of a material that has one.

        Raises:
            ValueError: it has none.
        """
        if self.structure is None:
            raise ValueError(f"{self.gene} has no structure")
        return self.structure
