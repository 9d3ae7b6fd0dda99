"""Formulas as people write them."""

from __future__ import annotations

import math
import re

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import atomic_number


def read_formula(formula: str) -> dict[int, float]:
    """Atoms by atomic number: ``Ca(OH)2``, ``Li0.5FeO2``.

    Raises:
        ValueError: it is malformed, holds no element, or a coefficient is not a positive and finite number.
    """
    from pymatgen.core import Composition

    try:
        amounts = Composition(formula, strict=True).get_el_amt_dict()
        counts = {atomic_number(name): float(amount) for name, amount in amounts.items()}
    except InvalidGeneError as error:
        raise ValueError(str(error)) from None
    named = set(re.findall("[A-Z][a-z]?", formula))
    if not counts or len(counts) < len(named) or not math.isfinite(sum(counts.values())):  # zeros are left out
        raise ValueError("coefficients must be positive numbers")
    return counts
