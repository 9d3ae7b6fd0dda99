"""Which parts of crystals come back when a model encodes and decodes them.

The parts are told by the names of their metrics: ``element_accuracy`` (all elements), ``wyckoff_accuracy`` (letters and
counts of every element), ``space_group_accuracy``, ``exact_gene_accuracy`` (everything, in any description) and
``valid_gene_rate`` (what comes back is a gene).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wyckforge.models.representation import Reading, Rejection
from wyckforge.symmetry.gene import WyckoffGene

Found = dict[str, NDArray[np.bool_]]


def compare_genes(genes: Sequence[WyckoffGene], decoded: Sequence[WyckoffGene]) -> Found:
    """(n,) whether each part of n genes came back, by name; both in canonical description."""
    pairs = [(gene.canonical(), found.canonical()) for gene, found in zip(genes, decoded, strict=True)]
    return {
        "element_accuracy": np.array([one.elements == other.elements for one, other in pairs], bool),
        "wyckoff_accuracy": np.array([one.sites == other.sites for one, other in pairs], bool),
        "space_group_accuracy": np.array([one.space_group == other.space_group for one, other in pairs], bool),
        "exact_gene_accuracy": np.array([one == other for one, other in pairs], bool),
        "valid_gene_rate": np.full(len(pairs), True),
    }


def compare_readings(
    genes: Sequence[WyckoffGene], decoded: Sequence[WyckoffGene | Rejection], wanted: Reading, got: Reading
) -> Found:
    """(n,) whether each part of n genes came back, by name, where a part can come back without making a gene.

    Args:
        genes: what was encoded.
        decoded: what the arrays amount to.
        wanted: what the arrays of the genes say.
        got: what the decoded arrays say.
    """
    exact = [
        isinstance(found, WyckoffGene) and found.canonical() == gene.canonical()
        for gene, found in zip(genes, decoded, strict=True)
    ]
    return {
        "element_accuracy": rows_equal(got.numbers, wanted.numbers),
        "wyckoff_accuracy": rows_equal(got.uses, wanted.uses),
        "space_group_accuracy": rows_equal(got.group, wanted.group),
        "exact_gene_accuracy": np.array(exact, bool),
        "valid_gene_rate": np.array([isinstance(found, WyckoffGene) for found in decoded], bool),
    }


def rows_equal(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether everything of a row is equal, for arrays of n rows and any further axes."""
    equal: NDArray[np.bool_] = (one == other).all(axis=tuple(range(1, one.ndim)))
    return equal


def concatenated(parts: Sequence[Found]) -> Found:
    """The findings of batches as those of one; at least one batch."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
