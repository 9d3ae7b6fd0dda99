"""The Parquet layout of a :class:`~wyckforge.data.table.GeneTable`.

Columns: ``id``; ``gene`` in its text form; ``given_space_group``; for every label ``<name>`` (null where missing, unit
in the field's metadata) and ``<name>_source``; with structures also ``lattice`` (9 floats, Å), ``numbers`` and
``frac_coords`` (row-major), null where a row has none. The schema metadata holds the format version, the label names
and the provenance as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.labels import LabelColumn
from wyckforge.errors import InvalidGeneError, StructureError, TableError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
_METADATA_KEY = b"wyckforge"


def write_columns(
    path: Path,
    *,
    ids: Sequence[str],
    genes: Sequence[WyckoffGene],
    labels: Mapping[str, LabelColumn],
    crystals: Sequence[Crystal | None] | None,
    given_space_groups: NDArray[np.int64],
    provenance: Mapping[str, Any],
) -> None:
    """Write the fields of a table; the file appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: list[tuple[pa.Field, Any]] = [
        (pa.field("id", pa.string()), list(ids)),
        (pa.field("gene", pa.string()), [str(gene) for gene in genes]),
        (pa.field("given_space_group", pa.uint8()), given_space_groups),
    ]
    for name, label in labels.items():
        columns.append((pa.field(name, pa.float64(), metadata={"unit": label.unit}), _nulled(label.values)))
        columns.append((pa.field(f"{name}_source", pa.string()), label.sources.tolist()))
    if crystals is not None:
        columns += [
            (
                pa.field(name, pa.list_(kind)),
                [None if crystal is None else getattr(crystal, name).reshape(-1) for crystal in crystals],
            )
            for name, kind in (("lattice", pa.float64()), ("numbers", pa.uint8()), ("frac_coords", pa.float64()))
        ]
    metadata = {"version": FORMAT_VERSION, "labels": list(labels), "provenance": dict(provenance)}
    schema = pa.schema([kind for kind, _ in columns], metadata={_METADATA_KEY: json.dumps(metadata).encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    arrays = [pa.array(values, type=kind.type) for kind, values in columns]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), partial, compression="zstd", compression_level=19)
    partial.replace(path)


def read_columns(path: Path) -> dict[str, Any]:
    """The constructor arguments of the table in a file.

    Raises:
        TableError: absent, truncated, foreign, or of a later version.
    """
    stored = read_parquet(path)
    metadata = _metadata(stored, path)
    labels = metadata["labels"]
    wanted = ["id", "gene", "given_space_group", *labels, *(f"{name}_source" for name in labels)]
    if missing := [name for name in wanted if name not in stored.column_names]:
        raise TableError(f"{path} lacks the column {missing[0]!r} of a gene table; build it again with 'data build'")
    try:
        return {
            "ids": tuple(map(str, stored["id"].to_pylist())),
            "genes": tuple(WyckoffGene.parse(text) for text in stored["gene"].to_pylist()),
            "labels": {
                name: LabelColumn(
                    values=stored[name].to_numpy(),
                    unit=(stored.schema.field(name).metadata or {}).get(b"unit", b"").decode(),
                    sources=np.array(stored[f"{name}_source"].to_pylist(), dtype=np.str_),
                )
                for name in labels
            },
            "crystals": read_crystals(stored) if "lattice" in stored.column_names else None,
            "given_space_groups": stored["given_space_group"].to_numpy(),
            "provenance": metadata["provenance"],
        }
    except (InvalidGeneError, StructureError, ValueError, AttributeError, KeyError) as error:
        raise TableError(f"{path} is damaged: {error}; build it again with 'data build'") from None


def read_parquet(path: Path) -> pa.Table:
    """Any Parquet file.

    Raises:
        TableError: absent, or not a whole Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise TableError(f"{path} does not exist; give an existing Parquet file")
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise TableError(f"{path} is not a whole Parquet file ({first}); give one that is") from None


def read_crystals(stored: pa.Table) -> tuple[Crystal | None, ...]:
    """The structures of the columns ``lattice``, ``numbers`` and ``frac_coords``.

    Raises:
        StructureError: one of them is impossible.
    """
    rows = zip(*(list_column(stored, name) for name in ("lattice", "numbers", "frac_coords")), strict=True)
    return tuple(Crystal(lattice, numbers, coords) if lattice.size else None for lattice, numbers, coords in rows)


def list_column(stored: pa.Table, name: str) -> list[NDArray[Any]]:
    """A column of number lists as one array per row, empty for null; far faster than going through Python lists."""
    import pyarrow.compute as pc

    column = stored[name].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _metadata(stored: pa.Table, path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads((stored.schema.metadata or {})[_METADATA_KEY])
        version, _, _ = int(metadata["version"]), metadata["labels"], metadata["provenance"]
    except (KeyError, ValueError, TypeError):
        raise TableError(
            f"{path} is a Parquet file but not a gene table; make one from it with 'wyckforge data build'"
        ) from None
    if version > FORMAT_VERSION:
        raise TableError(f"{path} has table format {version}, known are up to {FORMAT_VERSION}; update wyckforge")
    return dict(metadata)


def _nulled(values: NDArray[np.float64]) -> list[float | None]:
    return [None if missing else value for value, missing in zip(values.tolist(), np.isnan(values), strict=True)]
