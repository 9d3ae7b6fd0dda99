"""Rows from files: Parquet with arrays, CSV with a ``cif`` column, CIF and POSCAR files or folders of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wyckforge.data.cells import read_number, text_in
from wyckforge.data.csv_file import columns_of, records_of
from wyckforge.data.rows import Problem, RawRow, Rule
from wyckforge.data.storage import list_column, read_parquet
from wyckforge.data.structures import RejectedStructure, from_ase, from_pymatgen, parse_cif, parse_poscar
from wyckforge.errors import StructureError, TableError
from wyckforge.properties import KNOWN
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    import pyarrow as pa
    from ase import Atoms
    from pymatgen.core import Structure

ALIASES: Mapping[str, str] = {"formation_energy_per_atom": "formation_energy", "e_above_hull": "energy_above_hull"}
"""Property name by the column name that databases use for it."""

UNSTATED = "unstated"
"""Vintage of labels given with an object in memory, without one."""

ID_COLUMNS = ("material_id", "id", "entry")
"""Columns that hold identifiers, the first that is there."""

TABLES = (".csv", ".parquet")
"""Endings of files with one crystal per row."""

_STRUCTURE_COLUMNS = ("lattice", "numbers", "frac_coords")
_GROUP_COLUMNS = ("given_space_group", "space_group_number", "spacegroup.number")
_POSCAR_NAMES = ("POSCAR", "CONTCAR")
_POSCAR_SUFFIXES = (".poscar", ".vasp", ".contcar")


@dataclass(frozen=True)
class Rows:
    """Rows that are read as they are asked for; the number of them is known beforehand, for progress."""

    rows: Iterator[RawRow]
    count: int

    def __iter__(self) -> Iterator[RawRow]:
        return self.rows

    def __len__(self) -> int:
        return self.count


def read_structures(
    path: Path | str, *, labels: Sequence[str] | None = None, id_column: str | None = None, cif_column: str = "cif"
) -> Rows:
    """Rows of a file or folder; a row that cannot be read carries its problem and does not end the reading.

    The vintage of a label is the text in ``<name>_source`` (or ``<column>_source``), else that in
    ``structure_source``, else the name of the file.

    Args:
        path: ``.parquet`` with the columns ``lattice``, ``numbers``, ``frac_coords``; ``.csv`` with CIF text in
            ``cif_column``; a CIF or POSCAR file; or a folder of those, read with its sub-folders.
        labels: label columns; by default those whose name (or alias in :data:`ALIASES`) is in
            :data:`wyckforge.properties.KNOWN`.
        id_column: column with the identifiers; by default ``material_id``, ``id`` or ``entry``, else the row number.
        cif_column: column with the CIF text of a CSV.

    Raises:
        TableError: nothing to read there, or a named column is absent.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and _is_structure_file(file))
        if not files:
            raise TableError(f"{path} holds no CIF or POSCAR file; give a folder with *.cif, *.vasp or POSCAR files")
        return Rows((_file_row(file, _name_in(path, file)) for file in files), len(files))
    require_input(path)
    if path.suffix == ".parquet":
        return _parquet_rows(path, labels, id_column)
    if path.suffix == ".csv":
        return _csv_rows(path, labels, id_column, cif_column)
    if _is_structure_file(path):
        return Rows(iter([_file_row(path, _name_in(path.parent, path))]), 1)
    raise TableError(f"{path} is of no known kind; give a .parquet, .csv, .cif, .vasp or POSCAR file, or a folder")


def require_input(path: Path) -> None:
    """Pass if there is something to read.

    Raises:
        TableError: there is not.
    """
    if not path.exists():
        raise TableError(f"{path} does not exist; give a .parquet, .csv, .cif or POSCAR file, or a folder of them")


def rows_from_objects(
    structures: Iterable[Structure | Atoms],
    *,
    ids: Sequence[str] | None = None,
    labels: Mapping[str, Sequence[float | None]] | None = None,
    source: str = UNSTATED,
) -> Iterator[RawRow]:
    """Rows from pymatgen structures or ASE atoms.

    Args:
        structures: the objects; both kinds may be mixed.
        ids: their identifiers, by default their number from 0.
        labels: values by property name, in the unit of :mod:`wyckforge.properties`.
        source: vintage of all labels.
    """
    labels = labels or {}
    for number, structure in enumerate(structures):
        crystal, problem = _attempt(from_pymatgen if hasattr(structure, "lattice") else from_ase, structure)
        yield RawRow(
            id=ids[number] if ids is not None else str(number),
            crystal=crystal,
            labels={name: values[number] for name, values in labels.items()},
            sources=dict.fromkeys(labels, source),
            problem=problem,
        )


def _parquet_rows(path: Path, labels: Sequence[str] | None, id_column: str | None) -> Rows:
    stored = read_parquet(path)
    columns = _Columns(path, stored.column_names, labels, id_column, required=_STRUCTURE_COLUMNS)
    scalars = {name: stored[name].to_pylist() for name in columns.scalar_names}
    arrays = [_array_column(stored, name, path) for name in _STRUCTURE_COLUMNS]

    def rows() -> Iterator[RawRow]:
        for number, arrays_of_row in enumerate(zip(*arrays, strict=True)):
            crystal, problem = _attempt(_from_arrays, *arrays_of_row)
            yield columns.row(number, {name: values[number] for name, values in scalars.items()}, crystal, problem)

    return Rows(rows(), stored.num_rows)


def _csv_rows(path: Path, labels: Sequence[str] | None, id_column: str | None, cif_column: str) -> Rows:
    names = columns_of(path)
    if cif_column not in names:
        raise TableError(
            f"{path} has no column {cif_column!r} with the text of CIF files; it has: {', '.join(names) or 'none'} "
            "(evaluate, finetune, predict and fit also take a column 'gene', like 225|Na:a|Cl:b)"
        )
    columns = _Columns(path, names, labels, id_column, required=())

    def rows() -> Iterator[RawRow]:
        for number, record in enumerate(records_of(path)):
            result, problem = _attempt(parse_cif, record[cif_column] or "")
            crystal, group = result or (None, 0)
            yield columns.row(number, record, crystal, problem, group)

    return Rows(rows(), sum(1 for _ in records_of(path)))


class _Columns:
    """Which column of a file is what, and how a record of it becomes a row."""

    def __init__(
        self,
        path: Path,
        names: Sequence[str],
        labels: Sequence[str] | None,
        id_column: str | None,
        *,
        required: Sequence[str],
    ) -> None:
        for name in (*required, *(labels or ()), *([id_column] if id_column else ())):
            if name not in names:
                raise TableError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
        self._file = path.stem
        self._id = id_column or next((name for name in ID_COLUMNS if name in names), None)
        self._group = next((name for name in _GROUP_COLUMNS if name in names), None)
        chosen = [name for name in names if ALIASES.get(name, name) in KNOWN] if labels is None else labels
        self._labels = {name: ALIASES.get(name, name) for name in chosen}
        for column, label in self._labels.items():
            if twins := [other for other in self._labels if self._labels[other] == label and other != column]:
                raise TableError(
                    f"columns {column!r} and {twins[0]!r} of {path} both hold {label}; name the one to use"
                )
        self._sources = {
            label: next((s for s in (f"{label}_source", f"{column}_source", "structure_source") if s in names), None)
            for column, label in self._labels.items()
        }
        used = (self._id, self._group, *self._labels, *self._sources.values())
        self.scalar_names = sorted({name for name in used if name})

    def row(
        self,
        number: int,
        record: Mapping[str, Any],
        crystal: Crystal | None,
        problem: Problem | None,
        group: int = 0,
    ) -> RawRow:
        """The row of record ``number``; ``group`` is what its CIF states."""
        cells = {label: record.get(column) for column, label in self._labels.items()}
        labels = {label: read_number(cell) for label, cell in cells.items()}
        stated = read_number(record.get(self._group)) if self._group else None
        if stated is not None and stated in range(1, 231):
            group = int(stated)
        return RawRow(
            id=str(record.get(self._id)) if self._id and record.get(self._id) not in (None, "") else str(number),
            crystal=crystal,
            labels=labels,
            sources={label: self._source(label, record) for label, value in labels.items() if value is not None},
            texts={label: text for label, cell in cells.items() if (text := text_in(cell)) is not None},
            given_space_group=group,
            problem=problem,
        )

    def _source(self, label: str, record: Mapping[str, Any]) -> str:
        column = self._sources[label]
        return str(record.get(column) or self._file) if column else self._file


def _array_column(stored: pa.Table, name: str, path: Path) -> list[np.ndarray[Any, Any]]:
    try:
        return list_column(stored, name)
    except (AttributeError, NotImplementedError):
        kind = stored[name].type
        raise TableError(f"column {name!r} of {path} holds {kind}; give one list of numbers per row") from None


def _from_arrays(lattice: Any, numbers: Any, coords: Any) -> Crystal:
    try:
        if not np.isfinite(numbers).all():
            raise StructureError("an atom has no atomic number")
        return Crystal(lattice, numbers, coords)
    except (StructureError, ValueError, TypeError) as error:
        rule = Rule.UNKNOWN_ELEMENT if "atomic numbers" in str(error) else Rule.UNREADABLE
        raise RejectedStructure(rule, str(error)) from None


def _attempt(make: Any, *given: Any) -> tuple[Any, Problem | None]:
    try:
        return make(*given), None
    except RejectedStructure as rejected:
        return None, rejected.problem


def _is_structure_file(path: Path) -> bool:
    return path.suffix == ".cif" or _is_poscar(path)


def _is_poscar(path: Path) -> bool:
    return path.suffix.lower() in _POSCAR_SUFFIXES or path.name.startswith(_POSCAR_NAMES)


def _name_in(folder: Path, file: Path) -> str:
    relative = file.relative_to(folder)
    return relative.as_posix() if file.name.startswith(_POSCAR_NAMES) else relative.with_suffix("").as_posix()


def _file_row(file: Path, name: str) -> RawRow:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return RawRow(id=name, crystal=None, problem=Problem(Rule.UNREADABLE, str(error.strerror)))
    if _is_poscar(file):
        crystal, problem = _attempt(parse_poscar, text)
        return RawRow(id=name, crystal=crystal, problem=problem)
    result, problem = _attempt(parse_cif, text)
    crystal, group = result or (None, 0)
    return RawRow(id=name, crystal=crystal, given_space_group=group, problem=problem)
