"""The 4,905 AFLOW compounds of the paper's Table 1, with their published splits.

    python benchmarks/aflow.py aflow.csv     # for the tutorial: a table as people have it, a CIF text in every row

It takes some three minutes.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.data.readers import read_structures
from wyckforge.data.rows import RawRow
from wyckforge.errors import MissingDependencyError, TableError, WyckforgeError
from wyckforge.execute.outputs import cif
from wyckforge.files import write_atomically
from wyckforge.train.forward.method import Task

ROOT = Path(__file__).resolve().parents[1]
STRUCTURES = ROOT.parent / "shared" / "data" / "aflow_structures.parquet"

GROUPS = {
    "mechanical": ("bulk_modulus", "shear_modulus", "debye_temperature"),
    "thermal": ("thermal_conductivity", "thermal_expansion"),
}
"""Properties that share a published split. A model learns those of one group together, never those of the other: a
crystal of the test part of one can be in the training part of the other."""

PROPERTIES = tuple(name for names in GROUPS.values() for name in names)


@dataclass(frozen=True, eq=False)
class Aflow:
    """The compounds.

    Attributes:
        materials: n of them.
        labels: (n,) by property, units of :mod:`wyckforge.properties`, NaN where missing.
        parts: (n,) ``train``, ``val`` or ``test`` by property, empty where it has no label.
    """

    materials: list[Material]
    labels: dict[str, NDArray[np.float64]]
    parts: dict[str, NDArray[np.str_]]

    @classmethod
    def read(cls, path: Path = STRUCTURES) -> Aflow:
        """Read the file and find the symmetry of every structure.

        Raises:
            MissingDependencyError: there is no such file.
            TableError: a structure in it cannot be read.
        """
        rows = _rows(path)
        if broken := [row.id for row in rows if row.crystal is None]:
            raise TableError(f"{path} has structures that cannot be read, first that of {broken[0]}; fetch it again")
        columns = pq.read_table(path, columns=[f"split_{name}" for name in PROPERTIES]).to_pydict()
        return cls(
            [Material.of_crystal(row.crystal) for row in rows if row.crystal is not None],
            {name: np.array([_number(row.labels[name]) for row in rows]) for name in PROPERTIES},
            {name: np.array([part or "" for part in columns[f"split_{name}"]]) for name in PROPERTIES},
        )

    def task(self, group: str, seed: int) -> Task:
        """What a model learns about the properties of a group."""
        names = GROUPS[group]
        return Task(
            self.materials,
            {name: self.labels[name] for name in names},
            self.rows(group, "train"),
            self.rows(group, "val"),
            seed=seed,
        )

    def rows(self, group: str, part: str) -> NDArray[np.int64]:
        """Rows of a part of a group's split."""
        return np.flatnonzero(self.parts[GROUPS[group][0]] == part)


def write_csv(source: Path, out: Path) -> int:
    """Write id, CIF and the five labels of every compound; how many there are.

    Raises:
        MissingDependencyError: there is no such source.
    """
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["id", "cif", *PROPERTIES])
    rows = [row for row in _rows(source) if row.crystal is not None]
    for row in tqdm(rows, desc="compounds", unit="compound"):
        table.writerow([row.id, cif(row.crystal), *(row.labels[name] for name in PROPERTIES)])
    write_atomically(out, buffer.getvalue().encode())
    return len(rows)


def _rows(path: Path) -> list[RawRow]:
    if not path.exists():
        raise MissingDependencyError(f"{path} is absent; give the shared AFLOW structures with --data")
    return list(read_structures(path))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def main() -> None:
    """Write the compounds as a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="CSV file to write")
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared AFLOW structures (Parquet)")
    options = parser.parse_args()
    try:
        print(f"wrote {write_csv(options.data, options.out):,} compounds to {options.out}")
    except (WyckforgeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
