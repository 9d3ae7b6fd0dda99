"""``wyckforge predict-structure``: crystals for a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wyckforge.cli.errors import SAVED

PLACES = {
    "hops": ("hop", "hops"),
    "walkers": ("hop", "walkers"),
    "potential": ("relax", "potential"),
    "hull": ("hull", "reference"),
}
"""Section and key of the settings that an option sets, where it is not a key of the top."""


@click.command("predict-structure")
@click.argument("formula")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder; an earlier run resumes.")
@click.option("--z", metavar="LOW:HIGH", help="Formula units in the conventional cell.  [default: 1:4]")
@click.option("--space-group", metavar="NUMBERS", help="62, 143:167; by default those known for such formulas.")
@click.option(
    "--method",
    type=click.Choice(("sequential", "random")),
    help="Order of the genes: most plausible first (the default), or weighted draws.",
)
@click.option("--tries", type=click.IntRange(1), help="Structures built and relaxed.  [default: 50]")
@click.option("--hops", type=click.IntRange(0), help="Basin-hopping steps from each of the best.  [default: 0]")
@click.option("--walkers", type=click.IntRange(1), help="How many of the best.  [default: 2]")
@click.option(
    "--starts",
    type=click.Choice(("model", "pyxtal")),
    help="Who draws the free coordinates: the geometry model (the default), or PyXtal alone.",
)
@click.option("--potential", help="Interatomic potential.  [default: chgnet]")
@click.option("--hull", type=click.Path(), help="Table of reference energies. Default: the one in the package.")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random.  [default: 0]")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: 2]")
@click.pass_context
def predict_structure(
    ctx: click.Context, /, out: Path, starts: str | None, workers: int | None, **options: Any
) -> None:
    """Predict the crystal structure of a FORMULA, CaTiO3: enumerate, relax, hop, rank by energy.

    Writes candidates.csv, candidates.jsonl, cifs/, tries.jsonl and run.json to the --out folder. A run that was
    stopped goes on where it was when its command is repeated.
    """
    from wyckforge.config import ExecutionConfig
    from wyckforge.execute.prediction_run import run_prediction
    from wyckforge.realise.csp.config import PredictionConfig
    from wyckforge.report.prediction import prediction_table

    settings: dict[str, Any] = {} if starts is None else {"build": {"source": starts}}
    for name, value in options.items():
        if value is not None:
            section, key = PLACES.get(name, ("", name))
            (settings.setdefault(section, {}) if section else settings)[key] = value
    execution = ExecutionConfig() if workers is None else ExecutionConfig(workers=workers)
    ctx.meta[SAVED] = f"finished tries are in {out}; repeat the command to go on"
    found = run_prediction(PredictionConfig.from_dict(settings, source="command line"), out, execution)
    record = found.record
    click.echo(
        f"{record['genes']:,} genes in {len(record['settings']):,} settings; {record['tries']} tries, "
        f"{record['built']} built, {record['relaxed']} relaxed, {record['calls']:,} calls of the potential; "
        f"{record['structures']} distinct structures\n"
    )
    click.echo(prediction_table(found.candidates))
    click.echo(f"\ntable       {out / 'candidates.csv'}\nstructures  {out / 'cifs'}")
