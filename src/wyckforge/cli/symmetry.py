"""``wyckforge symmetry``: tables and detection."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wyckforge.cli.errors import FAILED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.group()
def symmetry() -> None:
    """Euclidean normalizers, and the Wyckoff genes of structures."""


@symmetry.command()
@click.argument("space_group", metavar="NUMBER", type=click.IntRange(1, 230))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def normalizer(space_group: int, as_json: bool) -> None:
    """Coset representatives of the Euclidean normalizer of a space group, and the letters they permute.

    Permutations are strings: the images of a, b, c, … in order, identity first. Operators are 3×4, the translation
    in the last column, in the basis of the conventional cell. In JSON, permutations holds the distinct ones and
    operator_permutations the one of each operator.
    """
    from wyckforge.symmetry.normalizer import operator_permutations, operators
    from wyckforge.symmetry.tables import space_group as table_of

    matrices, permutations = operators(space_group), operator_permutations(space_group)
    if as_json:
        cosets = {
            "space_group": space_group,
            "permutations": list(dict.fromkeys(permutations)),
            "operators": [_numbers(matrix) for matrix in matrices],
            "operator_permutations": list(permutations),
        }
        click.echo(json.dumps(cosets))
        return
    table = table_of(space_group)
    click.echo(f"{table.symbol} ({space_group}): {len(matrices)} cosets, {len(set(permutations))} permutations")
    click.echo(f"{table.letters}  letters")
    for matrix, permutation in zip(matrices, permutations, strict=True):
        click.echo(f"{permutation}  {coordinate_triplet(matrix)}")


@symmetry.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symprec", type=float, default=0.01, show_default=True, help="Distance tolerance in Å.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per file and line.")
@click.pass_context
def detect(ctx: click.Context, files: tuple[Path, ...], symprec: float, as_json: bool) -> None:
    """Wyckoff genes of CIF or POSCAR files, or of folders of them.

    A file that cannot be read is named on standard error, the others are still done, and the exit status is 1.
    """
    from wyckforge.errors import StructureError
    from wyckforge.symmetry.detection import detect as detect_gene

    failed = False
    for row in structure_rows(files):
        try:
            if row.crystal is None:
                raise StructureError(str(row.problem))
            gene = detect_gene(row.crystal, symprec=symprec).gene
        except StructureError as error:
            click.echo(f"wyckforge: {row.id}: {error}", err=True)
            failed = True
            continue
        if as_json:
            found: dict[str, Any] = {
                "file": row.id,
                "formula": gene.formula,
                "space_group": gene.space_group,
                "symbol": gene.table.symbol,
                "given_space_group": row.given_space_group or None,
                "gene": str(gene),
                "canonical_gene": str(gene.canonical()),
            }
            click.echo(json.dumps(found))
        else:
            given = (
                f"  (given as {row.given_space_group})" if row.given_space_group not in (0, gene.space_group) else ""
            )
            click.echo(f"{row.id}  {gene.formula}  {gene.table.symbol} ({gene.space_group})  {gene}{given}")
    if failed:
        ctx.exit(FAILED)


def structure_rows(files: tuple[Path, ...]) -> list[Any]:
    """Rows of all files and folders, named by their paths, those of a table by what it calls them.

    What cannot be read is a row with its problem.

    Raises:
        TableError: there is nothing to read in any of them, as where the only path is misspelt.
    """
    from wyckforge.data.readers import TABLES, read_structures
    from wyckforge.data.rows import Problem, RawRow, Rule
    from wyckforge.errors import TableError

    rows: list[RawRow] = []
    mistakes: list[str] = []
    for file in files:
        try:
            read = list(read_structures(file))
            if file.is_dir():
                read = [replace(row, id=str(file / row.id)) for row in read]
            elif file.suffix not in TABLES:
                read = [replace(row, id=str(file)) for row in read]
            rows += read
        except TableError as error:
            mistakes.append(str(error))
            rows.append(RawRow(id=str(file), crystal=None, problem=Problem(Rule.UNREADABLE, str(error))))
    if files and len(mistakes) == len(files):
        raise TableError("; ".join(mistakes))
    return rows


def coordinate_triplet(matrix: NDArray[np.int64]) -> str:
    """A 3×4 operator, its translation in 24ths, in the notation of International Tables: ``x+1/2,-y,z``."""
    from wyckforge.symmetry.tables import DENOMINATOR

    parts = []
    for *rotation, shift in matrix.tolist():
        text = ""
        for factor, name in zip(rotation, "xyz", strict=True):
            if factor:
                text += (
                    ("-" if factor < 0 else "+" if text else "") + (str(abs(factor)) if abs(factor) > 1 else "") + name
                )
        translation = Fraction(shift, DENOMINATOR)
        parts.append(text + (f"{'+' if translation > 0 else '-'}{abs(translation)}" if translation else ""))
    return ",".join(parts)


def _numbers(matrix: NDArray[np.int64]) -> list[list[int | float]]:
    """A 3×4 operator as JSON numbers: whole rotations, translations as fractions of the axes."""
    from wyckforge.symmetry.tables import DENOMINATOR

    return [
        [*rotation, shift // DENOMINATOR if shift % DENOMINATOR == 0 else shift / DENOMINATOR]
        for *rotation, shift in matrix.tolist()
    ]
