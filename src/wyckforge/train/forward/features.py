"""The numbers that the structure-aware model learns from, for many materials at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.fingerprint import SIZE as FINGERPRINT_SIZE
from wyckforge.data.fingerprint import fingerprint
from wyckforge.data.material import Material
from wyckforge.models.forward.descriptors import OF_GENE, OF_MECHANICS, OF_SIZE, of_gene, of_mechanics, of_size
from wyckforge.potential.cache import embeddings, look_up, mechanics
from wyckforge.potential.embedding import EMBEDDING_SIZE
from wyckforge.potential.mechanics import Mechanics

Floats = NDArray[np.float64]


_KNOWN_OF_ALL = OF_GENE + OF_SIZE + FINGERPRINT_SIZE + EMBEDDING_SIZE
"""Descriptors before those of elastic constants, which may be missing for themselves."""


def n_descriptors(*, with_mechanics: bool) -> int:
    """Number of descriptors that :func:`describe` gives."""
    return _KNOWN_OF_ALL + OF_MECHANICS * with_mechanics


def answered(descriptors: Floats) -> NDArray[np.bool_]:
    """(n,) whether CHGNet has an answer about the materials of (n, d) descriptors."""
    return np.asarray(np.isfinite(descriptors[:, :_KNOWN_OF_ALL]).all(axis=1))


def describe(materials: Sequence[Material], *, with_mechanics: bool, shown: bool = False) -> Floats:
    """(n, d) descriptors of materials with a structure; NaN where CHGNet has no answer.

    Args:
        materials: n of them.
        with_mechanics: whether elastic constants and the equation of state are among them, a second per material; the
            rest takes a twentieth of that.
        shown: whether to show bars on standard error.

    Raises:
        ValueError: a material has no structure.
    """
    cells = [material.known_structure.primitive for material in materials]
    blocks = [
        np.array([of_gene(material.gene) for material in materials]),
        np.array([of_size(cell) for cell in cells]),
        look_up(fingerprint, FINGERPRINT_SIZE, cells, shown=shown),
        embeddings(cells, shown=shown),
    ]
    if with_mechanics:
        answers = map(Mechanics.from_vector, mechanics(cells, shown=shown))
        blocks.append(np.array([of_mechanics(cell, answer) for cell, answer in zip(cells, answers, strict=True)]))
    return np.hstack(blocks)
