"""Make the geometry model that comes with the package, in two steps that can run on different machines.

    python tools/train_geometry.py prepare --shared ../shared/data    # tables to one file of arrays, in minutes
    python tools/train_geometry.py train --minutes 5                  # from that file alone, on a GPU if there is one

The ternaries of the modern vintage are split by formula as for the OrbitVAE; nothing is learned from the test part, nor
from any crystal of its formulas in the other tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wyckforge.errors import MissingDependencyError, WyckforgeError
from wyckforge.models.geometry.model import GeometryModel
from wyckforge.train.artefact import bundled
from wyckforge.train.geometry.config import GeometryConfig
from wyckforge.train.geometry.examples import TEST, TRAIN, VALIDATION, Examples
from wyckforge.train.geometry.loop import train_geometry
from wyckforge.train.geometry.storage import save_geometry

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.symmetry.crystal import Crystal

EXAMPLES = Path(".cache/geometry/examples.safetensors")
SPLIT_SEED = 7


def prepare(shared: Path, out: Path) -> None:
    """Write the examples."""
    from train_bundled import ALL_TERNARY, STRUCTURES, TABLES, TERNARY
    from wyckforge.data.build import build_from_path
    from wyckforge.data.split import rows_apart, split_table
    from wyckforge.data.table import GeneTable
    from wyckforge.models.orbitvae.descriptors import elements as chemistry
    from wyckforge.train.geometry.prepare import contacts_of, describe_all
    from wyckforge.train.geometry.prepare import prepare as make_examples

    for path, rules in TABLES.items():
        if not path.exists():
            if not (shared / STRUCTURES).exists():
                raise MissingDependencyError(f"{shared / STRUCTURES} is absent; give its folder with --shared")
            build_from_path(shared / STRUCTURES, rules, progress=True)[0].write(path)
    table = GeneTable.read(TERNARY)
    split = split_table(table, seed=SPLIT_SEED)
    others = [GeneTable.read(path) for path in sorted(TABLES, key=lambda path: path == ALL_TERNARY) if path != TERNARY]
    parts = [np.full(len(table), TRAIN, np.uint8)]
    parts[0][split.val], parts[0][split.test] = VALIDATION, TEST
    crystals = _crystals(table)
    for other, apart in zip(others, rows_apart(table, split, others), strict=True):
        fresh = other.select(apart)
        crystals += _crystals(fresh)
        parts.append(np.full(len(fresh), TRAIN, np.uint8))
    described = describe_all(crystals, progress=True)
    kept = [(one, part) for one, part in zip(described, np.concatenate(parts), strict=True) if one is not None]
    out.parent.mkdir(parents=True, exist_ok=True)
    parameters, part = [one for one, _ in kept], np.array([part for _, part in kept], np.uint8)
    contacts = contacts_of([one for one, part in kept if part == TRAIN], progress=True)
    elements = sorted({z for one in parameters for z in one.gene.elements})
    make_examples(parameters, part, contacts, elements, chemistry(elements), progress=True).write(out)
    print(f"{len(kept):,} of {len(crystals):,} crystals written to {out}, {out.stat().st_size / 1e6:.1f} MB")


def _crystals(table: GeneTable) -> list[Crystal]:
    """The structures of a table that holds them all."""
    return [crystal for crystal in table.crystals or () if crystal is not None]


def train(examples: Path, config: GeometryConfig, out: Path) -> None:
    """Train on the examples and write the model."""
    found = Examples.read(examples)
    trained = train_geometry(found, config, _tell)
    elements = tuple(int(z) for z in found.elements)
    model = GeometryModel(trained.network.eval().requires_grad_(False), elements, found.contacts)
    counts = {name: int((found.part == part).sum()) for name, part in (("train", TRAIN), ("val", VALIDATION))}
    provenance = {"config": config.model_dump(mode="json"), "crystals": counts, "history": trained.history}
    save_geometry(model, out, provenance=provenance, card=card(provenance))
    print(f"written to {out}")


def card(provenance: dict[str, Any]) -> str:
    """Markdown account of the model."""
    best = min(provenance["history"], key=lambda record: record["loss"])
    counts = provenance["crystals"]
    return f"""# geometry

Draws crystals for Wyckoff genes: the free edges and angles of the cell and the free coordinates of every orbit, from a
distribution. It learned from {counts["train"]:,} crystals; {counts["val"]:,} others, with other formulas, chose the
moment to stop. On those, the mean negative log density of a number is {best["loss"]:.3f}, and the expected volume is
within 5 % for {best["volume_hit"]:.1%}. How it works: `docs/concepts/geometry.md`.

Structures: Materials Project (CC BY 4.0), by way of MP-20 (T. Xie et al.), MPTS-52 (S. G. Baird et al.) and others, and
WBM (H.-C. Wang, S. Botti, M. A. L. Marques). Elements are described by pymatgen's tables and by what CHGNet (B. Deng et
al.) learned about them. Loading executes nothing.
"""


def _tell(record: dict[str, Any]) -> None:
    print(json.dumps({name: round(value, 4) for name, value in record.items()}), flush=True)


def main() -> None:
    """Run one of the two steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    first = steps.add_parser("prepare", help="tables to one file of arrays")
    first.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the shared structures")
    second = steps.add_parser("train", help="learn from that file")
    second.add_argument("--minutes", type=float, help="time after which it ends")
    second.add_argument("--updates", type=int, help="number of updates after which it ends")
    second.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="other settings of GeometryConfig")
    second.add_argument("--out", type=Path, default=bundled("geometry"), help="folder of the model")
    for step in (first, second):
        step.add_argument("--examples", type=Path, default=EXAMPLES)
    options = parser.parse_args()
    try:
        if options.step == "prepare":
            prepare(options.shared, options.examples)
        else:
            given = dict(setting.split("=", 1) for setting in options.set)
            config = {"minutes": options.minutes, "updates": options.updates, **given}
            train(options.examples, GeometryConfig.from_dict(config, source="--set"), options.out)
    except WyckforgeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
