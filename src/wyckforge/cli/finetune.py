"""``wyckforge finetune``: a new property from a few hundred labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Crystals with labels: a CSV with a column gene, a gene table, or any input of data build.",
)
@click.option("--target", "targets", multiple=True, required=True, help="Label column to learn; may be repeated.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new checkpoint.")
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="Checkpoint to begin with. Default: the one in the package."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything random.")
@click.option("--epochs", type=click.IntRange(1), help="Passes of the predictors over the labels.")
@click.option("--vintage", help="Accepted label vintage: a named set (modern) or one source.")
def finetune(
    data: Path,
    targets: tuple[str, ...],
    out: Path,
    checkpoint: Path | None,
    seed: int,
    epochs: int | None,
    vintage: str | None,
) -> None:
    """Teach a checkpoint new properties from 200 labels or more.

    The result is a checkpoint: design, predict and evaluate take its folder as --checkpoint, and design can ask for the
    new properties. What the base predicts does not change. The model card in the folder states what was measured.
    """
    from wyckforge.train.orbitvae.finetune import FinetuneSettings, finetune_file

    learning = {} if epochs is None else {"epochs": epochs}
    settings = FinetuneSettings.model_validate({"seed": seed, "predictor": learning})
    tuned = finetune_file(checkpoint, data, targets, out, settings, vintage=vintage)
    click.echo("\n".join([*_lines(tuned.provenance["finetuned"][-1]), f"checkpoint in {out}"]))


def _lines(account: Mapping[str, Any]) -> list[str]:
    """What was learned, measured how well, and what asking for it does."""
    lines = [f"{account['crystals']:,} crystals of {account['formulas']:,} formulas"]
    lines += [f"  left out: {reason} ({count:,})" for reason, count in account["left_out"].items()]
    for name, found in account["properties"].items():
        low, high = found["mae_interval"]
        lines.append(f"{name} ({found['unit']}), {found['labels']:,} labels")
        lines.append(
            f"  error, cross-validated  {found['mae']:.4g}  95 % [{low:.4g}, {high:.4g}]; of the median label "
            f"{found['mae_of_median']:.4g}"
        )
        lines += [
            f"  {one['side']} {one['bound']:.4g}: {one['asked']:.0%} of {one['n']} genes when asked for, "
            f"{one['unasked']:.0%} when not (predicted)"
            for one in found["asked"]
        ]
    return lines
