"""Why rows of Table 1 differ from the published ones: the same models, learning in other ways.

    python benchmarks/table1_variants.py            # hours on two cores, minutes on a GPU
    python benchmarks/table1_variants.py --resume   # after a kill

Scores are kept under ``.cache/table1/variants``, from where ``benchmarks/table1.py --resume`` puts them on its page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from aflow import GROUPS, STRUCTURES, Aflow
from table1 import CACHE, ROOT, Run, score, score_all
from wyckforge.data import property_scale
from wyckforge.errors import WyckforgeError
from wyckforge.models.forward import composition, wycryst
from wyckforge.models.forward.architecture import ElementVectors
from wyckforge.models.losses import PUBLISHED_BATCH
from wyckforge.models.orbitvae.predictor import Heads
from wyckforge.train.forward import loop, network
from wyckforge.train.forward.loop import Lesson, learn
from wyckforge.train.forward.method import Task

FOLDER = CACHE / "variants"


@dataclass(frozen=True)
class Variant(Run):
    """A training of Table 1 in which something is changed: names of :data:`CHANGES`, joined by ``+``."""

    changes: str = ""

    @property
    def name(self) -> str:
        """Name of its file of scores."""
        return f"{super().name}-{self.changes}"


def squared(heads: Heads, labels: Tensor, _zero_inflated: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error of scaled labels, in place of the loss of the loop."""
    known = ~labels.isnan()
    error = (heads.location - labels.nan_to_num()).square() * known
    return (error.sum(0) / known.sum(0).clamp(min=1) * weights).sum()


def to_the_end(build: Any, lesson: Lesson, *others: Any, **more: Any) -> torch.nn.Module:
    """The weights after the last epoch, whatever the validation part says."""
    return learn(build, replace(lesson, val=lesson.val[:0]), *others, **more)


def alone(name: str) -> Callable[[Aflow, str, int], Task]:
    """A task with one property instead of all that share its split."""
    task = Aflow.task

    def of_one(aflow: Aflow, group: str, seed: int) -> Task:
        whole = task(aflow, group, seed)
        return replace(whole, labels={name: whole.labels[name]})

    return of_one


CHANGES: dict[str, Callable[[], Any]] = {
    "squared": lambda: patch.object(loop, "predictor_loss", squared),
    "linear": lambda: patch.object(property_scale, "_LONG_TAIL", float("inf")),
    "unaveraged": lambda: patch.object(loop, "_MEMORY", 0.0),
    "last": lambda: patch.object(network, "learn", to_the_end),
    "undropped": lambda: patch.object(composition._ElemNet, "_DROPPED", {}),
    "reconstructing": lambda: patch.object(wycryst, "PUBLISHED_BATCH", PUBLISHED_BATCH / 10),
    "normalised": lambda: patch.object(composition, "ElementVectors", lambda **_: ElementVectors(normalised=True)),
    "bulk_modulus": lambda: patch.object(Aflow, "task", alone("bulk_modulus")),
    "thermal_expansion": lambda: patch.object(Aflow, "task", alone("thermal_expansion")),
}
"""Squared errors; no logarithms; no running mean of the weights; no choice of the epoch by validation; no dropout; ten
times the weight on what an autoencoder reconstructs; vectors of the elements of length 1; one property alone."""

RUNS = [
    *(
        Variant("elemnet", group, 0, changes)
        for changes in ("squared+linear+unaveraged", "undropped")
        for group in GROUPS
    ),
    *(
        Variant("wycryst", group, 0, changes)
        for changes in ("squared", "squared+linear", "squared+linear+unaveraged+last", "reconstructing")
        for group in GROUPS
    ),
    *(Variant(model, "mechanical", 0, "bulk_modulus") for model in ("elemnet", "wycryst")),
    Variant("elemnet", "thermal", 0, "thermal_expansion"),
    *(Variant("crabnet", group, 0, "normalised") for group in GROUPS),
]


@contextmanager
def changed(changes: str) -> Iterator[None]:
    """Changes in force for the time of a training."""
    with ExitStack() as stack:
        for name in changes.split("+"):
            stack.enter_context(CHANGES[name]())
        yield


def score_variant(run: Variant, path: Path) -> dict[str, Any]:
    """As :func:`table1.score`, with the changes."""
    with changed(run.changes):
        return score(run, path)


def main() -> None:
    """Train and score every variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared AFLOW structures (Parquet)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on with the scores in the cache")
    options = parser.parse_args()
    path = options.data.resolve()
    os.chdir(ROOT)
    try:
        if not options.resume and any(run.path(FOLDER).exists() for run in RUNS):
            sys.exit(f"error: {FOLDER} holds scores already; go on with --resume, or remove it")
        score_all(RUNS, path, FOLDER, options.workers, score_variant)
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print("now benchmarks/table1.py --resume writes the page")


if __name__ == "__main__":
    main()
