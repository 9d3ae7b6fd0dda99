"""Genes written as text in a CSV file: the simplest way to bring labels along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wyckforge.data.build import BuildReport
from wyckforge.data.cells import TextCells, flaw, read_number, text_in
from wyckforge.data.csv_file import columns_of, records_of
from wyckforge.data.labels import LabelColumn
from wyckforge.data.readers import ALIASES, ID_COLUMNS
from wyckforge.data.rows import Problem, Rule
from wyckforge.data.table import GeneTable
from wyckforge.errors import InvalidGeneError, TableError
from wyckforge.properties import describe
from wyckforge.symmetry.gene import WyckoffGene

GENE = "gene"
"""Column with the text form of the gene, ``225|Na:a|Cl:b``."""


def has_genes(path: Path, *, unless: str | None = None) -> bool:
    """Whether a file is CSV with a column of genes, and without the column ``unless``: that of structures says more.

    Raises:
        TableError: it is CSV that cannot be read.
    """
    if path.suffix != ".csv" or not path.is_file():
        return False
    names = columns_of(path)
    return GENE in names and unless not in names


def read_gene_csv(path: Path, labels: Sequence[str]) -> tuple[GeneTable, BuildReport]:
    """The table in a CSV file of genes, and what became of its rows: those without a gene are dropped.

    The vintage of a label is the text in ``<column>_source``, else the name of the file. The identifier is that in
    ``material_id``, ``id`` or ``entry``, else the number of the row, from 0.

    Args:
        path: the file.
        labels: label columns; an empty cell is a missing label, and so is one that holds no finite number, or one below
            zero of what cannot be; the report counts them.

    Raises:
        TableError: a column is absent, no row holds a gene, or label cells hold decimal commas, or text alone.
    """
    names = columns_of(path)
    for name in (GENE, *labels):
        if name not in names:
            raise TableError(f"{path} has no column {name!r}; it has: {', '.join(names) or 'none'}")
    id_column = next((name for name in ID_COLUMNS if name in names), None)
    records: list[dict[str, str | None]] = []
    ids: list[str] = []
    genes: list[WyckoffGene] = []
    dropped: list[tuple[str, Problem]] = []
    for number, record in enumerate(records_of(path)):
        row_id = (record.get(id_column) if id_column else None) or str(number)
        try:
            genes.append(WyckoffGene.parse(record[GENE] or "").canonical())
        except InvalidGeneError as error:
            dropped.append((row_id, Problem(Rule.UNREADABLE, str(error))))
            continue
        ids.append(row_id)
        records.append(record)
    if not genes:
        first = f"row {dropped[0][0]}: {dropped[0][1].detail}" if dropped else "it is empty"
        raise TableError(f"no row of {path} holds a gene ({first})")
    notes: Counter[str] = Counter()
    columns = {ALIASES.get(name, name): _column(path, name, ids, records, notes) for name in labels}
    table = GeneTable(
        ids=tuple(ids),
        genes=tuple(genes),
        labels=columns,
        crystals=None,
        given_space_groups=np.zeros(len(genes), np.int64),
        provenance={"input": path.name},
    )
    return table, BuildReport(len(genes) + len(dropped), len(genes), tuple(dropped), dict(notes))


def _column(
    path: Path, name: str, ids: Sequence[str], records: Sequence[dict[str, str | None]], notes: Counter[str]
) -> LabelColumn:
    """The labels in a column; cells that hold something else join the notes."""
    known = describe(ALIASES.get(name, name))
    numbers = [read_number(record[name]) for record in records]
    texts = [text_in(record[name]) for record in records]
    gathered = TextCells()
    for row, number, text in zip(ids, numbers, texts, strict=True):
        gathered.add(row, name, number, text)
    notes.update(gathered.notes(path))
    flaws = [None if text else flaw(known.name, number) for number, text in zip(numbers, texts, strict=True)]
    notes.update(f"{name} {what}" for what in flaws if what)
    values = np.array([None if what else number for number, what in zip(numbers, flaws, strict=True)], np.float64)
    sources = [record.get(f"{name}_source") or path.stem for record in records]
    return LabelColumn(values, known.unit, np.where(np.isnan(values), "", sources))
