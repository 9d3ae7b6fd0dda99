"""``wyckforge phonon``: which crystals are dynamically stable."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wyckforge.cli.errors import FAILED, SAVED
from wyckforge.cli.symmetry import structure_rows

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential
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
    rows = structure_rows(structures)
    line = f"{{:<{max((len(row.id) for row in rows), default=0)}}}  {_CELLS}".format
    if any(row.crystal is not None for row in rows):
        click.echo(line(*_HEAD))
    failed = False
    for row in rows:
        chain, problem = (None, str(row.problem)) if row.crystal is None else _tested(row.crystal, config, asked)
        if chain is not None:
            for generation, found in enumerate(chain.studies):
                click.echo(line("→" if generation else row.id, *_cells(found)))
            if out is not None:
                _write(out, row.id, row.crystal, chain, config)
        if problem:
            click.echo(f"wyckforge: {row.id}: {problem}", err=True)
            failed = True
    if failed:
        ctx.exit(FAILED)


def _tested(crystal: Crystal, config: PhononConfig, potential: Potential) -> tuple[Following | None, str]:
    """What is known of a crystal and of those that its modes lead to, and what could not be told, in words."""
    from wyckforge.realise.phonon.follow import study_and_follow

    try:
        chain = study_and_follow(crystal, config, potential)
    except Exception as error:  # a defect that one crystal brings to light must not end the others
        return None, f"{type(error).__name__}: {error}"
    verdict = chain.studies[0].verdict
    return chain, chain.reason or (verdict.reason if verdict.stability == "unknown" else "")


_HEAD = ("structure", "Γ", "mesh", "lowest (cm⁻¹)", "(THz)", "at q", "calls", "time (s)", "gene")
_CELLS = "{:<8}  {:<8}  {:>13}  {:>7}  {:<17}  {:>5}  {:>8}  {}"
"""Of one crystal, after its name; of the last column alone the width is not known before all are done."""


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


def _free_stem(out: Path, stem: str, given: str, generations: int) -> str:
    """A name under which there are no files of another structure; records tell whose they are."""

    def taken(candidate: str) -> bool:
        record = out / f"{candidate}.json"
        if record.exists():
            return bool(json.loads(record.read_text()).get("given") != given)
        children = [f"{candidate}_child{generation}" for generation in range(1, generations)]
        return any((out / f"{name}{end}").exists() for name in (candidate, *children) for end in (".cif", ".json"))

    names = (stem if number == 1 else f"{stem}_{number}" for number in count(1))
    return next(name for name in names if not taken(name))


def _write(out: Path, name: str, crystal: Crystal, chain: Following, config: PhononConfig) -> None:
    """The record of a structure; CIF file and dispersion of the relaxed crystal and of each that modes led to."""
    from wyckforge.execute.outputs import cif
    from wyckforge.files import write_atomically
    from wyckforge.realise.phonon.record import record_of
    from wyckforge.report.phonon import dispersion_plot

    given = sha256(name.encode() + crystal.content()).hexdigest()
    stem = _free_stem(out, Path(name).stem, given, len(chain.studies))
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
