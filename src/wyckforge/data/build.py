"""Rows in, a gene table out, with a count for every rule and a reason for every row turned away."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from wyckforge.data.cells import TextCells, flaw
from wyckforge.data.labels import LabelColumn
from wyckforge.data.readers import read_structures
from wyckforge.data.rows import Problem, RawRow, Rule
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import VINTAGES, resolve_vintage
from wyckforge.errors import ConfigError, StructureError, TableError
from wyckforge.files import write_csv
from wyckforge.properties import describe
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC, detect
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene


@dataclass(frozen=True)
class BuildRules:
    """What a row must satisfy to enter a table.

    Attributes:
        min_elements: least number of distinct elements.
        max_elements: largest number of distinct elements.
        elements: allowed atomic numbers; ``None`` allows all.
        max_sites: largest number of atoms in the cell as given.
        require: labels that a row must have.
        vintage: a name in :data:`~wyckforge.data.vintages.VINTAGES` or one source; labels of others count as missing.
        symprec: distance tolerance of symmetry detection in Å.
        keep_structures: whether the table holds the structures.

    Raises:
        ConfigError: a value out of range.
    """

    min_elements: int = 1
    max_elements: int = 118
    elements: frozenset[int] | None = None
    max_sites: int = 200
    require: tuple[str, ...] = ()
    vintage: str | None = None
    symprec: float = SYMPREC
    keep_structures: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.min_elements <= self.max_elements:
            raise ConfigError(
                f"{self.min_elements} to {self.max_elements} elements asked for; give a range that starts at 1 or above"
            )
        if self.max_sites < 1:
            raise ConfigError(f"at most {self.max_sites} sites asked for; allow at least 1")
        if not 0 < self.symprec <= 1:
            raise ConfigError(f"symprec of {self.symprec} Å given; allowed are values above 0 and up to 1")

    def turned_away(self, crystal: Crystal) -> Problem | None:
        """The first rule about composition and size that a structure breaks."""
        elements = set(crystal.numbers.tolist())
        if not self.min_elements <= len(elements) <= self.max_elements:
            return Problem(Rule.ELEMENT_COUNT, f"{len(elements)} elements")
        if self.elements is not None and elements - self.elements:
            outside = ", ".join(symbol(number) for number in sorted(elements - self.elements))
            return Problem(Rule.ELEMENT_NOT_ALLOWED, outside)
        if len(crystal) > self.max_sites:
            return Problem(Rule.TOO_MANY_SITES, f"{len(crystal)} atoms, at most {self.max_sites}")
        return None


@dataclass(frozen=True)
class BuildReport:
    """What became of the rows.

    Attributes:
        n_read: rows read.
        n_kept: rows in the table.
        dropped: identifier and problem of every other row, in reading order.
        notes: counts of things worth knowing that dropped no row.
        vintages: labels in the table by property and source.
    """

    n_read: int
    n_kept: int
    dropped: tuple[tuple[str, Problem], ...]
    notes: dict[str, int] = field(default_factory=dict)
    vintages: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Rows dropped by every rule, in the order the rules are applied; zeros included."""
        dropped = Counter(problem.rule for _, problem in self.dropped)
        return {str(rule): dropped[rule] for rule in Rule}

    def to_text(self) -> str:
        """The counts as aligned lines."""
        lines = [("rows read", self.n_read), *((f"  dropped: {rule}", count) for rule, count in self.counts.items())]
        lines.append(("rows kept", self.n_kept))
        for name, sources in self.vintages.items():
            lines.append((f"  with {name}", sum(sources.values())))
            lines += [(f"    vintage {source}", count) for source, count in sources.items()]
        lines += [(f"  note: {note}", count) for note, count in self.notes.items()]
        width = max(len(text) for text, _ in lines) + 2
        return "\n".join(f"{text:<{width}}{count:>9,}" for text, count in lines)

    def write_dropped(self, path: Path | str) -> None:
        """Write one CSV line per dropped row: id, rule, reason."""
        rows = ((row_id, problem.rule, problem.detail) for row_id, problem in self.dropped)
        write_csv(Path(path), ["id", "rule", "reason"], rows)


def build_from_path(
    path: Path | str,
    rules: BuildRules,
    *,
    labels: Sequence[str] | None = None,
    id_column: str | None = None,
    cif_column: str = "cif",
    progress: bool = False,
) -> tuple[GeneTable, BuildReport]:
    """Read a file or folder and build its table; the arguments are those of :func:`read_structures`.

    Raises:
        TableError: nothing to read there, a named column is absent, label cells hold text, no row was kept, or no label
            is of the vintage.
    """
    rows = read_structures(path, labels=labels, id_column=id_column, cif_column=cif_column)
    table, report = build_table(rows, rules, progress=progress, input_name=Path(path).name)
    if not len(table):
        raise TableError(f"none of the {report.n_read} rows of {path} was kept ({_why_none(report)}); relax the rules")
    if rules.vintage and table.labels and not any(column.mask.any() for column in table.labels.values()):
        raise TableError(
            f"no label of {path} is of vintage {rules.vintage!r}; give a named set ({', '.join(VINTAGES)}) or a source "
            "that its columns name"
        )
    return table, report


def build_table(
    rows: Iterable[RawRow], rules: BuildRules, *, progress: bool = False, input_name: str = ""
) -> tuple[GeneTable, BuildReport]:
    """Detect the gene of every row and keep what satisfies the rules.

    Genes are canonical, so that one crystal in several descriptions has one gene. Polymorphs are kept, and so are rows
    with the gene of an earlier row: they differ in their free parameters or labels. The report counts them.

    Args:
        rows: from :mod:`wyckforge.data.readers`.
        rules: what a row must satisfy.
        progress: whether to show a bar with the time left on standard error.
        input_name: what the rows came from, for the provenance.

    Raises:
        TableError: label cells hold decimal commas, or text alone, or a number that cannot be a label in any unit.
    """
    kept: list[tuple[RawRow, WyckoffGene]] = []
    dropped: list[tuple[str, Problem]] = []
    notes: Counter[str] = Counter()
    texts = TextCells()
    seen: set[str] = set()
    n_read = 0
    for row in tqdm(rows, desc="genes", unit=" rows", disable=not progress):
        n_read += 1
        unusable = _unusable_labels(row, rules)
        notes.update(f"{name} {what}" for name, (what, _) in unusable.items() if name not in row.texts)
        for name, value in row.labels.items():
            texts.add(row.id, name, value, row.texts.get(name))
        outcome = _judge(row, rules, seen, {name: why for name, (_, why) in unusable.items()})
        if isinstance(outcome, Problem):
            dropped.append((row.id, outcome))
        else:
            labels = {name: None if name in unusable else value for name, value in row.labels.items()}
            kept.append((replace(row, labels=labels), outcome))
            seen.add(row.id)
    notes.update(texts.notes(input_name))
    table = _assemble(kept, rules, {"input": input_name, "rules": _json_ready(rules)})
    notes["same gene as an earlier row"] = len(table) - len(set(table.genes))
    stated = table.given_space_groups > 0
    notes["detected space group differs from the one given"] = int(
        (stated & (table.given_space_groups != table.space_groups)).sum()
    )
    vintages = {name: column.vintages() for name, column in table.labels.items()}
    return table, BuildReport(n_read, len(table), tuple(dropped), dict(notes), vintages)


def _judge(row: RawRow, rules: BuildRules, seen: set[str], unusable: Mapping[str, str]) -> WyckoffGene | Problem:
    if row.problem is not None:
        return row.problem
    if row.crystal is None:
        return Problem(Rule.UNREADABLE, "no structure")
    if row.id in seen:
        return Problem(Rule.DUPLICATE_ID, "a row with this identifier is in the table")
    if problem := rules.turned_away(row.crystal):
        return problem
    if missing := [name for name in rules.require if name in unusable or row.labels.get(name) is None]:
        return Problem(Rule.LABEL_MISSING, ", ".join(f"{name} {unusable.get(name, 'is absent')}" for name in missing))
    try:
        return detect(row.crystal, symprec=rules.symprec).gene.canonical()
    except StructureError as error:
        return Problem(Rule.NO_SYMMETRY, str(error))


def _unusable_labels(row: RawRow, rules: BuildRules) -> dict[str, tuple[str, str]]:
    """Labels that count as missing although the source has something: what is wrong, and the finding in words."""
    accepted = resolve_vintage(rules.vintage, tuple(row.labels)) if rules.vintage else {}
    unusable = {}
    for name, value in row.labels.items():
        if what := flaw(name, value):
            unusable[name] = (what, f"is {row.texts.get(name, value)}")
        elif value is not None and name in accepted and row.sources.get(name) not in accepted[name]:
            unusable[name] = ("of another vintage", f"is of vintage {row.sources.get(name, '')}")
    return unusable


def _assemble(kept: list[tuple[RawRow, WyckoffGene]], rules: BuildRules, provenance: dict[str, object]) -> GeneTable:
    names = dict.fromkeys(name for row, _ in kept for name in row.labels)
    labels = {}
    for name in names:
        values = [row.labels.get(name) for row, _ in kept]
        labels[name] = LabelColumn(
            values=np.array([math.nan if value is None else value for value in values]),
            unit=describe(name).unit,
            sources=np.array(
                [
                    "" if value is None else row.sources.get(name, "")
                    for (row, _), value in zip(kept, values, strict=True)
                ],
                dtype=np.str_,
            ),
        )
    if rules.vintage:
        accepted = resolve_vintage(rules.vintage, tuple(labels))
        provenance["accepted_vintages"] = {name: sorted(sources) for name, sources in accepted.items()}
    return GeneTable(
        ids=tuple(row.id for row, _ in kept),
        genes=tuple(gene for _, gene in kept),
        labels=labels,
        crystals=tuple(row.crystal for row, _ in kept) if rules.keep_structures else None,
        given_space_groups=np.array([row.given_space_group for row, _ in kept], dtype=np.int64),
        provenance=provenance,
    )


def _json_ready(rules: BuildRules) -> dict[str, object]:
    data = asdict(rules)
    return {**data, "elements": None if rules.elements is None else sorted(rules.elements)}


def _why_none(report: BuildReport) -> str:
    if not report.n_read:
        return "it is empty"
    row_id, problem = report.dropped[0]
    counted = ", ".join(f"{rule} {count}" for rule, count in report.counts.items() if count)
    return f"{counted}; first, {row_id}: {problem.detail}"
