"""``wyckforge relax``: crystals at their minimum of energy, within their symmetry."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wyckforge.cli.crystals import Done, each_crystal, fingerprint, free_stem
from wyckforge.cli.errors import SAVED

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential
    from wyckforge.realise.hull import HullResult
    from wyckforge.realise.relax import Relaxation
    from wyckforge.symmetry.crystal import Crystal
    from wyckforge.symmetry.gene import WyckoffGene

PACKAGES = ("wyckforge", "moyopy", "pymatgen")
_HEAD = ("eV/atom", "above hull", "group before", "group after", "converged", "calls", "time (s)", "gene")
_CELLS = "{:>9}  {:>10}  {:<16}  {:<16}  {:<9}  {:>5}  {:>8}  {}"


class _Limit(click.FloatRange):
    """A finite number in a range; ``nan`` is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@dataclass(frozen=True)
class _Relaxed:
    """A crystal before and after."""

    before: WyckoffGene
    after: WyckoffGene
    relaxation: Relaxation
    hull: HullResult
    seconds: float


@click.command()
@click.argument("structures", metavar="STRUCTURE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--potential", help="Interatomic potential by name.  [default: chgnet]")
@click.option("--fmax", type=_Limit(0, min_open=True), help="Largest force, eV/Å.  [default: 0.05]")
@click.option("--smax", type=_Limit(0, min_open=True), help="Largest stress, GPa.  [default: 0.5]")
@click.option("--steps", type=click.IntRange(1), help="Steps of the search.  [default: 200]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for CIF files and records.")
@click.pass_context
def relax(ctx: click.Context, /, structures: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    """Relax crystals in CIF or POSCAR files, folders of them, or tables, within their symmetry.

    Every crystal has its line as soon as it is done. What cannot be read or relaxed, or has not converged, is named on
    standard error, the others are still done, and the exit status is 1.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.config import RelaxConfig

    places = {"fmax": "fmax_ev_per_angstrom", "smax": "smax_gpa", "steps": "max_steps"}
    given = {places.get(name, name): value for name, value in options.items() if value is not None}
    config = RelaxConfig(**given)
    potential = load_potential(config.potential)
    if out is not None:
        ctx.meta[SAVED] = f"finished structures are in {out}"

    def work(name: str, crystal: Crystal) -> Done:
        from wyckforge.realise.relax import relax as relaxed
        from wyckforge.symmetry.detection import detect

        began = time.monotonic()
        before = detect(crystal).gene
        found = relaxed(crystal, config, potential)
        after = detect(found.crystal).gene
        one = _Relaxed(before, after, found, _placed(found, potential), time.monotonic() - began)
        if out is not None:
            _write(out, name, crystal, one, {"config": config.model_dump(mode="json"), "tool": potential.tool})
        return [_cells(one)], found.reason

    each_crystal(ctx, structures, _HEAD, _CELLS, work)


def _placed(found: Relaxation, potential: Potential) -> HullResult:
    """Where the energy lies relative to the hull of the package, if it has one of the potential."""
    from wyckforge.errors import TableError
    from wyckforge.realise.corrections import comparable_energy, comparable_tool
    from wyckforge.realise.hull import HullResult, shared_hull
    from wyckforge.realise.reference import bundled_table

    tool = comparable_tool(potential)
    try:
        hull = shared_hull(bundled_table(tool))
    except TableError as error:
        return HullResult(None, reason=str(error))
    energy = comparable_energy(found.energy_ev_per_atom, found.crystal, potential)
    return hull.energy_above_hull(Counter(found.crystal.numbers.tolist()), energy, tool=tool)


def _cells(one: _Relaxed) -> tuple[str, ...]:
    groups = (f"{gene.table.symbol} ({gene.space_group})" for gene in (one.before, one.after))
    return (
        f"{one.relaxation.energy_ev_per_atom:.4f}",
        "–" if one.hull.value is None else f"{one.hull.value:.4f}",
        *groups,
        "yes" if one.relaxation.converged else "no",
        str(one.relaxation.calls),
        f"{one.seconds:.0f}",
        str(one.after),
    )


def _write(out: Path, name: str, crystal: Crystal, one: _Relaxed, made_with: dict[str, Any]) -> None:
    """The relaxed crystal as CIF, and the record of it."""
    from wyckforge.execute.outputs import cif
    from wyckforge.files import write_atomically

    given = fingerprint("relax", name, crystal)
    stem = free_stem(out, Path(name).stem, given)
    record = {
        "structure": name,
        "given": given,
        "gene_before": str(one.before),
        "gene_after": str(one.after),
        "relaxation": asdict(one.relaxation) | {"crystal": one.relaxation.crystal.to_dict()},
        "hull": asdict(one.hull),
        "seconds": round(one.seconds, 2),
        **made_with,
        "versions": {package: version(package) for package in PACKAGES},
    }
    write_atomically(out / f"{stem}.json", json.dumps(record, indent=1).encode())
    write_atomically(out / f"{stem}.cif", cif(one.relaxation.crystal).encode())
