"""What looks wrong with the labels of a property, in words, before anything learns from them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.property_scale import are_same
from wyckforge.errors import TableError
from wyckforge.properties import describe
from wyckforge.symmetry.gene import WyckoffGene

FEWEST = 50
"""Labels of a property below which not even the error of a model can be measured."""

FEW = 200
"""Labels below which errors are uncertain and models weak."""

_SAME = 0.02
"""Of the spread of all labels: two labels of one crystal that differ by less agree."""

_FAR = 20.0
"""Interquartile ranges from the median at which a label is an outlier."""

_PREFIXES = tuple(10.0**power for power in (-9, -6, -3, 3, 6, 9))
"""Factors between units that are easily confused."""


FEWEST_IN_PART = 5
"""Labels of a property in one part of a split below which the part is of no use."""


def check_labels(name: str, values: NDArray[np.float64], genes: Sequence[WyckoffGene]) -> list[str]:
    """Warnings about the labels (n,) of a property, NaN where missing.

    Few labels; crystals that occur several times, and how far their labels are apart; labels far from all others;
    and labels of a known property whose size suggests another unit.
    """
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return []
    labels = values[known]
    warnings: list[str] = []
    if len(labels) < FEW:
        warnings.append(
            f"{name} has {len(labels)} labels; errors measured on so few are uncertain, and models learned from fewer "
            f"than {FEW} are weak"
        )
    warnings += _repeated(name, labels, [genes[row] for row in known.tolist()])
    warnings += _outliers(name, labels)
    return warnings + _unit(name, labels)


def _repeated(name: str, labels: NDArray[np.float64], genes: Sequence[WyckoffGene]) -> list[str]:
    together: defaultdict[WyckoffGene, list[float]] = defaultdict(list)
    for gene, label in zip(genes, labels, strict=True):
        together[gene].append(float(label))
    repeated = [found for found in together.values() if len(found) > 1]
    if not repeated:
        return []
    spread = float(labels.max() - labels.min())
    apart = [max(found) - min(found) for found in repeated]
    differ = [gap for gap in apart if gap > _SAME * spread]
    text = f"{sum(map(len, repeated)):,} rows share their gene with another ({len(repeated):,} genes)"
    if differ:
        text += f"; {name} differs within {len(differ):,} of them, by {np.median(differ):.3g} in the median"
    return [f"{text}; they stay in one part of the split"]


def _outliers(name: str, labels: NDArray[np.float64]) -> list[str]:
    low, middle, high = np.quantile(labels, [0.25, 0.5, 0.75])
    if high == low:
        return []
    far = labels[np.abs(labels - middle) > _FAR * (high - low)]
    if not len(far):
        return []
    farthest = far[np.argmax(np.abs(far - middle))]
    return [
        f"{len(far):,} labels of {name} lie far from all others, the farthest at {farthest:g} (median {middle:g}); "
        "check them, a slip of the unit or of the decimal point looks like this"
    ]


def _unit(name: str, labels: NDArray[np.float64]) -> list[str]:
    expected = describe(name)
    if expected.usual is None:
        return []
    low, high = expected.usual
    middle = float(np.median(np.abs(labels)))
    if low <= middle <= high or middle == 0:
        return []
    factor = next((f for f in _PREFIXES if low <= middle * f <= high), None)
    guess = f"; multiplied by {factor:g} it would be usual" if factor else ""
    return [
        f"the median of {name} is {middle:.3g}, usual are {low:g} to {high:g} {expected.unit}{guess}; check the unit"
    ]


def require_variety(name: str, values: NDArray[np.float64], source: object, left_out: Mapping[str, int]) -> None:
    """Pass if a property can be learned from its labels (n,), NaN where missing.

    Args:
        name: of the property.
        values: its labels.
        source: where they are from, for the message.
        left_out: rows that cannot be used, by reason.

    Raises:
        TableError: fewer than :data:`FEWEST` labels, or none differ by more than rounding.
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST:
        reasons = ", ".join(f"{why} ({count:,})" for why, count in Counter(left_out).most_common(3))
        raise TableError(
            f"{source} has {len(known)} usable labels of {name}; learning needs {FEWEST} and is made for {FEW} or more "
            f"(rows left out: {reasons or 'none'})"
        )
    if are_same(known):
        raise TableError(f"all {len(known):,} labels of {name} in {source} are {known[0]:g}; give labels that differ")


def require_labels(name: str, values: NDArray[np.float64], part: str) -> None:
    """Pass if a part of a split has labels enough of a property.

    Args:
        name: of the property.
        values: labels of the rows of the part, NaN where missing.
        part: ``train``, ``val`` or ``test``.

    Raises:
        TableError: it has not.
    """
    if (n := int(np.isfinite(values).sum())) < FEWEST_IN_PART:
        raise TableError(
            f"the {part} part of the split has {n} labels {name}, {FEWEST_IN_PART} are needed; add labels, give a "
            "larger --test-share, or fit the properties one by one"
        )
