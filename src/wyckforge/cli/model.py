"""``wyckforge predict`` and ``train``: the verbs around a checkpoint."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.cli.symmetry import structure_rows

if TYPE_CHECKING:
    from wyckforge.data.material import Material

Command = TypeVar("Command", bound=Callable[..., Any])


def checkpoint_option(folder: str) -> Callable[[Command], Command]:
    """The option ``--checkpoint``: such a folder, or a name."""
    return click.option(
        "--checkpoint",
        type=click.Path(path_type=Path),
        help=f"{folder}, or the name of a model in the package: orbitvae (the default) or mpvae.",
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@checkpoint_option("Checkpoint folder, or that of a fit")
@click.option("--symprec", type=float, default=0.01, show_default=True, help="Symmetry tolerance in Å.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_context
def predict(
    ctx: click.Context, files: tuple[Path, ...], checkpoint: Path | None, symprec: float, as_json: bool, as_csv: bool
) -> None:
    """Predict the properties of structures in CIF or POSCAR FILES, folders of them, or of genes in a CSV file.

    The models in the package see the Wyckoff gene only, so that the structure need not be relaxed; a model of fit may
    see the structure as it is. Genes without structures stand in a column "gene". What cannot be read or predicted is
    named on standard error, the others are still done, and the exit status is 1.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv given; choose one of the two")
    from wyckforge.data.material import Material
    from wyckforge.evaluate import predictions
    from wyckforge.evaluate.forward import load_asked

    model = load_asked(checkpoint)
    rows = _asked(files, symprec)
    names, materials = [], []
    for name, asked in rows:
        problem = asked
        if isinstance(asked, Material) and (found := model.problem(asked)):
            problem = f"{asked.gene} cannot be predicted: {found}; use another checkpoint"
        if isinstance(problem, str):
            click.echo(f"wyckforge: {name}: {problem}", err=True)
            continue
        names.append(name)
        materials.append(problem)
    columns = {name: _plain(values) for name, values in predictions.table(model.predict(materials)).items()}
    records = []
    for i, (name, one) in enumerate(zip(names, materials, strict=True)):
        known = {column: values[i] for column, values in columns.items()}
        if any(map(math.isnan, known.values())):
            click.echo(
                f"wyckforge: {name}: CHGNet, on which the model builds, cannot describe the structure; check it for "
                "atoms that are far from all others",
                err=True,
            )
            continue
        about = {"file": name, "formula": one.gene.formula, "space_group": one.gene.space_group, "gene": str(one.gene)}
        records.append(about | known)
    if as_json:
        click.echo(json.dumps(records, indent=2))
    elif records:
        click.echo(_as_csv(records) if as_csv else _as_table(records, model.errors))
    if len(records) < len(rows):
        ctx.exit(FAILED)


def _asked(files: tuple[Path, ...], symprec: float) -> list[tuple[str, Material | str]]:
    """Names of the crystals in files, and each crystal or, in words, why it cannot be read."""
    from wyckforge.data.csv_file import columns_of
    from wyckforge.data.gene_csv import has_genes, read_gene_csv
    from wyckforge.data.material import Material
    from wyckforge.errors import StructureError, TableError

    found: list[tuple[str, Material | str]] = []
    for file in files:
        try:
            if has_genes(file) and "cif" not in columns_of(file):
                table, report = read_gene_csv(file, ())
                found += zip(table.ids, map(Material, table.genes), strict=True)
                found += [(name, str(problem)) for name, problem in report.dropped]
                continue
        except TableError as error:
            found.append((str(file), str(error)))
            continue
        for row in structure_rows((file,)):
            try:
                known = Material.of_crystal(row.crystal, symprec=symprec) if row.crystal else str(row.problem)
            except StructureError as error:
                known = str(error)
            found.append((row.id, known))
    return found


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. Default: as the configuration says.")
@click.option("--resume", is_flag=True, help="Go on after the last saved epoch.")
@click.pass_context
def train(ctx: click.Context, config: Path, out: Path | None, resume: bool) -> None:
    """Train a model as CONFIG (TOML) says; a checkpoint is saved after every epoch."""
    from wyckforge.train.start import train_from_file

    ctx.meta[SAVED] = "every finished epoch is saved; go on with --resume"
    folder = train_from_file(config, out=out, resume=resume)
    click.echo(f"checkpoint in {folder}")


def _plain(values: Any) -> list[float]:
    """Six digits behind the point, or six digits in all of what is small."""
    return [float(f"{value:.6f}") if abs(value) >= 0.01 or value == 0 else float(f"{value:.6g}") for value in values]


def _as_csv(records: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue().rstrip("\n")


def _as_table(records: list[dict[str, Any]], errors: Mapping[str, float]) -> str:
    from wyckforge.properties import describe
    from wyckforge.report.terminal import align

    names = [name for name in records[0] if name in errors]
    head = ["file", "formula", "group", "gene"]
    rows = [[r["file"], r["formula"], str(r["space_group"]), r["gene"]] for r in records]
    for name in names:
        for label, cells in _cells(name, describe(name).axis_label, records):
            head.append(label)
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    lines = align([head, *rows], right={2, *range(4, len(head))})
    spread = ", ".join(f"{describe(name).in_a_sentence} ±{_short(errors[name])}" for name in names)
    return "\n".join([*lines, f"mean absolute error of this model on its validation set: {spread}"])


def _short(value: float, digits: int = 3) -> str:
    """So many digits behind the point, or significant ones of what would vanish there."""
    return f"{value:.{digits}f}" if abs(value) >= 10.0**-digits or value == 0 else f"{value:.{digits}g}"


def _cells(name: str, label: str, records: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Heads and cells of what is known of one property."""
    from wyckforge.evaluate.predictions import zero_column

    yield label, [_short(record[name]) for record in records]
    if f"{name}_low" in records[0]:
        yield (
            "90 %",
            [f"{_short(record[f'{name}_low'], 2)} to {_short(record[f'{name}_high'], 2)}" for record in records],
        )
    if (column := zero_column(name)) in records[0]:
        yield column.removeprefix(f"{name}_").replace("_", " "), [f"{record[column]:.3f}" for record in records]
