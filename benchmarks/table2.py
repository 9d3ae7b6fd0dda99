"""Table 2 of the paper: the published model with and without transfer and augmentation, on one split, several seeds.

    python benchmarks/table2.py                # trains 18 models, about an hour on one core
    python benchmarks/table2.py --resume       # after a kill, or to write the page anew
    python benchmarks/table2.py --explain      # with the experiment behind an explanation
    python benchmarks/table2.py --vintage all  # second setting: labels of all vintages, split and page of its own

Everything is kept under ``.cache/table2`` (``.cache/table2_all``): the gene table, the split, one folder per run with
its state, checkpoint and scores. The pages are written by :mod:`table2_page`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from table2_page import Score, page_of
from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.split import Split, split_table
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import resolve_vintage
from wyckforge.errors import ConfigError, MissingDependencyError, WyckforgeError
from wyckforge.evaluate.run import evaluate
from wyckforge.files import write_atomically
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.config import StepConfig, TrainConfig
from wyckforge.train.run import CHECKPOINT, CONFIG, train
from wyckforge.train.run import METRICS as LOG

ROOT = Path(__file__).resolve().parents[1]
STRUCTURES = ROOT.parent / "shared" / "data" / "materials_project_structures.parquet"
CACHE = Path(".cache/table2")
RULES = BuildRules(min_elements=3, max_elements=3, require=(FORMATION_ENERGY,), vintage="modern")
PAGES = {"modern": Path("docs/benchmarks/table2.md"), "all": Path("docs/benchmarks/table2_all.md")}
"""By vintage of the labels."""

SPLIT_SEED = 7
SCORES = "scores.json"
UPDATES = 2_070
BATCH, LEARNING_RATE = 128, 3e-4
FROZEN_COST = 0.4
"""Time of an update with a frozen encoder, in that of one where everything learns."""

Kind = Literal["source", "target", "transfer", "thawed"]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        kind: ``source`` learns E_f from all crystals, ``target`` both properties from those with a gap, ``transfer``
            the same from the weights of ``source``, encoder and batch normalisation frozen; ``thawed`` is ``transfer``
            with nothing frozen.
        orbit: whether a crystal shows a random member of its normalizer orbit at every visit.
        seed: of the initial weights, the order of the crystals and the noise.
        times: the updates of this run, in those of the others.
    """

    kind: Kind
    orbit: bool
    seed: int
    times: int = 1

    @property
    def model(self) -> str:
        """Name of the model, the same for all seeds."""
        longer = f"-x{self.times}" if self.times > 1 else ""
        return f"{self.kind}-{'orbit' if self.orbit else 'plain'}{longer}"

    @property
    def name(self) -> str:
        """Name of the run and its folder."""
        return f"{self.model}-{self.seed}"

    @property
    def cost(self) -> float:
        """Time of the run relative to the others."""
        return self.times * (FROZEN_COST if self.kind == "transfer" else 1.0)


def runs_of(seeds: list[int]) -> list[Run]:
    """All runs in the order of training, one seed after the other; what a run starts from comes before it."""
    kinds: tuple[Kind, ...] = ("source", "target", "transfer")
    return [Run(kind, orbit, seed) for seed in seeds for kind in kinds for orbit in (False, True)]


def experiments_of(seeds: list[int]) -> list[Run]:
    """Runs that explain the table: transfer without freezing. Those on augmentation are in ``augmentation.py``."""
    return [Run("thawed", False, seed) for seed in seeds]


def epochs_of(updates: int, rows: int, batch: int) -> int:
    """Epochs over so many rows that come closest to a number of updates, at least one."""
    return max(1, round(updates / -(-rows // batch)))


def settings(run: Run, cache: Path, rows: dict[str, int], updates: int, vintage: str = "modern") -> TrainConfig:
    """Configuration of a run of so many updates; ``rows`` counts the training crystals of ``source`` and ``target``."""
    on_target = run.kind != "source"
    step = StepConfig(
        targets=(FORMATION_ENERGY, BAND_GAP) if on_target else (FORMATION_ENERGY,),
        rows_above={BAND_GAP: 0.0} if on_target else {},
        epochs=epochs_of(run.times * updates, rows["target" if on_target else "source"], BATCH),
        batch_size=BATCH,
        learning_rate=LEARNING_RATE,
        freeze=("encoder", "batch_norm") if run.kind == "transfer" else (),
    )
    source = cache / Run("source", run.orbit, run.seed).name / CHECKPOINT
    return TrainConfig.from_dict(
        {
            "name": run.name,
            "table": cache / "table.parquet",
            "out": cache / run.name,
            "seed": run.seed,
            "start": source if run.kind in ("transfer", "thawed") else None,
            "vintage": vintage,
            "augmentation": "orbit" if run.orbit else "none",
            "precision": "bfloat16",
            "split": {"saved": cache / "split.json"},
            "optimiser": {"schedule": "linear"},
            "pretrain": step.model_dump(),
        }
    )


@dataclass(frozen=True)
class Ground:
    """What all runs share: the table, its split, and the rows of each part by set."""

    table: GeneTable
    split: Split
    vintage: str = "modern"

    @classmethod
    def prepare(cls, data: Path, cache: Path, rules: BuildRules = RULES) -> Ground:
        """Build the table and draw the split, or read those of an earlier call."""
        path = cache / "table.parquet"
        if not path.exists():
            if not data.exists():
                raise MissingDependencyError(f"{data} is absent; give the shared structures with --data")
            table, report = build_from_path(data, rules, progress=True)
            print(report.to_text())
            path.parent.mkdir(parents=True, exist_ok=True)
            table.write(path)
        table, saved = GeneTable.read(path), cache / "split.json"
        if not saved.exists():
            split_table(table, seed=SPLIT_SEED, by="formula").write(saved)
        accepted = {
            name: sorted(sources) for name, sources in resolve_vintage(rules.vintage or "", RULES.require).items()
        }
        if table.provenance.get("accepted_vintages") != accepted:
            raise ConfigError(
                f"{path} was built for labels of another vintage than {rules.vintage}; give another --cache"
            )
        split = Split.read(saved)
        split.check_belongs_to(table)
        return cls(table, split, rules.vintage or "")

    def sets(self, part: str) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
        """Rows of a part: ``source`` all of them, ``target`` those with a gap above zero."""
        rows = getattr(self.split, part)
        return {"source": rows, "target": rows[self.table.label(BAND_GAP)[rows] > 0]}


def finish(run: Run, ground: Ground, cache: Path, updates: int) -> list[Score]:
    """Train and score a run, or go on where an earlier call was killed.

    Raises:
        ConfigError: the cache holds a finished run of another length.
    """
    folder = cache / run.name
    rows = {name: len(part) for name, part in ground.sets("train").items()}
    config = settings(run, cache, rows, updates, ground.vintage)
    scores = folder / SCORES
    if scores.exists():
        epochs = json.loads((folder / CONFIG).read_text())["pretrain"]["epochs"]
        if epochs != config.pretrain.epochs:
            raise ConfigError(
                f"{folder} holds a run of {epochs} epochs, {config.pretrain.epochs} asked for; give another --cache, "
                "or the --updates of the runs in this one"
            )
    else:
        train(config, resume=True)
        write_atomically(scores, json.dumps(measure(folder, ground), indent=1).encode())
    found: dict[str, dict[str, Any]] = json.loads(scores.read_text())
    last = json.loads((folder / LOG).read_text().splitlines()[-1])
    losses = (last["train_loss"], last["validation"]["loss"])
    return [Score(run.model, run.seed, test, metrics, losses) for test, metrics in found.items()]


def _finished(run: Run, cache: Path) -> bool:
    return (cache / run.name / SCORES).exists()


def measure(folder: Path, ground: Ground) -> dict[str, dict[str, Any]]:
    """Metrics of a finished run on the test rows of each set."""
    checkpoint = Checkpoint.load(folder / CHECKPOINT)
    found = {}
    for name, rows in ground.sets("test").items():
        found[name] = evaluate(checkpoint, ground.table.select(rows), folder / "evaluation" / name)
    return found


def finish_all(runs: list[Run], ground: Ground, cache: Path, updates: int) -> list[Score]:
    """All runs, with the time that is left."""
    scores: list[Score] = []
    began, done, total = time.perf_counter(), 0.0, sum(run.cost for run in runs)
    for number, run in enumerate(runs, 1):
        cached = _finished(run, cache)
        scores += finish(run, ground, cache, updates)
        if cached:
            total -= run.cost
            continue
        done += run.cost
        spent = time.perf_counter() - began
        left = spent / done * (total - done) if total > done else 0.0
        print(
            f"{number:2}/{len(runs)} {run.name:20} {spent / 60:5.1f} min spent, about {left / 60:.0f} min left",
            flush=True,
        )
    return scores


def main() -> None:
    """Train and score the five models of Table 2 on one split, and write the page about it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--updates", type=int, default=UPDATES, help="of every step (use another --cache for another)")
    parser.add_argument("--resume", action="store_true", help="go on with the runs in the cache")
    parser.add_argument("--explain", action="store_true", help="with transfer without freezing, ten minutes more")
    parser.add_argument("--vintage", choices=list(PAGES), default="modern", help="of the labels")
    parser.add_argument("--cache", type=Path, help=f"default: {CACHE}, or {CACHE}_all")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    data = options.data.resolve()
    cache = options.cache or (CACHE if options.vintage == "modern" else CACHE.with_name(f"{CACHE.name}_all"))
    target = options.page or PAGES[options.vintage]
    os.chdir(ROOT)
    # The running squares of RMSprop decay to denormal numbers where a weight gets no gradient. Arithmetic on those is
    # slow, and their roots vanish beside the 1e-7 that is added to them.
    torch.set_flush_denormal(True)
    try:
        page = make(
            data,
            cache,
            options.seeds,
            options.updates,
            vintage=options.vintage,
            resume=options.resume,
            explain=options.explain,
        )
        write_atomically(target, page.encode())
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {target}")


def make(
    data: Path,
    cache: Path,
    seeds: list[int],
    updates: int,
    *,
    vintage: str = "modern",
    resume: bool = False,
    explain: bool = False,
) -> str:
    """Everything that is still to be done; returns the page."""
    runs = runs_of(seeds) + [run for run in experiments_of(seeds) if explain or _finished(run, cache)]
    if not resume and (found := [run.name for run in runs if (cache / run.name).exists()]):
        raise ConfigError(f"{cache} holds {found[0]} already; go on with --resume, or give another --cache")
    ground = Ground.prepare(data, cache, replace(RULES, vintage=vintage))
    scores = finish_all(runs, ground, cache, updates)
    sizes = {part: {name: len(rows) for name, rows in ground.sets(part).items()} for part in ("train", "val", "test")}
    return page_of(scores, sizes, updates, vintage)


if __name__ == "__main__":
    main()
