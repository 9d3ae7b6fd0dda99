"""``wyckforge predict`` and ``train``: the verbs around a checkpoint."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.cli.symmetry import structure_rows

if TYPE_CHECKING:
    from wyckforge.data.material import Material

checkpoint_option = click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Checkpoint folder, or the name of a model in the package: orbitvae (the default) or mpvae. predict takes the "
    "folder of a fit, too.",
)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@checkpoint_option
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
    for name, one in rows:
        if isinstance(one, Material) and not (why := model.problem(one)):
            names.append(name)
            materials.append(one)
            continue
        problem = f"{one.gene} cannot be predicted: {why}; use another checkpoint" if isinstance(one, Material) else one
        click.echo(f"wyckforge: {name}: {problem}", err=True)
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
    from wyckforge.data.gene_csv import has_genes
    from wyckforge.errors import TableError

    found: list[tuple[str, Material | str]] = []
    for file in files:
        try:
            found += _genes(file) if has_genes(file, unless="cif") else _structures(file, symprec)
        except TableError as error:
            found.append((str(file), str(error)))
    return found


def _genes(file: Path) -> Iterator[tuple[str, Material | str]]:
    from wyckforge.data.gene_csv import read_gene_csv
    from wyckforge.data.material import Material

    table, report = read_gene_csv(file, ())
    yield from zip(table.ids, map(Material, table.genes), strict=True)
    yield from ((name, str(problem)) for name, problem in report.dropped)


def _structures(file: Path, symprec: float) -> Iterator[tuple[str, Material | str]]:
    from wyckforge.data.material import Material
    from wyckforge.errors import StructureError

    for row in structure_rows((file,)):
        try:
            yield row.id, Material.of_crystal(row.crystal, symprec=symprec) if row.crystal else str(row.problem)
        except StructureError as error:
            yield row.id, str(error)


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
