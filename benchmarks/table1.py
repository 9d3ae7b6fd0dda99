"""Table 1 of the paper: every forward model on AFLOW's published splits, several seeds, and ours beside them.

    python benchmarks/table1.py              # all rows, three seeds: hours on two cores
    python benchmarks/table1.py --resume     # after a kill, or to write the page anew

Everything is kept under ``.cache/table1``: one file of scores per model, group of properties and seed, and what the
potential says of the structures, unless the variable ``WYCKFORGE_CACHE`` names another folder for that. The page is
written by :mod:`table1_page`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from aflow import GROUPS, STRUCTURES, Aflow
from table1_page import MODELS, page_of
from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.evaluate.forward import predict_materials
from wyckforge.evaluate.metrics import bootstrap_interval
from wyckforge.files import write_atomically
from wyckforge.potential.cache import LOCATION
from wyckforge.train.forward.features import describe
from wyckforge.train.forward.model import fit_model
from wyckforge.train.place import learning_place

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/table1"), Path("docs/benchmarks/table1.md")


@dataclass(frozen=True)
class Run:
    """One training: a model, a group of properties that share a split, and a seed."""

    model: str
    group: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its file of scores."""
        return f"{self.model}-{self.group}-{self.seed}"

    def path(self, cache: Path) -> Path:
        """Its file of scores."""
        return cache / f"{self.name}.json"


R = TypeVar("R", bound=Run)
Score = Callable[[R, Path], dict[str, Any]]


@cache
def data(path: Path) -> Aflow:
    """The compounds, read once per process."""
    return Aflow.read(path)


def score(run: Run, path: Path) -> dict[str, Any]:
    """Train and measure: errors on the test part by property with their interval, coverage, seconds and where."""
    import torch

    torch.set_num_threads(1)
    aflow = data(path)
    task, test = aflow.task(run.group, run.seed), aflow.rows(run.group, "test")
    began = time.perf_counter()
    model = fit_model(run.model, task)
    seconds = time.perf_counter() - began
    predicted = predict_materials(model, [aflow.materials[row] for row in test])
    found: dict[str, Any] = {"seconds": round(seconds, 1), "place": learning_place().type, "properties": {}}
    for name, said in predicted.items():
        labels = aflow.labels[name][test]
        errors = np.abs(said.value - labels)
        low, high = said.interval
        found["properties"][name] = {
            "mae": float(errors.mean()),
            "interval": list(bootstrap_interval(errors, np.random.default_rng(0))),
            "n": len(errors),
            "val": model.errors[name],
            "coverage": float(((low <= labels) & (labels <= high)).mean()),
        }
    return found


def score_all(runs: Sequence[R], path: Path, cache: Path, workers: int, score: Score[R]) -> dict[R, dict[str, Any]]:
    """All runs, those of earlier calls from their files, with the time that is left."""
    found = {run: json.loads(run.path(cache).read_text()) for run in runs if run.path(cache).exists()}
    missing = [run for run in runs if run not in found]
    began = time.perf_counter()
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(score, run, path): run for run in missing}
        for done, future in enumerate(as_completed(waiting), 1):
            run = waiting[future]
            found[run] = future.result()
            write_atomically(run.path(cache), json.dumps(found[run], indent=1).encode())
            spent = time.perf_counter() - began
            left = spent / done * (len(missing) - done)
            errors = ", ".join(f"{one['mae']:.3g}" for one in found[run]["properties"].values())
            print(
                f"{done:3}/{len(missing)} {run.name:28} {errors:24} {spent / 60:5.1f} min spent, "
                f"about {left / 60:.0f} min left",
                flush=True,
            )
    return found


def variants(cache: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Scores of ``table1_variants.py`` by model, group of properties and changes, as far as there are any."""
    found = {}
    for path in sorted((cache / "variants").glob("*.json")):
        model, group, _, changes = path.stem.rsplit("-", 3)
        found[model, group, changes] = json.loads(path.read_text())
    return found


def prepare(path: Path, cache: Path, workers: int) -> dict[str, float]:
    """Ask the potential about every structure; seconds of that, and of the same once it is known."""
    saved = cache / "features.json"
    aflow = data(path)
    began = time.perf_counter()
    describe(aflow.materials, with_mechanics=True, shown=True)
    seconds = {"first": time.perf_counter() - began, "workers": float(workers)}
    if saved.exists():
        seconds = json.loads(saved.read_text())
    began = time.perf_counter()
    Aflow.read(path)
    describe(aflow.materials, with_mechanics=True)
    seconds["again"] = time.perf_counter() - began
    write_atomically(saved, json.dumps(seconds).encode())
    return seconds


def main() -> None:
    """Train and score every row of Table 1, and write the page about it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared AFLOW structures (Parquet)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on with the scores in the cache")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    path = options.data.resolve()
    os.chdir(ROOT)
    # a cache of its own, so that the first time is measured
    os.environ.setdefault(LOCATION, str((options.cache / "potential").resolve()))
    runs = [Run(model, group, seed) for seed in options.seeds for model in options.models for group in GROUPS]
    try:
        if not options.resume and (found := [run.name for run in runs if run.path(options.cache).exists()]):
            raise ConfigError(f"{options.cache} holds {found[0]} already; go on with --resume, or give another --cache")
        seconds = prepare(path, options.cache, options.workers)
        scores = score_all(runs, path, options.cache, options.workers, score)
        sizes = {
            group: {part: len(data(path).rows(group, part)) for part in ("train", "val", "test")} for group in GROUPS
        }
        write_atomically(
            options.page,
            page_of(
                {(r.model, r.group, r.seed): s for r, s in scores.items()}, variants(options.cache), sizes, seconds
            ).encode(),
        )
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
