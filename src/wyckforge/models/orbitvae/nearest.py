"""The gene whose encoding is nearest to a point of the latent: decoding that checks itself.

An encoding is a sum, exact and cheap, so a decoded gene can be encoded again and compared with the latent it came from.
Where the likeliest gene does not lead back, others are drawn from the decoder and the nearest one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.gene import WyckoffGene

Latents = NDArray[np.float32]
Propose = Callable[[Latents, NDArray[np.float64] | None, float], list[WyckoffGene]]
Encode = Callable[[Sequence[WyckoffGene]], Latents]

_ROUNDS, _TRIES = 24, 16
_TEMPERATURES = (2.0, 3.0, 4.0)
_ARRIVED = 1e-3
"""Distance relative to the length of the latent below which a gene is the one that was encoded."""


def nearest_genes(z: Latents, propose: Propose, encode: Encode, n_chances: int) -> list[WyckoffGene]:
    """For each of n latents (n, latent), the nearest of at most 385 genes: the likeliest, and rounds of drawn ones.

    A latent is left in peace as soon as a gene leads back to it. What becomes of one does not depend on the others:
    the same chances serve all.

    Args:
        z: the latents.
        propose: genes of latents by chances (n, ``n_chances``) at a temperature; ``None`` asks for the likeliest.
        encode: latents of genes.
        n_chances: uniform numbers that a gene takes.
    """
    best = propose(z, None, 1.0)
    if not best:
        return best
    apart = np.linalg.norm(z - encode(best), axis=1)
    near = _ARRIVED * np.linalg.norm(z, axis=1)
    rng = np.random.default_rng(0)
    for number in range(_ROUNDS):
        chances = rng.random((_TRIES, n_chances))
        open_rows = np.flatnonzero(apart > near)
        if not len(open_rows):
            break
        repeated = np.repeat(z[open_rows], _TRIES, axis=0)
        temperature = _TEMPERATURES[number % len(_TEMPERATURES)]
        drawn = propose(repeated, np.tile(chances, (len(open_rows), 1)), temperature)
        distance = np.linalg.norm(repeated - encode(drawn), axis=1).reshape(-1, _TRIES)
        for row, tries, found in zip(open_rows, distance, range(0, len(drawn), _TRIES), strict=True):
            if tries.min() < apart[row]:
                apart[row], best[row] = tries.min(), drawn[found + int(tries.argmin())]
    return best
