"""Make the checkpoint that comes with the package, from the shared structures to the committed folder.

Builds the gene table, trains as ``configs/train_bundled.toml`` says (a killed run goes on where it was), measures the
model on the test part, and writes weights in half precision with the model card.

    python tools/train_bundled.py --shared ../shared/data
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.errors import MissingDependencyError, WyckforgeError
from wyckforge.evaluate.run import evaluate
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.assemble import model_card
from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint
from wyckforge.train.config import TrainConfig
from wyckforge.train.data import TrainingData
from wyckforge.train.run import train

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "train_bundled.toml"
STRUCTURES = "materials_project_structures.parquet"
MAX_MB = 15.0
RULES = BuildRules(min_elements=3, max_elements=3, require=(FORMATION_ENERGY,), vintage="modern", keep_structures=False)
METRICS = {
    "formation_energy_mae": "Formation energy, mean absolute error (eV/atom)",
    "band_gap_mae_semiconductors": "Band gap, mean absolute error where the gap is above zero (eV)",
    "band_gap_mae": "Band gap, mean absolute error of all (eV)",
    "element_accuracy": "Elements reconstructed",
    "wyckoff_accuracy": "Site occupation reconstructed",
    "space_group_accuracy": "Space group reconstructed",
    "exact_gene_accuracy": "Gene reconstructed exactly",
}
CREDITS = """## Credits

Structures and labels: Materials Project (CC BY 4.0), by way of MP-20 (T. Xie et al.) and MPTS-52 (S. G. Baird et al.),
and WBM (H.-C. Wang, S. Botti, M. A. L. Marques). Band gaps of MPTS-52 crystals: Materials Project, by way of aviary
and MEGNet's collections. Elemental features: pymatgen, in the manner of CGCNN (T. Xie, J. C. Grossman).

"""


@click.command()
@click.option(
    "--shared",
    type=click.Path(path_type=Path),
    default=Path(os.environ.get("WYCKFORGE_SHARED", ROOT.parent / "shared" / "data")),
    show_default=True,
    help=f"Folder with {STRUCTURES}.",
)
@click.option("--out", type=click.Path(path_type=Path), default=bundled_checkpoint(), show_default=True)
def main(shared: Path, out: Path) -> None:
    """Train the bundled checkpoint with one command."""
    try:
        build(shared, out)
    except WyckforgeError as error:
        raise click.ClickException(str(error)) from None


def build(shared: Path, out: Path) -> None:
    """Table, training, measurement, committed folder."""
    os.chdir(ROOT)
    config = TrainConfig.from_toml(CONFIG)
    if not config.table.exists():
        make_table(shared, config.table)
    checkpoint = Checkpoint.load(train(config, resume=True))
    measured = measure(checkpoint, TrainingData.prepare(config), config.out / "evaluation")
    shutil.rmtree(out, ignore_errors=True)
    replace(checkpoint, card=model_card(checkpoint, CREDITS + measured)).save(out, half=True)
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    click.echo(f"{out}: {size:.2f} MB")
    if size > MAX_MB:
        raise click.ClickException(f"the checkpoint has {size:.2f} MB, at most {MAX_MB} are committed")


def make_table(shared: Path, path: Path) -> None:
    """The modern-vintage ternaries with a formation energy."""
    source = shared / STRUCTURES
    if not source.exists():
        raise MissingDependencyError(
            f"{source} is absent; training the bundled checkpoint needs the shared structures, give their folder with "
            "--shared (the package itself runs without them)"
        )
    table, report = build_from_path(source, RULES, progress=True)
    click.echo(report.to_text())
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path)


def measure(checkpoint: Checkpoint, data: TrainingData, out: Path) -> str:
    """Metrics on the test part, of all crystals and of those with a gap, as Markdown."""
    test = data.table.select(data.split.test)
    parts = {"all": test, "with a gap": test.select(test.label(BAND_GAP) > 0)}
    found = {name: evaluate(checkpoint, part, out / name.replace(" ", "_")) for name, part in parts.items()}
    click.echo(json.dumps({name: {key: f[key] for key in METRICS} for name, f in found.items()}, indent=1))
    return as_markdown(found)


def as_markdown(found: dict[str, dict[str, Any]]) -> str:
    """Metrics of several sets beside each other, with 95 % intervals."""
    heads = [f"{name} (n = {metrics['n']:,})" for name, metrics in found.items()]
    lines = ["## Test part", "", f"| metric | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for key, label in METRICS.items():
        lines.append(f"| {label} | {' | '.join(_cell(metrics, key) for metrics in found.values())} |")
    lines += ["", "No decision of the training looked at these crystals. Intervals: 95 %."]
    return "\n".join(lines) + "\n\n"


def _cell(metrics: dict[str, Any], key: str) -> str:
    if metrics[key] is None:
        return "none"
    low, high = metrics[f"{key}_interval"]
    return f"{metrics[key]:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
