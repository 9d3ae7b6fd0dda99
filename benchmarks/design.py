"""Speed of decoding genes, of predicting their properties, and of designing them for the target of the paper."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from wyckforge.data.embedded import load_embedded
from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.design.generate import generate
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.targets import TargetConfig, parse_target
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

GOAL_PER_S = 2_000
PREDICTED_PER_S = 5_000
TARGET = TargetConfig(
    properties={"band_gap": "0.5:2.0", "formation_energy": ":-0.5"}, space_group="143:", exclude="radioactive,f-block"
)


def main() -> None:
    """Print the rate and the counts of the funnel, for conditional and unconditional sampling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", help="folder or name; default: the bundled one")
    parser.add_argument("--draws", type=int, default=20_000)
    options = parser.parse_args()
    checkpoint, table = load_checkpoint(options.checkpoint), load_embedded()
    if isinstance(checkpoint, OrbitCheckpoint):
        latent, grammar = np.zeros((options.draws, checkpoint.autoencoder.config.latent)), checkpoint.grammar()
        torch.set_num_threads(2)
        start = time.perf_counter()
        genes = checkpoint.decode(latent, rng=np.random.default_rng(7), level=1.0, grammar=grammar)
        rate = len(genes) / (time.perf_counter() - start)
        print(f"decoding      {len(genes):,} genes {rate:8,.0f} genes/s   goal: at least {GOAL_PER_S:,} on 2 cores")
        for members in (1, len(checkpoint.predictors)):
            rate = predicting(replace(checkpoint, predictors=checkpoint.predictors[:members]), genes)
            who = f"{members} of {len(checkpoint.predictors)} networks"
            print(f"predicting    {len(genes):,} genes {rate:8,.0f} genes/s   goal: {PREDICTED_PER_S:,} or more; {who}")
        torch.set_num_threads(1)
    for unconditional in (False, True):
        start = time.process_time()
        found = generate(
            checkpoint,
            table,
            parse_target(TARGET),
            wanted=options.draws,
            rng=np.random.default_rng(7),
            sampling=SamplingConfig(unconditional=unconditional, max_draws=options.draws),
            funnel=FunnelConfig(),
            ranking=RankingConfig(),
        )
        rate = found.draws / (time.process_time() - start)
        name = "unconditional" if unconditional else "conditional"
        print(f"{name:13} {found.draws:,} draws {rate:8,.0f} genes/s   per core")
        print("  " + ", ".join(f"{count.step} {count.passed:,}" for count in found.counts))


def predicting(checkpoint: OrbitCheckpoint, genes: list[WyckoffGene]) -> float:
    """Genes per second of which all properties are predicted, intervals and all."""
    start = time.perf_counter()
    checkpoint.distributions(genes)
    return len(genes) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
