"""Labels to fine-tune on, from whatever a user has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.gene_csv import GENE, has_genes, read_gene_csv
from wyckforge.data.label_check import require_variety
from wyckforge.data.readers import ALIASES
from wyckforge.data.storage import read_parquet
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import resolve_vintage
from wyckforge.errors import TableError
from wyckforge.properties import describe
from wyckforge.symmetry.gene import WyckoffGene


@dataclass(frozen=True, eq=False)
class Labelled:
    """Crystals with labels of the properties to learn.

    Attributes:
        genes: n canonical genes.
        labels: (n,) by property, physical units, NaN where missing; every gene has one label at least.
        left_out: rows of the source that cannot be used, by reason.
    """

    genes: tuple[WyckoffGene, ...]
    labels: Mapping[str, NDArray[np.float64]]
    left_out: Mapping[str, int]

    @property
    def n_labels(self) -> dict[str, int]:
        """Labels by property."""
        return {name: int((~np.isnan(values)).sum()) for name, values in self.labels.items()}

    @property
    def units(self) -> dict[str, str]:
        """Unit by property, in words."""
        return {name: describe(name).unit or "unit of the labels" for name in self.labels}


def read_labelled(
    path: Path | str,
    targets: Sequence[str],
    problem: Callable[[WyckoffGene], str | None],
    *,
    vintage: str | None = None,
    progress: bool = False,
) -> Labelled:
    """Read the labels of some properties.

    Args:
        path: a CSV file with a column ``gene`` (text form, ``225|Na:a|Cl:b``), a gene table, or anything else that
            :func:`wyckforge.data.readers.read_structures` reads.
        targets: label columns.
        problem: why a gene cannot be held, or ``None``.
        vintage: accepted vintage of the labels, as in :class:`~wyckforge.data.build.BuildRules`.
        progress: whether to show a bar while symmetry is detected.

    Raises:
        TableError: a target is not among the columns, its vintages are mixed, fewer than fifty of its labels can
            be used, or they are all equal.
    """
    table, left_out = _read(Path(path), targets, progress=progress)
    names = tuple(dict.fromkeys(ALIASES.get(name, name) for name in targets))
    if vintage:
        accepted = resolve_vintage(vintage, names)
        table = table.with_vintage({name: accepted[name] for name in names if name in accepted})
    for name in names:
        table.require_single_vintage(name)
    found = select_labelled(table, names, problem, left_out)
    for name in names:
        require_variety(name, found.labels[name], path, found.left_out)
    return found


def select_labelled(
    table: GeneTable,
    names: Sequence[str],
    problem: Callable[[WyckoffGene], str | None],
    left_out: Mapping[str, int] | None = None,
) -> Labelled:
    """The rows of a table that have a label and a gene that can be held; the others join ``left_out``.

    Raises:
        TableError: there is no label of that name.
    """
    labels = {name: table.label(name) for name in names}
    has_label = np.any([~np.isnan(values) for values in labels.values()], axis=0)
    reasons = [problem(gene) if wanted else "no label" for gene, wanted in zip(table.genes, has_label, strict=True)]
    used = np.flatnonzero([reason is None for reason in reasons])
    return Labelled(
        genes=tuple(table.genes[row].canonical() for row in used),
        labels={name: values[used] for name, values in labels.items()},
        left_out=dict(Counter(left_out) + Counter(reason for reason in reasons if reason)),
    )


def _read(path: Path, targets: Sequence[str], *, progress: bool) -> tuple[GeneTable, dict[str, int]]:
    if path.suffix == ".parquet" and path.is_file() and GENE in read_parquet(path).column_names:
        return GeneTable.read(path), {}
    if path.is_dir():
        raise TableError(
            f"{path} is a folder of structures, which have no labels; give a CSV file with a column {GENE} (predict "
            "--csv writes one) or cif and the label columns"
        )
    if has_genes(path):
        table, report = read_gene_csv(path, targets)
    else:
        table, report = build_from_path(path, BuildRules(keep_structures=False), labels=targets, progress=progress)
    return table, Counter(str(problem.rule) for _, problem in report.dropped)
