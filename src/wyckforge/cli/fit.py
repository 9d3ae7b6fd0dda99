"""``wyckforge fit``: a forward model of any property, from any table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from wyckforge.cli.errors import SAVED


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", "targets", multiple=True, required=True, help="Label column to learn; may be repeated.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the model; repeat to go on.")
@click.option("--structure-column", default="cif", show_default=True, help="Column of a CSV that holds CIF text.")
@click.option("--model", default="structures", show_default=True, help="Forward model; --list-models names all.")
@click.option(
    "--split",
    type=click.Choice(["formula", "chemical_system"]),
    default="formula",
    show_default=True,
    help="What is never in two parts: polymorphs, or everything of the same elements.",
)
@click.option(
    "--test-share",
    type=click.FloatRange(0.01, 0.5),
    default=0.1,
    show_default=True,
    help="Share of the rows that is held out.",
)
@click.option(
    "--learning-curve/--no-learning-curve",
    default=True,
    show_default=True,
    help="Fit an eighth, a quarter and a half of the data too.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option(
    "--list-models",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _, asked: _list(ctx, asked),
    help="Name the forward models and leave.",
)
@click.pass_context
def fit(
    ctx: click.Context,
    data: Path,
    targets: tuple[str, ...],
    out: Path,
    structure_column: str,
    model: str,
    split: str,
    test_share: float,
    learning_curve: bool,
    seed: int,
) -> None:
    """Fit a forward model to the labels in DATA and measure it on held-out crystals.

    DATA is a CSV file with CIF text (or with a column gene, for models that need no structure), Parquet, or anything
    that data build reads. The folder holds the model, for --checkpoint of predict and --judge of design, and
    report.html with parity plots and the learning curve, metrics.json, test_predictions.csv, and dropped.csv, which
    names the rows that were not used.
    """
    from wyckforge.execute.fit_run import FitSettings, fit_file
    from wyckforge.report.fit import write_fit_report

    ctx.meta[SAVED] = f"what was computed about structures is kept; repeat the command to go on in {out}"
    settings = FitSettings.model_validate(
        {"model": model, "seed": seed, "split": split, "test_share": test_share, "learning_curve": learning_curve}
    )
    record = fit_file(
        data,
        targets,
        out,
        settings,
        structure_column=structure_column,
        warn=lambda text: click.echo(f"wyckforge: warning: {text}", err=True),
    )
    page = write_fit_report(out)
    click.echo("\n".join([*_lines(record), f"\nreport  {page}\nmodel   {out}"]))


def _list(ctx: click.Context, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from wyckforge.report.terminal import align
    from wyckforge.train.forward.methods import RECIPES

    click.echo("\n".join(align([[name, recipe.words] for name, recipe in RECIPES.items()], right=set())))
    ctx.exit()


def _lines(record: Mapping[str, Any]) -> list[str]:
    """What was learned, and measured how well."""
    rows = record["rows"]
    lines = [f"{rows['train'] + rows['val']:,} crystals to learn from, {rows['test']:,} held out"]
    lines += [f"  left out: {reason} ({count:,})" for reason, count in record["left_out"].items()]
    for name, found in record["properties"].items():
        low, high = found["mae_interval"]
        lines += [
            f"{name} ({found['unit']})",
            f"  error on held-out crystals  {found['mae']:.4g}  95 % [{low:.4g}, {high:.4g}], n {found['mae_n']:,}; "
            f"of the median label {found['mae_of_median']:.4g}",
            f"  90 % intervals hold {found[f'{name}_coverage']:.0%} of the labels",
        ]
    for size, errors in sorted(record["curve"].items(), key=lambda item: int(item[0])):
        errors_text = ", ".join(f"{name} {error:.4g}" for name, error in errors.items())
        lines.append(f"  from {int(size):,} crystals: {errors_text}")
    return lines
