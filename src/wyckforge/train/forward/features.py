"""The numbers that the structure-aware model learns from, for many materials at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.fingerprint import SIZE as FINGERPRINT_SIZE
from wyckforge.data.fingerprint import fingerprint
from wyckforge.data.material import Material
from wyckforge.models.forward.descriptors import of_gene, of_mechanics, of_size
from wyckforge.potential.cache import embeddings, look_up, mechanics
from wyckforge.potential.mechanics import Mechanics

Floats = NDArray[np.float64]


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
