"""Tables of reference energies: one potential each, so that energies of two are never compared."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wyckforge.errors import TableError
from wyckforge.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

FORMULA_COLUMNS = ("formula", "composition")
ENERGY_COLUMN = "energy_per_atom"
POTENTIAL = "potential"
"""Column, or key of the metadata, that names the tool whose energies these are."""

_METADATA = b"wyckforge"
_FOLDER = Path(str(files("wyckforge.realise") / "hulls"))


@dataclass(frozen=True, eq=False)
class ReferenceTable:
    """Reference energies by formula, from one potential.

    Attributes:
        rows: columns ``formula``, ``energy_per_atom`` (eV/atom), and perhaps ``method`` and ``id``.
        tool: name and version of the potential, as :attr:`wyckforge.potential.contract.Potential.tool` has it.
        name: what messages call the table.
        notes: what is told about it.
    """

    rows: pd.DataFrame
    tool: str
    name: str = "reference table"
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read Parquet or CSV with columns ``formula`` (or ``composition``) and ``energy_per_atom`` (eV/atom).

        The potential is named in a column ``potential``, the same in every row, or in the metadata of
        :meth:`write`.

        Raises:
            TableError: the file is absent, is not such a table, lacks a column, or does not name one potential.
        """
        import pandas as pd

        try:
            is_csv = path.suffix.lower() == ".csv"
            frame = pd.read_csv(path) if is_csv else pd.read_parquet(path)
            notes = {} if is_csv else _notes(path)
        except (OSError, ValueError) as error:
            raise TableError(f"{path} cannot be read as a Parquet or CSV table: {error}") from None
        column = next((name for name in FORMULA_COLUMNS if name in frame.columns), None)
        if column is None or ENERGY_COLUMN not in frame.columns:
            raise TableError(
                f"{path} has columns {', '.join(map(str, frame.columns))}; a reference table needs "
                f"{' or '.join(FORMULA_COLUMNS)}, and {ENERGY_COLUMN} in eV/atom"
            )
        tool = _potential_of(path, frame, notes)
        rows = frame.rename(columns={column: "formula"}).drop(columns=POTENTIAL, errors="ignore")
        rows["formula"] = rows["formula"].astype(str)
        rows[ENERGY_COLUMN] = pd.to_numeric(rows[ENERGY_COLUMN], errors="coerce")
        return cls(rows, tool, path.name, notes)

    def merged(self, other: ReferenceTable) -> ReferenceTable:
        """Both tables in one, with the lower energy where both have a formula.

        Raises:
            TableError: they are of different potentials.
        """
        import pandas as pd

        if self.tool != other.tool:
            raise TableError(
                f"{self.name} holds energies of {self.tool}, {other.name} of {other.tool}; tables of different "
                "potentials cannot be merged: compute the phases of one with the potential of the other"
            )
        rows = pd.concat([self.rows, other.rows], ignore_index=True).sort_values(ENERGY_COLUMN, kind="stable")
        return replace(self, rows=rows.drop_duplicates("formula").sort_values("formula", ignore_index=True))

    def write(self, path: Path) -> None:
        """Write Parquet that names the potential in its metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.rows, preserve_index=False)
        notes = {**self.notes, POTENTIAL: self.tool}
        buffer = io.BytesIO()
        table = table.replace_schema_metadata({_METADATA: json.dumps(notes)})
        pq.write_table(table, buffer, compression="zstd", compression_level=19)
        write_atomically(path, buffer.getvalue())


def require_same_tool(asked: str, held: str, name: str) -> None:
    """Pass if energies of one tool may be compared with a table of another: if they are the same.

    Args:
        asked: tool of the energies.
        held: tool of the table.
        name: of the table.

    Raises:
        TableError: they are of different potentials, or of one in different versions.
    """
    if asked != held:
        raise TableError(
            f"an energy of {asked or 'an unnamed potential'} cannot be compared with {name}, which holds energies of "
            f"{held}; relax with that potential, or give a table of the other (wyckforge hull build)"
        )


@cache
def bundled_tables() -> Mapping[str, Path]:
    """The tables of the package, by tool."""
    return {_notes(path)[POTENTIAL]: path for path in sorted(_FOLDER.glob("*.parquet"))}


def bundled_table(tool: str) -> Path:
    """The table of the package for the energies of a tool.

    Raises:
        TableError: there is none.
    """
    if (path := bundled_tables().get(tool)) is None:
        raise TableError(
            f"the package has reference energies of {', '.join(bundled_tables())}, none of {tool}; make a table with "
            "'wyckforge hull build' and name it as hull.reference (--hull)"
        )
    return path


def _notes(path: Path) -> dict[str, Any]:
    """The metadata that :meth:`ReferenceTable.write` left; empty in a file from elsewhere."""
    import pyarrow.parquet as pq

    stored = (pq.read_schema(path).metadata or {}).get(_METADATA)
    notes = json.loads(stored) if stored else {}
    return notes if isinstance(notes, dict) else {}


def _potential_of(path: Path, frame: pd.DataFrame, notes: Mapping[str, Any]) -> str:
    """The one potential that a table names.

    Raises:
        TableError: it names none, or several.
    """
    named = set(frame[POTENTIAL].fillna("").astype(str).str.strip()) if POTENTIAL in frame.columns else set()
    if POTENTIAL in notes:
        named.add(str(notes[POTENTIAL]))
    if not named or "" in named:
        raise TableError(
            f"{path} does not say whose energies it holds; add a column {POTENTIAL!r} with the name of the tool in "
            f"every row, such as {next(iter(bundled_tables()))!r}"
        )
    if len(named) > 1:
        raise TableError(
            f"{path} holds energies of {' and '.join(sorted(named))}; those of different potentials cannot be mixed: "
            "make a table of each"
        )
    return named.pop()
