"""How the errors of the OrbitVAE's predictors fall with the number of crystals: would more of them reach the goals?

    python benchmarks/learning_curve.py            # half an hour on one core; --resume goes on after a kill
    python benchmarks/learning_curve.py --resume   # or writes the page anew

One network is trained on each part of the training crystals, split by formula as in ``benchmarks/orbitvae.py``, whole
formulas drawn at random, the smaller parts inside the larger ones; the networks of the bundled model, trained on all of
them, are the last point. Everything is kept under ``.cache/learning_curve``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from tqdm import tqdm

from orbitvae import CONFIG, SPLIT_SEED, prepare_extra, prepare_ground, settings
from plots import draw_curves
from table2 import CACHE as TABLE2
from table2 import STRUCTURES
from wyckforge.data.table import GeneTable
from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.files import write_atomically
from wyckforge.models.orbitvae.predictor import Predictor
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.data import OrbitData
from wyckforge.train.orbitvae.loop import Trainer
from wyckforge.train.orbitvae.objectives import PredictorObjective
from wyckforge.train.orbitvae.world import joined

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/learning_curve"), Path("docs/benchmarks/learning_curve.md")
SHARES = (1 / 8, 1 / 4, 1 / 2)
CURVES = {
    "all": "formation energy, all, eV/atom",
    "mp_20": "formation energy, MP-20, eV/atom",
    "mpts_52": "formation energy, MPTS-52, eV/atom",
    "wbm": "formation energy, WBM, eV/atom",
    "gap": "gap where above zero, told that there is one, eV",
}
GOALS = {"all": 0.05, "gap": 0.35}


def passes(share: float, whole: int) -> int:
    """Epochs over a share of the crystals: fewer crystals are seen more often, but make fewer updates in all."""
    return round(whole / float(np.sqrt(share)))


def part_of(genes: list[str], share: float) -> NDArray[np.int64]:
    """Rows of a share of the formulas, drawn in one order, so that smaller parts lie in larger ones."""
    formulas = sorted(set(genes))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(formulas))
    chosen = {formulas[place] for place in order[: round(share * len(formulas))]}
    return np.array([row for row, formula in enumerate(genes) if formula in chosen], np.int64)


def errors_of(model: OrbitCheckpoint, network: Predictor, test: GeneTable) -> dict[str, float]:
    """Mean absolute errors of one network on the test crystals, by curve."""
    alone = replace(model, predictors=(network,))
    found = alone.distributions(test.genes)
    energy = np.abs(found[FORMATION_ENERGY].value() - test.label(FORMATION_ENERGY))
    gap = test.label(BAND_GAP)
    sources = test.column(FORMATION_ENERGY).sources
    return {
        "all": float(energy.mean()),
        **{source: float(energy[sources == source].mean()) for source in ("mp_20", "mpts_52", "wbm")},
        "gap": float(np.abs(np.maximum(found[BAND_GAP].location, 0) - gap)[gap > 0].mean()),
    }


def train_on(share: float, data: OrbitData, config: OrbitConfig) -> tuple[int, Predictor]:
    """A network that has learned from a share of the crystals, and how many these were."""
    formulas = [gene.formula for gene in data.learned_genes]
    crystals = data.train.rows(torch.from_numpy(part_of(formulas, share)))
    config = OrbitConfig.from_dict(
        config.to_dict()
        | {"predictor": config.predictor.model_dump() | {"epochs": passes(share, config.predictor.epochs)}}
    )
    with joined("cpu") as world:
        objective = PredictorObjective(config.predictor, data, world)
        trainer = Trainer(
            "predictor-0", objective, config.predictor, config.seed, config.precision, config.predictor.average
        )
        state = trainer.begin(world)
        total = config.predictor.epochs * crystals.size
        with tqdm(total=total, desc=f"{crystals.size:,} crystals", unit=" crystals", file=sys.stderr) as bar:
            while state.epoch < config.predictor.epochs:
                trainer.epoch(state, crystals, world, bar.update)
                state.epoch += 1
    return crystals.size, state.result.predictor.eval()


def power_law(sizes: list[int], errors: list[float]) -> tuple[float, float]:
    """Factor and exponent of error = factor · size^exponent, by least squares of the logarithms."""
    exponent, intercept = np.polyfit(np.log(sizes), np.log(errors), 1)
    return float(np.exp(intercept)), float(exponent)


def table_of(points: Mapping[int, Mapping[str, float]]) -> str:
    """One row per number of crystals, then the exponents, then what the power law asks for to reach the goals."""
    sizes = sorted(points)
    lines = [f"| crystals | {' | '.join(CURVES.values())} |", "|---:" * (len(CURVES) + 1) + "|"]
    lines += [f"| {n:,} | {' | '.join(f'{points[n][key]:.3f}' for key in CURVES)} |" for n in sizes]
    laws = {key: power_law(sizes, [points[n][key] for n in sizes]) for key in CURVES}
    lines.append(f"| exponent | {' | '.join(f'{law[1]:.2f}' for law in laws.values())} |")
    needed = {key: (GOALS[key] / laws[key][0]) ** (1 / laws[key][1]) if key in GOALS else None for key in CURVES}
    cells = ("–" if n is None else f"{n:,.0f} for {GOALS[key]}" for key, n in needed.items())
    lines.append(f"| crystals needed | {' | '.join(cells)} |")
    return "\n".join(lines)


def make(data_file: Path, cache: Path, *, resume: bool) -> dict[int, dict[str, float]]:
    """Errors by number of crystals; what is still to be trained is trained.

    Raises:
        ConfigError: the cache holds points already, or the bundled model was trained otherwise.
    """
    saved = cache / "points.json"
    if saved.exists() and not resume:
        raise ConfigError(f"{saved} holds points already; go on with --resume, or give another --cache")
    ground = prepare_ground(data_file)
    prepare_extra(data_file)
    config = settings(cache / "run", TABLE2 / "split.json", SPLIT_SEED)
    model = load_checkpoint("orbitvae")
    if (
        not isinstance(model, OrbitCheckpoint)
        or model.provenance["data"]["content_hash"] != ground.table.content_hash()
    ):
        raise ConfigError(
            "the bundled checkpoint was trained on another table; make it anew with tools/train_bundled.py"
        )
    data = OrbitData.prepare(config)
    if (model.vocabulary, model.scales) != (data.vocabulary, data.scales):
        raise ConfigError(
            "the bundled checkpoint learned from other crystals; make it anew with tools/train_bundled.py"
        )
    identity = {"config": json.loads(json.dumps(config.to_dict())), "tables": list(data.hashes)}
    kept: dict[str, Any] = json.loads(saved.read_text()) if saved.exists() else {"run": identity, "points": {}}
    if kept["run"] != identity:
        raise ConfigError(f"{saved} holds points of other settings or tables; give another --cache")
    points = kept["points"]
    test = ground.table.select(data.rows(ground.split.test))
    for share in SHARES:
        if str(share) not in points:
            size, network = train_on(share, data, config)
            points[str(share)] = {"crystals": size, "errors": errors_of(model, network, test)}
            write_atomically(saved, json.dumps(kept, indent=1).encode())
    found = {point["crystals"]: point["errors"] for point in points.values()}
    whole = [errors_of(model, network, test) for network in model.predictors]
    return found | {data.train.size: {key: float(np.mean([one[key] for one in whole])) for key in CURVES}}


def main() -> None:
    """Train, draw and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--resume", action="store_true", help="go on with the points in the cache")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    try:
        points = make(data, options.cache, resume=options.resume)
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    figure = options.page.with_suffix(".svg")
    draw_curves(figure, points, CURVES)
    whole = OrbitConfig.from_toml(CONFIG).predictor.epochs
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    page = words.get_template("learning_curve.md.j2").render(
        table=table_of(points),
        figure=figure.name,
        passes=[passes(share, whole) for share in (*SHARES, 1)],
    )
    write_atomically(options.page, page.encode())
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
