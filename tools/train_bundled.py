"""Make the checkpoints that come with the package, from the shared structures to the committed folders.

Builds the gene tables, trains as the model's configuration says (a killed run goes on where it was), measures the model
on its test part, and writes weights in half precision with the model card.

    python tools/train_bundled.py orbitvae --shared ../shared/data
    python tools/train_bundled.py oracle     # after orbitvae: it learns from what that one did not
    python tools/train_bundled.py mpvae      # the model of the paper
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.split import Split
from wyckforge.data.table import GeneTable
from wyckforge.errors import MissingDependencyError, WyckforgeError
from wyckforge.evaluate.run import evaluate
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.artefact import bundled
from wyckforge.train.assemble import model_card as mpvae_card
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.model import GeneModel, load_checkpoint
from wyckforge.train.orbitvae.assemble import model_card
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.run import SPLIT
from wyckforge.train.start import read_config, train_from_file

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = {
    "orbitvae": ROOT / "configs" / "train_orbitvae.toml",
    "oracle": ROOT / "configs" / "train_oracle.toml",
    "mpvae": ROOT / "configs" / "train_bundled.toml",
}
STRUCTURES = "materials_project_structures.parquet"
MAX_MB = 15.0
TERNARY, ALL_TERNARY = Path(".cache/mp_modern_ternary.parquet"), Path(".cache/mp_ternary.parquet")
OTHER_TERNARY, TEST = Path(".cache/mp_other_ternary.parquet"), Path(".cache/mp_test.parquet")
TABLES = {
    TERNARY: BuildRules(min_elements=3, max_elements=3, require=(FORMATION_ENERGY,), vintage="modern"),
    Path(".cache/mp_up_to_binary.parquet"): BuildRules(max_elements=2),
    Path(".cache/mp_from_quaternary.parquet"): BuildRules(min_elements=4),
    ALL_TERNARY: BuildRules(min_elements=3, max_elements=3),
}
"""Gene tables that are built from the structures."""

METRICS = {
    "formation_energy_mae": "Formation energy, mean absolute error (eV/atom)",
    "band_gap_mae_semiconductors": "Band gap, mean absolute error where the gap is above zero (eV)",
    "band_gap_mae": "Band gap, mean absolute error of all (eV)",
    "element_accuracy": "Elements reconstructed",
    "wyckoff_accuracy": "Site occupation reconstructed",
    "space_group_accuracy": "Space group reconstructed",
    "exact_gene_accuracy": "Gene reconstructed exactly",
    "metal_precision": "Metals, precision",
    "metal_recall": "Metals, recall",
    "formation_energy_coverage": "Labels in the 90 % intervals of the formation energy",
    "band_gap_coverage": "Labels in the 90 % intervals of the band gap",
}
CREDITS = """## Credits

Structures and labels: Materials Project (CC BY 4.0), by way of MP-20 (T. Xie et al.) and MPTS-52 (S. G. Baird et al.),
and WBM (H.-C. Wang, S. Botti, M. A. L. Marques). Band gaps of MPTS-52 crystals: Materials Project, by way of aviary
and MEGNet's collections. Elemental features: pymatgen, in the manner of CGCNN (T. Xie, J. C. Grossman), and, in the
OrbitVAE, those that CHGNet learned (B. Deng et al.).

"""


@click.command()
@click.argument("model", type=click.Choice(list(CONFIGS)))
@click.option(
    "--shared",
    type=click.Path(path_type=Path),
    default=Path(os.environ.get("WYCKFORGE_SHARED", ROOT.parent / "shared" / "data")),
    show_default=True,
    help=f"Folder with {STRUCTURES}.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: the folder of the model in the package.")
def main(model: str, shared: Path, out: Path | None) -> None:
    """Train a bundled checkpoint with one command."""
    try:
        build(model, shared, out or bundled(model))
    except WyckforgeError as error:
        raise click.ClickException(str(error)) from None


def build(name: str, shared: Path, out: Path) -> None:
    """Tables, training, measurement, committed folder."""
    os.chdir(ROOT)
    config = read_config(CONFIGS[name])
    for path in (config.table, *getattr(config, "extra", ())):
        if not path.exists() or GeneTable.read(path).crystals is None:
            make_table(shared, path)
    model = load_checkpoint(train_from_file(CONFIGS[name], resume=True))
    measured = measure(model, GeneTable.read(config.table), config.out)
    shutil.rmtree(out, ignore_errors=True)
    with_card(model, CREDITS + measured).save(out, half=True)
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    click.echo(f"{out}: {size:.2f} MB")
    if size > MAX_MB:
        raise click.ClickException(f"the checkpoint has {size:.2f} MB, at most {MAX_MB} are committed")


def with_card(model: GeneModel, measured: str) -> Checkpoint | OrbitCheckpoint:
    """The model with figures in its card."""
    if isinstance(model, OrbitCheckpoint):
        return replace(model, card=model_card(model, measured))
    if isinstance(model, Checkpoint):
        return replace(model, card=mpvae_card(model, measured))
    raise TypeError(f"{type(model).__name__} cannot be bundled")


def make_table(shared: Path, path: Path) -> None:
    """A gene table, from the shared structures or from other tables."""
    if path in (OTHER_TERNARY, TEST):
        make_oracle_table(shared, path)
        return
    source = shared / STRUCTURES
    if not source.exists():
        raise MissingDependencyError(
            f"{source} is absent; training the bundled checkpoint needs the shared structures, give their folder with "
            "--shared (the package itself runs without them)"
        )
    table, report = build_from_path(source, TABLES[path], progress=True)
    click.echo(report.to_text())
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path)


def make_oracle_table(shared: Path, path: Path) -> None:
    """What the generator did not learn from: its test part, or the ternaries of other vintages with new formulas."""
    for needed in (TERNARY, ALL_TERNARY):
        if not needed.exists():
            make_table(shared, needed)
    learned = GeneTable.read(TERNARY)
    if path == TEST:
        split = read_config(CONFIGS["orbitvae"]).out / SPLIT
        if not split.exists():
            raise MissingDependencyError(f"{split} is absent; train the generator first: train_bundled.py orbitvae")
        learned.select(Split.read(split).test).write(path)
        return
    every, formulas = GeneTable.read(ALL_TERNARY), set(learned.formulas)
    every.select(np.array([formula not in formulas for formula in every.formulas])).write(path)


def measure(model: GeneModel, table: GeneTable, run: Path) -> str:
    """Metrics on the test part, of all crystals and of those with a gap, as Markdown."""
    test = table.select(Split.read(run / SPLIT).test)
    parts = {"all": test, "with a gap": test.select(test.label(BAND_GAP) > 0)}
    found = {name: evaluate(model, part, run / "evaluation" / name.replace(" ", "_")) for name, part in parts.items()}
    click.echo(json.dumps({name: {key: f.get(key) for key in METRICS} for name, f in found.items()}, indent=1))
    return as_markdown(found)


def as_markdown(found: dict[str, dict[str, Any]]) -> str:
    """Metrics of several sets beside each other, with 95 % intervals."""
    heads = [f"{name} (n = {metrics['n']:,})" for name, metrics in found.items()]
    lines = ["## Test part", "", f"| metric | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for key, label in METRICS.items():
        if all(metrics.get(key) is None for metrics in found.values()):
            continue
        lines.append(f"| {label} | {' | '.join(_cell(metrics, key) for metrics in found.values())} |")
    lines += ["", "Training did not look at these crystals. Intervals: 95 %."]
    return "\n".join(lines) + "\n\n"


def _cell(metrics: dict[str, Any], key: str) -> str:
    if metrics.get(key) is None:
        return "none"
    low, high = metrics[f"{key}_interval"]
    return f"{metrics[key]:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
