"""Count how often known crystals occupy the space groups and their Wyckoff positions, for structure prediction.

    python tools/count_positions.py --shared ../shared/data

Every gene counts once, whatever the number of entries that have it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from train_bundled import TABLES, TERNARY, make_table
from wyckforge.data.positions import BUNDLED, KnownPositions
from wyckforge.data.table import GeneTable
from wyckforge.errors import WyckforgeError
from wyckforge.files import write_atomically

OUT = Path(__file__).resolve().parents[1] / "src" / "wyckforge" / "data" / BUNDLED


@click.command()
@click.option(
    "--shared", type=click.Path(path_type=Path), default=Path("../shared/data"), help="The shared structures."
)
@click.option("--out", type=click.Path(path_type=Path), default=OUT)
def main(shared: Path, out: Path) -> None:
    """Build the gene tables, unless they are there, and count."""
    try:
        paths = [path for path in TABLES if path != TERNARY]  # all ternaries hold those
        for path in paths:
            if not path.exists():
                make_table(shared, path)
        genes = {gene for path in paths for gene in GeneTable.read(path).genes}
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    text = json.dumps(KnownPositions.count(genes).to_dict(), separators=(",", ":"))
    write_atomically(out, (text + "\n").encode())
    click.echo(f"{len(genes):,} genes counted, written to {out}")


if __name__ == "__main__":
    main()
