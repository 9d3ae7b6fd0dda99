"""``wyckforge predict``, ``evaluate`` and ``train``: the verbs around a checkpoint."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.cli.symmetry import structure_rows

checkpoint_option = click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Checkpoint folder. Default: the one in the package."
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
    """Predict the properties of structures in CIF or POSCAR FILES, or folders of them.

    The model sees the Wyckoff gene only, so the structure need not be relaxed. A file that cannot be read or predicted
    is named on standard error, the others are still done, and the exit status is 1.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv given; choose one of the two")
    from wyckforge.errors import WyckforgeError
    from wyckforge.symmetry.detection import detect
    from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint

    model = Checkpoint.load(checkpoint or bundled_checkpoint())
    records: list[dict[str, Any]] = []
    failed = False
    for row in structure_rows(files):
        try:
            if row.crystal is None:
                raise WyckforgeError(str(row.problem))
            gene = detect(row.crystal, symprec=symprec).gene
            values = {name: float(column[0]) for name, column in model.predict([gene]).items()}
        except WyckforgeError as error:
            click.echo(f"wyckforge: {row.id}: {error}", err=True)
            failed = True
            continue
        record = {"file": row.id, "formula": gene.formula, "space_group": gene.space_group, "gene": str(gene)}
        records.append(record | {name: round(value, 6) for name, value in values.items()})
    if as_json:
        click.echo(json.dumps(records, indent=2))
    elif records:
        click.echo(_as_csv(records) if as_csv else _as_table(records, model.errors))
    if failed:
        ctx.exit(FAILED)


@click.command()
@checkpoint_option
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Labelled structures; any input of data build."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--vintage", help="Accepted label vintage: a named set (modern) or one source. Default: all, mixed.")
def evaluate(checkpoint: Path | None, data: Path, out: Path, vintage: str | None) -> None:
    """Measure a checkpoint on labelled structures.

    Writes metrics.json (errors of the predictions and accuracies of the reconstruction, with 95 % intervals, of all
    crystals and of those that the model has not seen), predictions.csv and dropped.csv.
    """
    from wyckforge.evaluate.run import evaluate_file
    from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint

    metrics = evaluate_file(Checkpoint.load(checkpoint or bundled_checkpoint()), data, out, vintage=vintage)
    click.echo(metrics_table(metrics))
    click.echo(f"written to {out / 'metrics.json'}")


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


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """What was measured, one line per metric; where the model knew some of the crystals, also for the others alone."""
    lines = [f"{metrics['n']:,} of {metrics['rows']:,} rows used"]
    lines += [f"  left out: {reason} ({count:,})" for reason, count in metrics["dropped"].items()]
    lines += [f"  note: {note} ({count:,})" for note, count in metrics["notes"].items()]
    for name, vintages in metrics["vintages"].items():
        if f"{name}_mae_by_vintage" in metrics:
            listed = ", ".join(f"{source} ({count:,})" for source, count in vintages.items())
            together = "accepted together" if name in metrics["accepted_vintages"] else "mixed, --vintage chooses"
            lines.append(f"vintages of {name} ({together}): {listed}")
    lines += _metric_lines(metrics)
    known = f"{metrics['known_genes']:,} of {metrics['n']:,} genes are in the model's table"
    if not metrics["known_genes"]:
        return "\n".join([*lines, known])
    if not metrics["unseen"]["n"]:
        return "\n".join([*lines, f"{known}; there are no other rows"])
    return "\n".join([*lines, f"{known}; figures on the other rows:", *_metric_lines(metrics["unseen"])])


def _metric_lines(metrics: Mapping[str, Any]) -> list[str]:
    """One line per metric: value, 95 % interval and number of crystals, or why there is none."""
    lines = []
    for name, value in metrics.items():
        if f"{name}_interval" in metrics:
            low, high = metrics[f"{name}_interval"]
            lines.append(f"{name:<32}{value:>9.4f}  95 % [{low:.4f}, {high:.4f}]  n {metrics[f'{name}_n']:,}")
        elif f"{name}_reason" in metrics:
            lines.append(f"{name:<32}{'–':>9}  {metrics[f'{name}_reason']}")
    return lines


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
    head = ["file", "formula", "group", "gene", *(describe(name).axis_label for name in names)]
    rows = [
        [r["file"], r["formula"], str(r["space_group"]), r["gene"], *(f"{r[name]:.3f}" for name in names)]
        for r in records
    ]
    spread = ", ".join(f"{describe(name).label.lower()} ±{errors[name]:.3f}" for name in names)
    lines = align([head, *rows], right={2, *range(4, 4 + len(names))})
    return "\n".join([*lines, f"mean absolute error of this model on its validation set: {spread}"])
