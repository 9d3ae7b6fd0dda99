"""The model of the lattice thermal conductivity that `wyckforge dft run` asks: fit, measure, bundle.

    python benchmarks/conductivity.py             # half an hour on one core
    python benchmarks/conductivity.py --bundle    # and put it into the package

Learned and measured on the published thermal split of Table 1's AFLOW compounds, whose conductivities at 300 K are
those of the Automatic GIBBS Library: Slack's formula, with what PBE says of the lattice. The model is kept under
`.cache/conductivity`, and read on a second call.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aflow import STRUCTURES, Aflow
from dft_published import CASES
from wyckforge.data.material import Material
from wyckforge.evaluate.metrics import Rate, bootstrap_interval
from wyckforge.files import write_atomically
from wyckforge.train.artefact import INDEX, bundled
from wyckforge.train.forward.method import Task
from wyckforge.train.forward.model import ForwardModel, fit_model

HERE = Path(__file__).parent
CACHE, PAGE = HERE.parent / ".cache" / "conductivity", HERE.parent / "docs" / "benchmarks" / "conductivity.md"
NAME, PROPERTY, SEED, LEVEL = "conductivity", "thermal_conductivity", 0, 0.9


def fitted(data: Aflow, cache: Path) -> ForwardModel:
    """The model, fitted to the training part and calibrated on the validation part, or as it was kept."""
    folder = cache / "model"
    if not (folder / INDEX).is_file():
        began = time.perf_counter()
        train, val = (data.rows("thermal", part) for part in ("train", "val"))
        task = Task(data.materials, {PROPERTY: data.labels[PROPERTY]}, train, val, seed=SEED, shown=True)
        model = fit_model("environments", task)
        account = {"seed": SEED, "seconds": time.perf_counter() - began, "train": len(train), "val": len(val)}
        replace(model, name=NAME, provenance=account).save(folder, half=True)
    return ForwardModel.load(folder)


def measured(data: Aflow, model: ForwardModel) -> dict[str, object]:
    """Errors on the test part."""
    rows = data.rows("thermal", "test")
    found = model.distributions([data.materials[row] for row in rows])[PROPERTY]
    said, true = found.value(), data.labels[PROPERTY][rows]
    low, high = found.interval(LEVEL)
    off = np.abs(said - true)
    factor = np.exp(np.abs(np.log(said / true)))
    return {
        "n": len(rows),
        "provenance": model.provenance,
        "mae": off.mean(),
        "mae_interval": bootstrap_interval(off, np.random.default_rng(SEED)),
        "factor": float(np.median(factor)),
        "within_two": Rate(int((factor <= 2).sum()), len(rows)),
        "covered": Rate(int(((low <= true) & (true <= high)).sum()), len(rows)),
    }


def textbook(data: Aflow, model: ForwardModel) -> list[dict[str, object]]:
    """What it says of well-known crystals, beside their labels where AFLOW has them."""
    materials = [Material.of_crystal(case.crystal()) for case in CASES]
    found = model.distributions(materials)[PROPERTY]
    bounds = zip(*found.interval(LEVEL), strict=True)
    labels = {one.gene.canonical(): label for one, label in zip(data.materials, data.labels[PROPERTY], strict=True)}
    return [
        {"name": case.name, "says": says, "interval": span, "label": labels.get(one.gene.canonical())}
        for case, one, says, span in zip(CASES, materials, found.value(), bounds, strict=True)
    ]


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), default=STRUCTURES, help="The shared AFLOW structures (Parquet)."
)
@click.option("--bundle", is_flag=True, help="Write the model that comes with the package.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(data: Path, bundle: bool, cache: Path, page: Path) -> None:
    """Fit the model, measure it, and write the page."""
    compounds = Aflow.read(data)
    model = fitted(compounds, cache)
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True)
    said = measured(compounds, model) | {"textbook": textbook(compounds, model)}
    write_atomically(page, words.get_template("conductivity.md.j2").render(said).encode())
    click.echo(f"wrote {page}")
    if bundle:
        card = words.get_template("conductivity_card.md.j2").render(said)
        replace(model, card=card).save(bundled(NAME), half=True)
        click.echo(f"wrote {bundled(NAME)}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
