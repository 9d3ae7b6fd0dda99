"""Speed of gene detection, canonical forms and augmentation, beside their goals."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from wyckforge.data.embedded import load_embedded
from wyckforge.symmetry.augmentation import augment_genes
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.gene import WyckoffGene

N_STRUCTURES = 3_000
N_GENES = 30_000


def seconds(action: Callable[[], object]) -> float:
    """Processor time of one call, so that other programs on the machine do not count."""
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    """Print every figure with its goal."""
    table = load_embedded()
    crystals = [crystal for crystal in table.crystals or () if crystal is not None][:N_STRUCTURES]
    taken = seconds(lambda: [detect(crystal) for crystal in crystals])
    atoms = np.mean([len(crystal) for crystal in crystals])
    print(f"detection, {len(crystals)} crystals of {atoms:.0f} atoms on average")
    print(f"  {len(crystals) / taken:8.0f} structures/s per core   goal: at least 600")

    genes = [table.genes[place % len(table)] for place in range(N_GENES)]
    taken = seconds(lambda: augment_genes(genes))
    print(f"augmentation, {N_GENES} genes to {len(augment_genes(genes)[0])} descriptions")
    print(f"  {taken:8.2f} s                       goal: below 5 s")

    parts = [(gene.space_group, gene.sites) for gene in genes]
    checked = seconds(lambda: [WyckoffGene(*part) for part in parts])
    canonical = seconds(lambda: [gene.canonical() for gene in genes])
    print(f"one gene: checked in {checked / N_GENES * 1e6:.1f} µs, canonical in {canonical / N_GENES * 1e6:.1f} µs")


if __name__ == "__main__":
    main()
