"""A judge of generated genes that shares no weights with the model: trees on composition and site statistics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element
from sklearn.ensemble import ExtraTreesRegressor

from wyckforge.models.features import element_features
from wyckforge.symmetry.gene import WyckoffGene

Floats = NDArray[np.float64]
_LAST_ELEMENT = 94


class Judge:
    """Extremely randomised trees on the logarithm of a positive property.

    Args:
        genes: crystals to learn from.
        values: (n,) their property.
    """

    def __init__(self, genes: Sequence[WyckoffGene], values: Floats) -> None:
        self._elements = _element_table()
        self._trees = ExtraTreesRegressor(300, min_samples_leaf=2, max_features=0.3, random_state=0)
        self._trees.fit(self._features(genes), np.log(values))

    def __call__(self, genes: Sequence[WyckoffGene]) -> Floats:
        """(n,) the property of genes."""
        logarithms: Floats = self._trees.predict(self._features(genes))
        return np.exp(logarithms)

    def _features(self, genes: Sequence[WyckoffGene]) -> Floats:
        return np.array([self._row(gene) for gene in genes])

    def _row(self, gene: WyckoffGene) -> Floats:
        """Mean, deviation and extremes of the elements' features, and what is said of the sites in numbers."""
        counts = gene.composition
        share = np.array(list(counts.values())) / gene.n_atoms
        described = self._elements[np.array(list(counts)) - 1]
        mean = share @ described
        sites = (gene.space_group, len(gene.table.operators), len(gene.sites), gene.n_atoms, gene.degrees_of_freedom)
        spread = np.sqrt(share @ (described - mean) ** 2)
        return np.concatenate([mean, spread, described.max(0), described.min(0), sites, (len(counts), share.max())])


def _element_table() -> Floats:
    """(94, 42) binned properties of free atoms, and atomic quantities as they are."""
    numbers = range(1, _LAST_ELEMENT + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns about every unknown property; unknown is a case here
        return np.hstack([element_features(numbers), [_quantities(Element.from_Z(number)) for number in numbers]])


def _quantities(element: Element) -> list[float]:
    found = (element.Z, element.atomic_mass, element.row, element.group, element.X, element.atomic_radius)
    values = [float(value) if value is not None else np.nan for value in (*found, element.melting_point)]
    return [float(value) for value in np.nan_to_num(values)]
