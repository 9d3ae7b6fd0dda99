"""Formulas as people write them."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from wyckforge.errors import InvalidGeneError
from wyckforge.symmetry.elements import atomic_number


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what pymatgen says of elements without an electronegativity, such as helium, from users."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No Pauling electronegativity", UserWarning)
        yield


@quiet()
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
