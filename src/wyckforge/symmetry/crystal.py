"""A crystal as plain arrays: the one structure type that travels between the rooms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import StructureError


@dataclass(frozen=True, eq=False)
class Crystal:
    """A periodic arrangement of atoms.

    Attributes:
        lattice: (3, 3) row vectors a, b, c in Å.
        numbers: (n,) atomic numbers.
        frac_coords: (n, 3) fractional coordinates.

    Raises:
        StructureError: shapes disagree, a value is no finite number, or the cell has no volume.
    """

    lattice: NDArray[np.float64]
    numbers: NDArray[np.int64]
    frac_coords: NDArray[np.float64]

    def __post_init__(self) -> None:
        try:
            lattice, numbers, coords = (
                np.array(values, dtype=np.float64).reshape(-1)  # a copy: what the caller does later stays outside
                for values in (self.lattice, self.numbers, self.frac_coords)
            )
        except (TypeError, ValueError) as error:
            raise StructureError(f"a lattice, atomic numbers and coordinates must be plain numbers ({error})") from None
        if lattice.size != 9:
            raise StructureError(f"a lattice needs 9 numbers (three row vectors in Å), got {lattice.size}")
        if numbers.size == 0 or coords.size != 3 * numbers.size:
            raise StructureError(
                f"{numbers.size} atoms with {coords.size} coordinates; give at least one atom and three "
                "fractional coordinates for each"
            )
        if not (np.isfinite(lattice).all() and np.isfinite(coords).all()):
            raise StructureError("the lattice or the coordinates hold NaN or infinity; only finite numbers are allowed")
        cell = lattice.reshape(3, 3)
        if abs(np.linalg.det(cell)) < 1e-3:
            raise StructureError("the lattice vectors span no volume; check the cell parameters")
        if not ((numbers >= 1) & (numbers <= 118) & (numbers == np.rint(numbers))).all():
            raise StructureError(
                f"atomic numbers {numbers.min():g}…{numbers.max():g} given; allowed are whole numbers from 1 to 118"
            )
        object.__setattr__(self, "lattice", cell)
        object.__setattr__(self, "numbers", numbers.astype(np.int64))
        object.__setattr__(self, "frac_coords", coords.reshape(-1, 3))

    def __len__(self) -> int:
        return int(self.numbers.size)

    @property
    def volume(self) -> float:
        """Cell volume in Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    def content(self) -> bytes:
        """What makes the structure, up to the sixth digit: those behind it differ from machine to machine."""
        coords = np.round(self.frac_coords % 1.0, 6) % 1.0 + 0.0
        return b"".join(part.tobytes() for part in (np.round(self.lattice, 6) + 0.0, self.numbers, coords))

    def to_dict(self) -> dict[str, list[float] | list[int]]:
        """JSON-ready form with flat lists, as in the Parquet layout."""
        return {
            "lattice": self.lattice.reshape(-1).tolist(),
            "numbers": self.numbers.tolist(),
            "frac_coords": self.frac_coords.reshape(-1).tolist(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, list[float] | list[int]]) -> Crystal:
        """Inverse of :meth:`to_dict`."""
        return cls(np.asarray(data["lattice"]), np.asarray(data["numbers"]), np.asarray(data["frac_coords"]))
