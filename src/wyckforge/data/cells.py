"""Numbers in the cells of a table, and what keeps a cell from being a label."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from wyckforge.errors import TableError
from wyckforge.properties import describe

_LONGEST = 30
"""Characters of a cell that a message shows."""


def read_number(cell: Any) -> float | None:
    """``None`` for an empty cell, NaN for one that holds no number."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, str) and "_" in cell:  # Python's 1_000 is nobody's number
        return math.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def is_number(label: float | None) -> bool:
    """Whether there is a number, and a finite one."""
    return label is not None and math.isfinite(label)


def text_in(cell: Any) -> str | None:
    """The text in a cell that should hold a number, shortened; ``None`` if it is empty or holds one, be it NaN."""
    if not isinstance(cell, str) or cell.strip().lower() == "nan":
        return None
    number = read_number(cell)
    return cell.strip()[:_LONGEST] if number is not None and math.isnan(number) else None


def flaw(name: str, label: float | None) -> str | None:
    """What keeps a number from being a label of a property, in words; ``None`` for a good label and for none."""
    if label is None:
        return None
    if not math.isfinite(label):
        return "not a finite number"
    return "below zero" if label < 0 and describe(name).non_negative else None


class TextCells:
    """Cells of label columns that hold text instead of a number, gathered as a table is read."""

    def __init__(self) -> None:
        self._found: defaultdict[str, list[_TextCell]] = defaultdict(list)
        self._readable: set[str] = set()

    def add(self, row: str, name: str, label: float | None, text: str | None) -> None:
        """Take in a cell.

        Args:
            row: identifier of its row.
            name: of the property.
            label: the number in it.
            text: what :func:`text_in` finds in it.
        """
        if text is not None:
            self._found[name].append(_TextCell(row, text))
        elif is_number(label):
            self._readable.add(name)

    def notes(self, source: object) -> dict[str, int]:
        """How many there are of each property, by what to tell of them.

        Decimal commas are never passed over: what would be left are the labels that happen to be whole.

        Args:
            source: where the cells are from, for the message.

        Raises:
            TableError: a cell of a property has a decimal comma, or all cells that are not empty hold text.
        """
        for name, cells in self._found.items():
            if commas := [cell for cell in cells if _is_number_with_commas(cell.text)]:
                raise _unreadable(name, commas, source, "use a decimal point, and no comma")
            if name not in self._readable:
                raise _unreadable(name, cells, source, "give numbers, and leave cells without a label empty")
        return {
            f"{name} is text, not a finite number (the first is {cells[0]})": len(cells)
            for name, cells in self._found.items()
        }


class _TextCell(NamedTuple):
    row: str
    text: str

    def __str__(self) -> str:
        return f"{self.text!r} in row {self.row}"


def _unreadable(name: str, cells: Sequence[_TextCell], source: object, advice: str) -> TableError:
    return TableError(
        f"{len(cells):,} label cells of {name} in {source} cannot be read as numbers, the first is {cells[0]}; {advice}"
    )


def _is_number_with_commas(text: str) -> bool:
    return "," in text and is_number(read_number(text.replace(",", "")))
