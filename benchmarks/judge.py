"""Formation energy and band gap of crystals with a structure: the model that judges what was relaxed.

    python benchmarks/judge.py              # both splits: hours on two cores, minutes on a GPU
    python benchmarks/judge.py --resume     # after a kill, or to write the page anew
    python benchmarks/judge.py --bundle     # the model of the split by formula into the package, too

Tables and splits are those of ``benchmarks/orbitvae.py``, whose gene-only models are the other opinion. Models and
scores are kept under ``.cache/judge``. The page is written by :mod:`judge_page`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from judge_page import page_of
from orbitvae import CACHE as GENES
from orbitvae import EXTRA as MORE
from orbitvae import SPLIT_SEED, By, prepare_extra, prepare_ground, prepare_split
from table2 import STRUCTURES
from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.embedded import load_embedded
from wyckforge.data.material import Material
from wyckforge.data.split import Split, rows_apart
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import VINTAGES
from wyckforge.errors import ConfigError, MissingDependencyError, WyckforgeError
from wyckforge.evaluate.forward import forward_metrics, predict_materials
from wyckforge.evaluate.metrics import bootstrap_interval, calibration, wilson_interval
from wyckforge.evaluate.predictions import Prediction, from_distributions
from wyckforge.files import write_atomically
from wyckforge.models.distribution import Distribution
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.artefact import INDEX, bundled
from wyckforge.train.forward.method import Task
from wyckforge.train.forward.methods import RECIPES
from wyckforge.train.forward.model import ForwardModel, fit_model
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.place import learning_place
from wyckforge.train.run import CHECKPOINT

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/judge"), Path("docs/benchmarks/judge.md")
MODEL = "environments"
TARGETS = (FORMATION_ENERGY, BAND_GAP)
EXTRA = {Path(".cache/mp_ternary.parquet"): BuildRules(min_elements=3, max_elements=3), **MORE}
"""Further crystals to learn from, and how their tables are made: first the ternaries of all vintages."""

PARTS = ("train", "val", "test")
HYPOTHETICAL = "wbm"
FEWEST_OF_A_KIND = 20
"""Metals and semiconductors of a vintage below which nothing is said of it."""

WINDOW = (0.5, 2.0)
"""The gap that a target asks for, eV, in the comparison of what the two opinions claim."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Crystals:
    """What a judge learns from and is measured on.

    Attributes:
        table: the main table, which the split divides.
        split: its parts.
        materials: of the main table, then of those that further tables add to its training part.
        labels: of the same, by property.
    """

    table: GeneTable
    split: Split
    materials: list[Material]
    labels: dict[str, Floats]

    @classmethod
    def prepare(cls, data: Path, by: By, cache: Path) -> Crystals:
        """Tables, split and symmetries.

        Raises:
            MissingDependencyError: tables are missing, and so is ``data``.
        """
        ground = prepare_ground(data)
        split = Split.read(prepare_split(ground, by, cache))
        prepare_extra(data)
        modern = VINTAGES["modern"]
        main = ground.table.with_vintage(modern)
        extra = [_table(path, rules, data).with_vintage(modern) for path, rules in EXTRA.items()]
        masks = rows_apart(main, split, extra)
        tables = [main, *(one.select(mask) for one, mask in zip(extra, masks, strict=True))]
        materials = [Material.of_crystal(crystal) for one in tables for crystal in one.crystals or () if crystal]
        labels = {name: np.concatenate([one.label(name) for one in tables]) for name in TARGETS}
        return cls(main, split, materials, labels)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Rows of ``train``, ``val`` or ``test``; further tables add to the first what the judge can learn from."""
        own: NDArray[np.int64] = getattr(self.split, part)
        if part != "train":
            return own
        problem = RECIPES[MODEL].problem
        more = [
            row
            for row in range(len(self.table), len(self.materials))
            if any(np.isfinite(values[row]) for values in self.labels.values()) and not problem(self.materials[row])
        ]
        return np.concatenate([own, np.array(more, np.int64)])

    def task(self, seed: int) -> Task:
        """What the judge learns."""
        return Task(self.materials, self.labels, self.rows("train"), self.rows("val"), seed=seed, shown=True)


def _table(path: Path, rules: BuildRules, data: Path) -> GeneTable:
    if not path.exists():
        if not data.exists():
            raise MissingDependencyError(f"{data} is absent; give the shared structures with --data")
        build_from_path(data, rules, progress=True)[0].write(path)
    return GeneTable.read(path)


def score(crystals: Crystals, judge: ForwardModel, genes: OrbitCheckpoint) -> dict[str, Any]:
    """Errors of both opinions on the test part, and what the structure changes."""
    test = crystals.rows("test")
    table = crystals.table.select(test)
    gap, energy = table.label(BAND_GAP), table.label(FORMATION_ENERGY)
    told = genes.distributions(table.genes)
    materials = [crystals.materials[row] for row in test]
    seen = judge.distributions(materials)
    opinions = {
        "genes": (told, from_distributions(told, genes.calibrations, genes.scales)),
        "judge": (seen, predict_materials(judge, materials)),
    }
    hypothetical = table.column(FORMATION_ENERGY).sources == HYPOTHETICAL
    rng = np.random.default_rng(0)
    return {
        "own": len(crystals.table),
        "sizes": {part: len(crystals.rows(part)) for part in PARTS},
        "semiconductors": {part: int((crystals.labels[BAND_GAP][crystals.rows(part)] > 0).sum()) for part in PARTS},
        "opinions": {
            name: {
                "energy": _error(energy, said[FORMATION_ENERGY], rng),
                "energy_known": _error(np.where(hypothetical, np.nan, energy), said[FORMATION_ENERGY], rng),
                "energy_hypothetical": _error(np.where(hypothetical, energy, np.nan), said[FORMATION_ENERGY], rng),
                **_gap_scores(gap, distributions[BAND_GAP], said[BAND_GAP], rng),
            }
            for name, (distributions, said) in opinions.items()
        },
        "by_vintage": {
            name: _by_vintage(gap, table.column(BAND_GAP).sources, distributions[BAND_GAP], said[BAND_GAP])
            for name, (distributions, said) in opinions.items()
        },
        "reproduced": reproduced(crystals.table),
        "overturned": _overturned(gap, told[BAND_GAP].zero > 0.5, seen[BAND_GAP].zero > 0.5),
    }


def _error(true: Floats, said: Prediction, rng: np.random.Generator) -> dict[str, Any]:
    found = forward_metrics("p", true, said, float(np.nanmedian(true)), rng)
    return {
        "mae": found["mae"],
        "interval": found["mae_interval"],
        "n": found["mae_n"],
        "coverage": found["p_coverage"],
    }


def _gap_scores(gap: Floats, found: Distribution, said: Prediction, rng: np.random.Generator) -> dict[str, Any]:
    """Of the gap: telling metals, errors on semiconductors, and how often a claim to lie in the window comes true."""
    known = np.isfinite(gap)
    metal, rows = gap[known] == 0, np.flatnonzero(known)
    draws = [rng.integers(len(rows), size=len(rows)) for _ in range(500)]
    ranks = [rank_area(metal[draw], found.zero[rows[draw]]) for draw in draws]
    inside = (gap[known] >= WINDOW[0]) & (gap[known] <= WINDOW[1])
    claimed = found.probability(*WINDOW)[known]
    best = np.argsort(-claimed, kind="stable")[: max(1, int(inside.sum()))]
    return {
        "auc": {
            "value": rank_area(metal, found.zero[known]),
            "interval": np.percentile(ranks, [2.5, 97.5]).tolist(),
            "n": int(known.sum()),
        },
        "metals_right": float(((found.zero[known] > 0.5) == metal).mean()),
        "gap": _error(np.where(gap > 0, gap, np.nan), said, rng),
        "gap_told": _mean(np.abs(np.maximum(found.location, 0) - gap)[known & (gap > 0)], rng),
        "gap_coverage": _error(gap, said, rng)["coverage"],
        "zero_calibration_error": calibration(np.clip(found.zero[known], 0, 1), metal).error,
        "window_calibration_error": calibration(claimed, inside).error,
        "window_brier": float(((claimed - inside) ** 2).mean()),
        "window_best": {"hits": int(inside[best].sum()), "n": len(best)},
    }


def _mean(values: Floats, rng: np.random.Generator) -> dict[str, Any]:
    return {"mae": float(values.mean()), "interval": list(bootstrap_interval(values, rng)), "n": len(values)}


def _by_vintage(gap: Floats, sources: NDArray[np.str_], found: Distribution, said: Prediction) -> dict[str, Any]:
    """Of the gap, by the vintage of the labels: telling metals, and the error on semiconductors."""
    scores = {}
    for source in sorted(set(sources[np.isfinite(gap)].tolist())):
        rows = np.flatnonzero((sources == source) & np.isfinite(gap))
        metal = gap[rows] == 0
        if min(metal.sum(), (~metal).sum()) >= FEWEST_OF_A_KIND:
            scores[source] = {
                "n": len(rows),
                "semiconductors": int((~metal).sum()),
                "auc": rank_area(metal, found.zero[rows]),
                "gap": float(np.abs(said.value - gap)[rows][~metal].mean()),
            }
    return scores


def reproduced(table: GeneTable) -> dict[str, Any]:
    """How well the gaps of the table are told by another PBE calculation of the same crystals, that of MEGNet's labels.

    Its gap, the larger the less a metal, stands in for a prediction.
    """
    other = load_embedded()
    at = {name: row for row, name in enumerate(other.ids)}
    pairs = np.array([(row, at[name]) for row, name in enumerate(table.ids) if name in at])
    gap, again = table.label(BAND_GAP)[pairs[:, 0]], other.label(BAND_GAP)[pairs[:, 1]]
    sources = table.column(BAND_GAP).sources[pairs[:, 0]]
    found = Distribution(again, np.ones(len(again)), -again)
    return _by_vintage(gap, sources, found, Prediction(again))


def rank_area(metal: NDArray[np.bool_], score: Floats) -> float:
    """Area under the receiver operating characteristic: how often a metal has the higher score than a semiconductor."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(metal, score))


def _overturned(gap: Floats, told_metal: NDArray[np.bool_], seen_metal: NDArray[np.bool_]) -> dict[str, Any]:
    """How many verdicts of the gene-only model the structure overturns, and how many of them rightly."""
    known = np.isfinite(gap)
    found = {}
    for name, was_metal in (("semiconductors", False), ("metals", True)):
        held = known & (told_metal == was_metal)
        changed = held & (seen_metal != was_metal)
        wrong = held & ((gap == 0) != was_metal)
        found[name] = {
            "n": int(held.sum()),
            "wrong": int(wrong.sum()),
            "overturned": int(changed.sum()),
            "rightly": int((changed & wrong).sum()),
            "interval": list(wilson_interval(int((changed & wrong).sum()), int(changed.sum()))),
        }
    return found


def finish(data: Path, by: By, seed: int, cache: Path) -> dict[str, Any]:
    """Fit and score the judge of a split, or go on where an earlier call was killed."""
    folder = cache / f"{by}-{seed}"
    scores = folder / "scores.json"
    if scores.exists():
        kept: dict[str, Any] = json.loads(scores.read_text())
        return kept
    crystals = Crystals.prepare(data, by, GENES)
    model = folder / "model"
    if not (model / INDEX).is_file():
        began = time.perf_counter()
        fitted = fit_model(MODEL, crystals.task(seed))
        seconds = time.perf_counter() - began
        account = {
            "seed": seed,
            "split": by,
            "seconds": seconds,
            "place": learning_place().type,
            "table": crystals.table.content_hash(),
        }
        replace(fitted, name="judge", provenance=account).save(model, half=True)
    judge = ForwardModel.load(model)
    if judge.provenance["table"] != crystals.table.content_hash():
        raise ConfigError(f"{model} was fitted to another table; give another --cache")
    genes = load_checkpoint("orbitvae" if by == "formula" else GENES / f"{by}-{SPLIT_SEED}" / CHECKPOINT)
    if not isinstance(genes, OrbitCheckpoint):
        raise ConfigError("the gene-only opinion is that of an OrbitVAE; run benchmarks/orbitvae.py first")
    found = score(crystals, judge, genes) | {
        key: judge.provenance[key] for key in ("seconds", "place", "rounded") if key in judge.provenance
    }
    write_atomically(scores, json.dumps(found, indent=1).encode())
    return found


def bundle(model: Path, found: dict[str, Any], out: Path) -> None:
    """Write the judge that was scored, with its card, to where ``design`` looks for it."""
    judge = ForwardModel.load(model)
    replace(judge, card=card_of(found)).save(out, half=True)


ROUNDED = """The features of the environments had been rounded to eight significant bits for the networks to learn from.
"""
"""Of a model whose features travelled to another computer."""


def card_of(found: dict[str, Any]) -> str:
    """The model card."""
    scores, sizes = found["opinions"]["judge"], found["sizes"]
    return f"""# Judge: formation energy and band gap of relaxed crystals

A linear rule and four transformers over the environments of a crystal's atoms, as CHGNet 0.3.0 sees them
(`wyckforge fit --model environments`). Learned from {sizes["train"]:,} crystals of the Materials Project and of WBM,
{found["semiconductors"]["train"]:,} of them with a gap above zero (PBE); calibrated on {sizes["val"]:,}; measured on
{sizes["test"]:,} ternaries whose formulas it has not seen:

| | error | 95 % interval | n |
|---|---:|---|---:|
| formation energy (eV/atom) | {scores["energy"]["mae"]:.3f} | {_span(scores["energy"])} | {scores["energy"]["n"]:,} |
| the same, hypothetical crystals that CHGNet has not seen | {scores["energy_hypothetical"]["mae"]:.3f} \
| {_span(scores["energy_hypothetical"])} | {scores["energy_hypothetical"]["n"]:,} |
| band gap of semiconductors (eV) | {scores["gap"]["mae"]:.3f} | {_span(scores["gap"])} | {scores["gap"]["n"]:,} |

Area under the curve that tells metals: {scores["auc"]["value"]:.3f}. PBE gaps are smaller than measured ones.
{ROUNDED if found.get("rounded") else ""}
## Credits

Structures and labels: Materials Project (CC BY 4.0), by way of MP-20 (T. Xie et al.), MPTS-52 (S. G. Baird et al.),
aviary and MEGNet's collections, and WBM (H.-C. Wang, S. Botti, M. A. L. Marques). Features: CHGNet (B. Deng et al.).
"""


def _span(scores: dict[str, Any]) -> str:
    low, high = scores["interval"]
    return f"{low:.3f} to {high:.3f}"


def main() -> None:
    """Fit and score the judge of every split, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--splits", nargs="+", choices=["formula", "chemical_system"], default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--resume", action="store_true", help="go on with the scores in the cache")
    parser.add_argument("--bundle", action="store_true", help="write the judge that comes with the package")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    splits: list[By] = options.splits or ["formula", "chemical_system"]
    try:
        if not options.resume and any(options.cache.glob("*/scores.json")):
            raise ConfigError(f"{options.cache} holds scores already; go on with --resume, or give another --cache")
        found: dict[By, dict[int, dict[str, Any]]] = {
            by: {seed: finish(data, by, seed, options.cache) for seed in options.seeds} for by in splits
        }
        write_atomically(options.page, page_of(found).encode())
        if options.bundle and "formula" in found:
            seed = options.seeds[0]
            bundle(options.cache / f"formula-{seed}" / "model", found["formula"][seed], bundled("judge"))
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
