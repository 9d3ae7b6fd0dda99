"""``wyckforge hull``: reference energies of one's own phases, and what a table says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.cli.symmetry import structure_rows

if TYPE_CHECKING:
    from wyckforge.realise.phases import Computed, Phase
    from wyckforge.realise.reference import ReferenceTable

BUNDLED = "bundled"
SUFFIX = ".parquet"
_SHOWN = 6


@click.group()
def hull() -> None:
    """Reference energies for the energy above hull."""


@hull.command()
@click.argument("structures", nargs=-1, type=click.Path(path_type=Path))
@click.option("--potential", default="chgnet", show_default=True, help="Interatomic potential, by name.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write, NAME.parquet."
)
@click.option("--extend", metavar="TABLE", help=f"Table to add to; {BUNDLED}: that of the package for the potential.")
@click.option("--relax/--no-relax", "relaxed", default=True, show_default=True, help="Relax the structures.")
@click.option("--materials-project", metavar="SYSTEM", help="Phases of Li-Fe-O, too, with the key in MP_API_KEY.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.pass_context
def build(
    ctx: click.Context,
    structures: tuple[Path, ...],
    potential: str,
    out: Path,
    extend: str | None,
    relaxed: bool,
    materials_project: str | None,
    workers: int,
) -> None:
    """Compute the energies of known phases in STRUCTURES, and write a table of them.

    STRUCTURES are CIF or POSCAR files, folders of them, or tables with structures. A command that was stopped goes on
    where it was when it is repeated. A table that is there is replaced only by one with all its formulas. What cannot
    be read or computed is named on standard error and left out, and the exit status is 1.
    """
    from wyckforge.errors import TableError
    from wyckforge.execute.executors import LocalPool
    from wyckforge.execute.hull_run import run_phases
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.config import RelaxConfig
    from wyckforge.realise.corrections import comparable_tool
    from wyckforge.realise.phases import table_of

    if not structures and not materials_project:
        raise click.UsageError("nothing to compute; give STRUCTURES or --materials-project SYSTEM")
    if out.suffix != SUFFIX:
        raise click.BadParameter(f"{out} given; the table is Parquet, give NAME{SUFFIX}", param_hint="--out")
    tool = comparable_tool(load_potential(potential))
    base = _table(extend, tool) if extend else None
    phases, problems = _phases(structures, materials_project)
    _refuse_loss(out, tool, phases, base)
    log = out.with_name(out.name + ".progress.jsonl")
    ctx.meta[SAVED] = f"finished phases are in {log}; repeat the command to go on"
    with LocalPool(workers) as pool:
        done = run_phases(phases, RelaxConfig(potential=potential), relaxed=relaxed, log=log, executor=pool)
    problems += [f"{one.id}: {one.reason}" for one in done if one.energy_per_atom is None]
    for problem in problems:
        click.echo(f"wyckforge: {problem}", err=True)
    if all(one.energy_per_atom is None for one in done):
        raise TableError(f"there is no energy of any phase given, so {out} is not written; give other structures")
    table = table_of(done, tool, out.name)
    table = table if base is None else base.merged(table)
    table.write(out)
    click.echo(_summary(table, done, out))
    if problems:
        ctx.exit(FAILED)


@hull.command()
@click.argument("formula")
@click.option("--potential", default="chgnet", show_default=True, help="Whose table of the package to ask.")
@click.option("--table", type=click.Path(path_type=Path), help="Another table to ask.")
@click.pass_context
def show(ctx: click.Context, formula: str, potential: str, table: Path | None) -> None:
    """The competing phases at FORMULA, and the formation energy that a new crystal has to beat."""
    from wyckforge.errors import TableError
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.corrections import comparable_tool
    from wyckforge.realise.hull import ReferenceHull, composition_of
    from wyckforge.realise.reference import bundled_table, require_same_tool

    counts = composition_of(formula)
    path = table or bundled_table(comparable_tool(load_potential(potential)))
    hull = ReferenceHull.load(path)
    if ctx.get_parameter_source("potential") is click.core.ParameterSource.COMMANDLINE:
        require_same_tool(comparable_tool(load_potential(potential)), hull.tool, hull.name)
    found = hull.energy_above_hull(counts, 0.0, tool=hull.tool)
    if found.value is None or found.formation_energy is None:
        raise TableError(f"{found.reason}; add its phases with 'wyckforge hull build --extend'")
    click.echo(f"{hull.name}, {hull.tool}")
    click.echo(
        f"hull at {formula}  {-found.value:.4f} eV/atom; {found.formation_energy - found.value:.4f} from the elements"
    )
    for phase, share in found.decomposition:
        click.echo(f"{share:8.3f}  {phase}")


def _table(name: str, tool: str) -> ReferenceTable:
    """The table to extend."""
    from wyckforge.realise.reference import ReferenceTable, bundled_table, require_same_tool

    table = ReferenceTable.read(bundled_table(tool) if name == BUNDLED else Path(name))
    require_same_tool(tool, table.tool, table.name)
    return table


def _refuse_loss(out: Path, tool: str, phases: list[Phase], base: ReferenceTable | None) -> None:
    """Pass if no table is there yet, or one of the tool, all of whose formulas the new one has: that of this command.

    Raises:
        TableError: there is another one, or something else.
    """
    from wyckforge.errors import TableError
    from wyckforge.realise.phases import formula_of
    from wyckforge.realise.reference import ReferenceTable

    if not out.exists():
        return
    old = ReferenceTable.read(out)
    new = {formula_of(phase.crystal) for phase in phases} | set([] if base is None else base.rows["formula"])
    if lost := sorted(set(old.rows["formula"]) - (new if old.tool == tool else set())):
        others = f" and {len(lost) - 1:,} more" if lost[1:] else ""
        raise TableError(
            f"--out {out} holds energies of {old.tool} for {lost[0]}{others}, which would be lost; "
            f"add to it with --extend {out}, or give another file"
        )


def _phases(structures: tuple[Path, ...], system: str | None) -> tuple[list[Phase], list[str]]:
    """What was given, and what of it cannot be read, in words."""
    from wyckforge.realise.materials_project import fetch
    from wyckforge.realise.phases import Phase

    rows = structure_rows(structures)
    phases = [Phase(row.id, row.crystal) for row in rows if row.crystal is not None]
    problems = [f"{row.id}: {row.problem}" for row in rows if row.crystal is None]
    return [*phases, *(fetch(system) if system else [])], problems


def _summary(table: ReferenceTable, done: list[Computed], out: Path) -> str:
    """What was computed, and which elements the table cannot serve yet."""
    from wyckforge.realise.hull import ReferenceHull

    hull = ReferenceHull(table.rows["formula"].tolist(), table.rows["energy_per_atom"].to_numpy(), tool=table.tool)
    used = {element for system in hull.systems for element in system}
    lines = [
        f"computed  {sum(one.energy_per_atom is not None for one in done)} of {len(done)} phases by {table.tool}",
        f"table     {out}, {len(table.rows)} formulas",
    ]
    if missing := sorted(used - hull.elements):
        shown = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
        lines.append(f"no reference for the elements {shown}; add them, or use --extend {BUNDLED}")
    return "\n".join(lines)
