"""``wyckforge data``: files in, a gene table out."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def data() -> None:
    """Gene tables from structure files."""


@data.command()
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Parquet file to write.")
@click.option(
    "--label", "labels", multiple=True, help="Label column to keep; may be repeated. Default: the known ones."
)
@click.option("--id-column", help="Column with the identifiers. Default: material_id, id, entry, or the row number.")
@click.option("--cif-column", default="cif", show_default=True, help="Column of a CSV that holds CIF text.")
@click.option("--min-elements", type=int, default=1, show_default=True, help="Least number of distinct elements.")
@click.option("--max-elements", type=int, default=118, show_default=True, help="Largest number of distinct elements.")
@click.option("--elements", default="", help="Allowed elements, Cs,Pt,Se. Default: all.")
@click.option("--max-sites", type=int, default=200, show_default=True, help="Most atoms in the cell as given.")
@click.option("--require", multiple=True, help="Label that a row must have; may be repeated.")
@click.option("--vintage", help="Accepted label vintage: a named set (modern) or one source. Default: all, kept apart.")
@click.option("--symprec", type=float, default=0.01, show_default=True, help="Symmetry tolerance in Å.")
@click.option("--structures/--no-structures", default=True, show_default=True, help="Keep the structures in the table.")
@click.option("--dropped", type=click.Path(path_type=Path), help="CSV file for the dropped rows and their reasons.")
def build(
    source: Path,
    out: Path,
    labels: tuple[str, ...],
    id_column: str | None,
    cif_column: str,
    min_elements: int,
    max_elements: int,
    elements: str,
    max_sites: int,
    require: tuple[str, ...],
    vintage: str | None,
    symprec: float,
    structures: bool,
    dropped: Path | None,
) -> None:
    """Build a gene table from INPUT.

    INPUT is Parquet (columns lattice, numbers, frac_coords), a CSV with CIF text, a CIF or POSCAR file, or a folder
    of such files. A count is printed for every rule; the reason of every dropped row goes to the --dropped file, by
    default beside the table.
    """
    from wyckforge.data.build import BuildRules, build_from_path
    from wyckforge.symmetry.elements import atomic_number

    reasons = dropped or out.with_suffix(".dropped.csv")
    for option, path in (("--out", out), ("--dropped", reasons)):
        _keep_clear_of_input(source, path, option)
    rules = BuildRules(
        min_elements=min_elements,
        max_elements=max_elements,
        elements=frozenset(atomic_number(word.strip()) for word in elements.split(",") if word.strip()) or None,
        max_sites=max_sites,
        require=require,
        vintage=vintage,
        symprec=symprec,
        keep_structures=structures,
    )
    table, report = build_from_path(
        source, rules, labels=labels or None, id_column=id_column, cif_column=cif_column, progress=True
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    table.write(out)
    click.echo(report.to_text())
    click.echo(f"table    {out}")
    if report.dropped:
        report.write_dropped(reasons)
        click.echo(f"dropped  {reasons}")


def _keep_clear_of_input(source: Path, path: Path, option: str) -> None:
    from wyckforge.errors import TableError

    if path.resolve() == source.resolve() or source.resolve() in path.resolve().parents:
        raise TableError(f"{option} {path} would overwrite or join the input {source}; give another place")
