"""The gene whose encoding is nearest to a point of the latent: decoding that checks itself.

An encoding is a sum, exact and cheap, so a decoded gene can be encoded again and compared with the latent it came from.
Where the likeliest gene does not lead back, orbits are exchanged; where that does not help, as in a wrong space group,
the search starts again from drawn genes, and the nearest one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.gene import WyckoffGene

Latents = NDArray[np.float32]
Propose = Callable[[Latents, NDArray[np.float64] | None, float], list[WyckoffGene]]
Encode = Callable[[Sequence[WyckoffGene]], Latents]
Improve = Callable[[Latents, WyckoffGene], WyckoffGene]

_ROUNDS, _TRIES = 8, 16
_TEMPERATURES = (2.0, 3.0, 4.0)
_ARRIVED = 1e-3
"""Distance relative to the length of the latent below which a gene is the one that was encoded."""


def nearest_genes(z: Latents, propose: Propose, encode: Encode, improve: Improve, n_chances: int) -> list[WyckoffGene]:
    """For each of n latents (n, latent), the nearest gene that is found: from the likeliest, then from drawn ones.

    A latent is left in peace as soon as a gene leads back to it. What becomes of one does not depend on the others:
    the same chances serve all.

    Args:
        z: the latents.
        propose: canonical genes of latents by chances (n, ``n_chances``) at a temperature; ``None`` asks for the
            likeliest.
        encode: latents of genes.
        improve: a canonical gene that should be nearer to a latent than a given one; taken if it is.
        n_chances: uniform numbers that a gene takes.
    """
    best = propose(z, None, 1.0)
    if not best:
        return best
    apart = np.linalg.norm(z - encode(best), axis=1)
    near = _ARRIVED * np.linalg.norm(z, axis=1)

    def consider(rows: NDArray[np.int64], genes: Sequence[WyckoffGene]) -> None:
        for row, gene, distance in zip(rows, genes, np.linalg.norm(z[rows] - encode(genes), axis=1), strict=True):
            if distance < apart[row]:
                apart[row], best[row] = distance, gene

    rng = np.random.default_rng(0)
    for number in range(_ROUNDS + 1):
        open_rows = np.flatnonzero(apart > near)
        if not len(open_rows):
            break
        starts = [best[row] for row in open_rows]
        if number:
            chances = np.tile(rng.random((_TRIES, n_chances)), (len(open_rows), 1))
            temperature = _TEMPERATURES[(number - 1) % len(_TEMPERATURES)]
            repeated = np.repeat(z[open_rows], _TRIES, axis=0)
            drawn = propose(repeated, chances, temperature)
            distance = np.linalg.norm(repeated - encode(drawn), axis=1).reshape(-1, _TRIES)
            starts = [drawn[_TRIES * place + int(tries.argmin())] for place, tries in enumerate(distance)]
            consider(open_rows, starts)
        consider(open_rows, [improve(z[row], start) for row, start in zip(open_rows, starts, strict=True)])
    return best
