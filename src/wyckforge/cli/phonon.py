"""``wyckforge phonon``: which crystals are dynamically stable."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wyckforge.cli.crystals import Done, each_crystal, fingerprint, free_stem
from wyckforge.cli.errors import SAVED

if TYPE_CHECKING:
    from wyckforge.realise.config import PhononConfig
    from wyckforge.realise.phonon.follow import Following
    from wyckforge.realise.phonon.stability import Study
    from wyckforge.symmetry.crystal import Crystal

PACKAGES = ("wyckforge", "phonopy", "seekpath", "spglib", "moyopy")


@click.command()
@click.argument("structures", metavar="STRUCTURE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--potential", help="Interatomic potential by name.  [default: sevennet-0]")
@click.option("--mesh/--gamma-only", default=True, show_default=True, help="Test a full mesh, or Γ alone.")
@click.option("--follow", "follow_modes", is_flag=True, help="Follow unstable modes down to a stable crystal.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for records, dispersion plots and crystals.",
)
@click.pass_context
def phonon(
    ctx: click.Context,
    structures: tuple[Path, ...],
    potential: str | None,
    mesh: bool,
    follow_modes: bool,
    out: Path | None,
) -> None:
    """Test crystals in CIF or POSCAR files, folders of them, or tables, for imaginary phonon modes.

    Every crystal is relaxed tightly within its symmetry first, and has its line as soon as it is done. What cannot be
    read or told is named on standard error, the others are still done, and the exit status is 1.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.config import PhononConfig, TightRelaxConfig

    relaxation = TightRelaxConfig() if potential is None else TightRelaxConfig(potential=potential)
    asked = load_potential(relaxation.potential)
    config = PhononConfig(relax=relaxation, mesh=mesh, follow=follow_modes)
    if out is not None:
        ctx.meta[SAVED] = f"finished structures are in {out}"

    def work(name: str, crystal: Crystal) -> Done:
        from wyckforge.realise.phonon.follow import study_and_follow

        chain = study_and_follow(crystal, config, asked)
        if out is not None:
            _write(out, name, crystal, chain, config)
        verdict = chain.studies[0].verdict
        problem = chain.reason or (verdict.reason if verdict.stability == "unknown" else "")
        return [_cells(one) for one in chain.studies], problem

    each_crystal(ctx, structures, _HEAD, _CELLS, work)


_HEAD = ("Γ", "mesh", "lowest (cm⁻¹)", "(THz)", "at q", "calls", "time (s)", "gene")
_CELLS = "{:<8}  {:<8}  {:>13}  {:>7}  {:<17}  {:>5}  {:>8}  {}"


def _cells(found: Study) -> tuple[str, ...]:
    from wyckforge.realise.phonon.dynamics import PER_CM_PER_THZ

    low, q_point = found.verdict.lowest_per_cm, found.verdict.q_point
    return (
        found.gamma.stability,
        found.mesh.stability if found.mesh else "–",
        "–" if low is None else f"{low:.1f}",
        "–" if low is None else f"{low / PER_CM_PER_THZ:.2f}",
        "–" if q_point is None else " ".join(f"{part:.3g}" for part in q_point),
        str(found.calls),
        f"{found.seconds:.0f}",
        found.gene,
    )


def _write(out: Path, name: str, crystal: Crystal, chain: Following, config: PhononConfig) -> None:
    """The record of a structure; CIF file and dispersion of the relaxed crystal and of each that modes led to."""
    from wyckforge.execute.outputs import cif
    from wyckforge.files import write_atomically
    from wyckforge.realise.phonon.record import record_of
    from wyckforge.report.phonon import dispersion_plot

    given = fingerprint("phonon", name, crystal)
    stem = free_stem(out, Path(name).stem, given, children=len(chain.studies) - 1)
    records = [record_of(one, config) for one in chain.studies]
    whole = {
        "structure": name,
        "given": given,
        "studies": records,
        "gain_ev_per_atom": chain.gain_ev_per_atom,
        "calls": chain.studies[0].calls + chain.calls,
        "reason": chain.reason,
        "config": config.model_dump(mode="json"),
        "versions": {package: version(package) for package in PACKAGES},
    }
    write_atomically(out / f"{stem}.json", json.dumps(whole, indent=1).encode())
    for generation, (found, record) in enumerate(zip(chain.studies, records, strict=True)):
        place = out / (f"{stem}_child{generation}" if generation else stem)
        if found.relaxation:
            write_atomically(place.with_name(place.name + ".cif"), cif(found.relaxation.crystal).encode())
        if record.get("dispersion"):
            title = f"{found.gene}, {found.tool}"
            write_atomically(place.with_name(place.name + ".svg"), dispersion_plot(record, title).encode())
