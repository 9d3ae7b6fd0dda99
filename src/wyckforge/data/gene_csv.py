"""Genes written as text in a CSV file: the simplest way to bring labels along."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.build import BuildReport
from wyckforge.data.labels import LabelColumn
from wyckforge.data.readers import ALIASES, ID_COLUMNS
from wyckforge.data.rows import Problem, Rule
from wyckforge.data.table import GeneTable
from wyckforge.errors import InvalidGeneError, TableError
from wyckforge.properties import describe
from wyckforge.symmetry.gene import WyckoffGene

GENE = "gene"
"""Column with the text form of the gene, ``225|Na:a|Cl:b``."""


def has_genes(path: Path) -> bool:
    """Whether a file is CSV with a column of genes."""
    return path.suffix == ".csv" and path.is_file() and GENE in columns_of(path)


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a CSV file."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        return next(csv.reader(stream), [])


def read_gene_csv(path: Path, labels: Sequence[str]) -> tuple[GeneTable, BuildReport]:
    """The table in a CSV file of genes, and what became of its rows: those without a gene are dropped.

    The vintage of a label is the text in ``<column>_source``, else the name of the file. The identifier is that in
    ``material_id``, ``id`` or ``entry``, else the number of the row, from 0.

    Args:
        path: the file.
        labels: label columns; an empty cell is a missing label, and so is one that holds no finite number, or one below
            zero of what cannot be; the report counts them.

    Raises:
        TableError: a column is absent, or no row holds a gene.
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
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        for number, record in enumerate(csv.DictReader(stream)):
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
    values = {name: np.array([_number(record[name]) for record in records], np.float64) for name in labels}
    notes = {f"{name} not a finite number": int(np.isinf(column).sum()) for name, column in values.items()}
    for name, column in values.items():
        column[np.isinf(column)] = math.nan
        if describe(ALIASES.get(name, name)).non_negative:
            notes[f"{name} below zero"] = int((column < 0).sum())
            column[column < 0] = math.nan
    table = GeneTable(
        ids=tuple(ids),
        genes=tuple(genes),
        labels={ALIASES.get(name, name): _column(path, name, values[name], records) for name in labels},
        crystals=None,
        given_space_groups=np.zeros(len(genes), np.int64),
        provenance={"input": path.name},
    )
    return table, BuildReport(len(genes) + len(dropped), len(genes), tuple(dropped), notes)


def _column(
    path: Path, name: str, values: NDArray[np.float64], records: Sequence[dict[str, str | None]]
) -> LabelColumn:
    sources = [record.get(f"{name}_source") or path.stem for record in records]
    return LabelColumn(values, describe(ALIASES.get(name, name)).unit, np.where(np.isnan(values), "", sources))


def _number(text: str | None) -> float:
    """The number in a cell, NaN in an empty one, infinity where something else stands."""
    if not (text or "").strip():
        return math.nan
    try:
        return math.inf if "_" in (text or "") else float(text or "")  # Python's 1_000 is nobody's number
    except ValueError:
        return math.inf
