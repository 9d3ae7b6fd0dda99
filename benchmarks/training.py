"""Time of one MPVAE epoch on 26,000 crystals at batch 512; the goal is 10 s on two cores."""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from wyckforge.data.embedded import load_embedded
from wyckforge.models.losses import LossWeights
from wyckforge.models.mpvae import MPVAE, MPVAEConfig
from wyckforge.models.representation import Representation, vocabulary
from wyckforge.train.config import OptimiserConfig, StepConfig
from wyckforge.train.encoded import EncodedCrystals
from wyckforge.train.loop import Objective, make_optimiser, train_epoch

GOAL_S = 10
CRYSTALS, BATCH = 26_000, 512


def main() -> None:
    """Print encoding speed and the time of an epoch in single and in half precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known = load_embedded().genes
    genes = [known[i % len(known)] for i in range(CRYSTALS)]
    representation = Representation(vocabulary(known))
    start = time.perf_counter()
    representation.encode(genes)
    print(f"encoding                     {CRYSTALS / (time.perf_counter() - start):8,.0f} genes/s")
    labels = np.random.default_rng(0).random((CRYSTALS, 2))
    crystals = EncodedCrystals.build(representation, genes, labels, augment=False)
    for precision in ("float32", "bfloat16"):
        seconds = epoch_time(crystals, representation, precision, options.epochs)
        goal = f"goal: below {GOAL_S} s on 2 cores"
        print(f"epoch, {precision:<22}{seconds:8.2f} s ({options.threads} threads)      {goal}")


def epoch_time(crystals: EncodedCrystals, representation: Representation, precision: str, epochs: int) -> float:
    """Seconds of the fastest of several epochs."""
    torch.manual_seed(0)
    model = MPVAE(MPVAEConfig(representation.rows, representation.max_elements, ("a", "b")))
    optimiser, _ = make_optimiser(model, StepConfig(targets=("a", "b")), OptimiserConfig())
    objective, generator = Objective(LossWeights(), precision), torch.Generator().manual_seed(0)
    times = []
    for _ in range(epochs):
        start = time.perf_counter()
        train_epoch(model, crystals, objective, optimiser, BATCH, generator)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
