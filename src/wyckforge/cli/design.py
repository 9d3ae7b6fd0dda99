"""``wyckforge design`` and ``report``: the main job, and its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wyckforge.cli.errors import SAVED

if TYPE_CHECKING:
    from wyckforge.config import RunConfig

METHODS = ("auto", "prior", "seeds", "search")
ENGINES = ("in_process", "local", "parsl")
STAGES = ("genes", "funnel", "build", "relax", "hull", "phonon")
PROPERTY_OPTIONS = ("band_gap", "formation_energy")
TARGET_OPTIONS = (
    "space_group",
    "crystal_system",
    "elements",
    "must_contain",
    "exclude",
    "stoichiometry",
    "n_elements",
    "atoms",
)
PLACES = {
    **{name: ("target", name) for name in TARGET_OPTIONS},
    "method": ("sampling", "method"),
    "unconditional": ("sampling", "unconditional"),
    "hull": ("hull", "reference"),
    "potential": ("relax", "potential"),
    "refine": ("refine", "potential"),
    "judges": ("judge", "models"),
    "engine": ("execution", "engine"),
    "workers": ("execution", "workers"),
    "parsl_config": ("execution", "parsl_config"),
}
"""Section and key of the configuration that an option sets, where it is not a key of the top."""


@click.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the run; an earlier run resumes."
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="TOML file, or run.json of an earlier run; options take precedence.",
)
@click.option("--band-gap", metavar="LOW:HIGH", help="Band gap in eV, 0.5:2.0.")
@click.option("--formation-energy", metavar="LOW:HIGH", help="Formation energy in eV/atom, :-0.5.")
@click.option(
    "--property", "properties", multiple=True, metavar="NAME=LOW:HIGH", help="Any property of the checkpoint."
)
@click.option("--space-group", metavar="NUMBERS", help="Numbers and intervals: 143:, 225, 62,139,194:.")
@click.option("--crystal-system", metavar="NAMES", help="trigonal,cubic.")
@click.option("--elements", metavar="SYMBOLS", help="Only these: Cs,Pt,Se.")
@click.option("--must-contain", metavar="SYMBOLS", help="All of these.")
@click.option("--exclude", metavar="NAMES", help="None of these elements or sets: radioactive,f-block,Pb.")
@click.option("--stoichiometry", metavar="A:B:C", help="Formula coefficients in any order, 1:1:3.")
@click.option("--n-elements", metavar="LOW:HIGH", help="Number of distinct elements.")
@click.option("--atoms", metavar="LOW:HIGH", help="Atoms in the conventional cell, :40.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    help="How to make genes.  [default: auto, the prior where the model has one, else seeds]",
)
@click.option("--unconditional", is_flag=True, default=None, help="Aim at no property; hard constraints hold.")
@click.option(
    "--weight", "weights", multiple=True, metavar="NAME=NUMBER", help="Importance of a property in search and order."
)
@click.option("--pareto", metavar="NAME:min|max|middle,…", help="Properties of the Pareto front.  [default: by target]")
@click.option("--count", type=click.IntRange(1), help="Candidates wanted at the last step.  [default: 20]")
@click.option("--seed", type=click.IntRange(0), help="Seed of everything random.  [default: 0]")
@click.option("--stop-after", type=click.Choice(STAGES), help="Last step to do.  [default: hull]")
@click.option(
    "--checkpoint", type=click.Path(), help="Checkpoint folder, or orbitvae or mpvae. Default: the best in the package."
)
@click.option(
    "--reference", type=click.Path(), help="Gene table of the known crystals: seeds and novelty. Default: embedded."
)
@click.option("--potential", metavar="NAME", help="Interatomic potential that relaxes.  [default: chgnet]")
@click.option(
    "--refine", metavar="NAME", help="Second potential, for crystals near the hull, or none.  [default: sevennet-0]"
)
@click.option("--hull", type=click.Path(), help="Table of reference energies. Default: the one in the package.")
@click.option(
    "--judge",
    "judges",
    multiple=True,
    help="Folder of a forward model that judges relaxed crystals; may be repeated. The one in the package comes last, "
    "unless none is given.",
)
@click.option("--engine", type=click.Choice(ENGINES), help="Where candidates are realised.  [default: local]")
@click.option("--workers", type=click.IntRange(1), help="Processes of the engine local.  [default: 2]")
@click.option("--parsl-config", type=click.Path(), help="Cluster of the engine parsl, TOML.")
@click.pass_context
def design(ctx: click.Context, /, out: Path, config: Path | None, **options: Any) -> None:
    """Design crystals for a target: make genes, screen, build, relax and rank them.

    Intervals are LOW:HIGH, LOW:, :HIGH or one value. Writes candidates.jsonl, candidates.csv, cifs/, report.html and
    run.json to the --out folder. A run that was stopped goes on where it was when its command is repeated.
    """
    from wyckforge.errors import TargetError
    from wyckforge.execute.design_run import run_design
    from wyckforge.report.html import write_report
    from wyckforge.report.load import CANDIDATES, RUN
    from wyckforge.report.terminal import summary

    settings = run_config(config, options)
    ctx.meta[SAVED] = f"finished candidates are in {out}; repeat the command to go on"
    try:
        result = run_design(settings, out)
    except TargetError:
        if (out / RUN).is_file() and (out / CANDIDATES).is_file():
            write_report(out)  # the page shows where the candidates were lost
        raise
    page = write_report(out)
    click.echo(summary(out))
    click.echo(f"\n{result.message}", err=result.completed < settings.count)
    click.echo(f"\nreport      {page}\ncandidates  {out / 'candidates.csv'}\nstructures  {out / 'cifs'}")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Render report.html of a design run again and print its ranked table."""
    from wyckforge.report.html import write_report
    from wyckforge.report.terminal import summary

    page = write_report(folder)
    click.echo(summary(folder))
    click.echo(f"\nreport  {page}")


def run_config(path: Path | None, options: dict[str, Any]) -> RunConfig:
    """Settings of a run: those of the file, if any, with the options given on the command line in their place.

    Args:
        path: TOML file, or the ``run.json`` of an earlier run.
        options: value by option name; what was not given is ``None`` or empty.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or a value out of range.
        TargetError: a property is malformed or given twice.
    """
    from wyckforge.config import RunConfig
    from wyckforge.targets import parse_properties

    recorded = path is not None and path.suffix == ".json"
    settings = _recorded(path) if path is not None and recorded else {}
    given = {name: value for name, value in options.items() if value not in (None, ())}
    properties = parse_properties(
        [*given.pop("properties", ()), *(f"{name}={given.pop(name)}" for name in PROPERTY_OPTIONS if name in given)]
    )
    for name, value in properties.items():
        settings.setdefault("target", {}).setdefault("properties", {})[name] = value
    for name, weight in _weights(given.pop("weights", ())).items():
        settings.setdefault("target", {}).setdefault("weights", {})[name] = weight
    for name, value in given.items():
        section, key = PLACES.get(name, ("", name))
        (settings.setdefault(section, {}) if section else settings)[key] = value
    return RunConfig.load(None if recorded else path, settings)


def _weights(items: tuple[str, ...]) -> dict[str, float]:
    """Read ``name=number`` items."""
    from wyckforge.errors import TargetError

    weights = {}
    for item in items:
        name, _, number = (part.strip() for part in item.partition("="))
        try:
            weights[name] = float(number)
        except ValueError:
            raise TargetError(f"--weight {item!r} given; write NAME=NUMBER, like band_gap=2") from None
    return weights


def _recorded(path: Path) -> dict[str, Any]:
    """The configuration in the record of an earlier run."""
    from wyckforge.config import RunConfig
    from wyckforge.errors import ConfigError

    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not the record of a run ({error}); give a run.json or a TOML file") from None
    return RunConfig.from_dict(settings, source=str(path)).to_dict()
