"""Classifiers of genes: ensembles of boosted trees that answer a question with yes or no, in one folder.

Two come with the package: ``synthesizability`` (is a crystal like those known to experiment?) and ``metal`` (has it no
band gap?), made by ``benchmarks/classifiers.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.errors import CheckpointError, TableError
from wyckforge.models.forward.architecture import LAST_ELEMENT, too_heavy
from wyckforge.models.forward.descriptors import OF_GENE, of_gene
from wyckforge.models.forward.electrons import OF_ELECTRONS, of_electrons
from wyckforge.models.trees import Trees
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.artefact import (
    CARD,
    MALFORMED,
    bundled,
    read_checked,
    read_index,
    require_format,
    write_artefact,
)
from wyckforge.train.orbitvae.finetune_predictor import deal_folds

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

Bundled = Literal["synthesizability", "metal"]
FORMAT, VERSION = "wyckforge-classifier", 1
FOLDS = 5
INPUTS = OF_GENE + LAST_ELEMENT + OF_ELECTRONS + 1
"""Numbers that :func:`describe` gives."""

_ARRAYS = "arrays.safetensors"


class Growth(NamedTuple):
    """How trees are grown.

    Attributes:
        trees: per classifier.
        learning_rate: of the boosting.
        bags: draws of unlabelled rows per fold; 0 where every row has a label.
        leaves: of a tree, at most.
        features: share of the numbers that a node can choose from, drawn at random.
    """

    trees: int
    learning_rate: float
    bags: int = 0
    leaves: int = 31
    features: float = 0.3


@dataclass(frozen=True, eq=False)
class GeneClassifier:
    """An ensemble with everything that is needed to use it.

    Attributes:
        name: its name.
        trees: of its members.
        provenance: JSON-ready account of data and training.
        card: model card, Markdown.
    """

    name: str
    trees: Trees
    provenance: Mapping[str, Any]
    card: str = ""

    @property
    def tool(self) -> str:
        """What it is called in evidence: by its name and the table it learned from."""
        return f"classifier {self.name}, {str(self.provenance.get('table', ''))[:8]}"

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why it cannot be asked about a gene, in words, or ``None``."""
        return too_heavy(Material(gene))

    def scores(self, genes: Sequence[WyckoffGene]) -> Floats:
        """(n,) from 0 to 1: how likely a yes is, as the members say on average.

        Raises:
            TableError: a gene that it cannot be asked about.
        """
        for gene in genes:
            if problem := self.problem(gene):
                raise TableError(f"{gene} cannot be classified by {self.name}: {problem}; leave it out")
        return mean_probability(self.trees.log_odds(describe(genes)))

    def save(self, folder: Path | str) -> None:
        """Write one folder. Reading it executes nothing."""
        index = {"format": FORMAT, "version": VERSION, "name": self.name, "provenance": dict(self.provenance)}
        write_artefact(Path(folder), index, {_ARRAYS: save_arrays(self.trees.to_arrays())}, self.card)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a folder of :meth:`save`.

        Raises:
            CheckpointError: absent, truncated, altered, foreign, or of a later version.
        """
        folder = Path(folder)
        index = read_index(folder)
        require_format(folder, index, FORMAT, VERSION)
        try:
            arrays = load_arrays(read_checked(folder, _ARRAYS, index))
            trees = Trees.from_arrays(arrays, inputs=INPUTS)
            return cls(str(index["name"]), trees, dict(index["provenance"]), (folder / CARD).read_text())
        except MALFORMED as error:
            raise CheckpointError(
                f"{folder} is not a usable classifier ({error}); fetch it again, or make it with "
                "benchmarks/classifiers.py"
            ) from None


@cache
def bundled_classifier(name: Bundled) -> GeneClassifier:
    """The classifier of that name that comes with the package.

    Raises:
        CheckpointError: it is absent or damaged.
    """
    return GeneClassifier.load(bundled(name))


def describe(genes: Sequence[WyckoffGene], other: Mask | None = None) -> Singles:
    """(n, INPUTS) what a classifier sees of genes: symmetry and chemistry, atomic fractions, electrons, and vintage.

    Args:
        genes: n of them, of no element beyond plutonium.
        other: (n,) whether a label is of a vintage that disagrees with what will be asked for. Trees learn from such
            rows what the vintages share, and are asked without.
    """
    x = np.zeros((len(genes), INPUTS), np.float32)
    for row, gene in enumerate(genes):
        x[row, :OF_GENE] = of_gene(gene)
        for number, count in gene.composition.items():
            x[row, OF_GENE + number - 1] = count / gene.n_atoms
        x[row, OF_GENE + LAST_ELEMENT : -1] = of_electrons(gene)
    if other is not None:
        x[:, -1] = other
    return x


def mean_probability(log_odds: Floats) -> Floats:
    """(n,) mean over the members of probabilities with log-odds (m, n)."""
    found: Floats = (1 / (1 + np.exp(-log_odds))).mean(0)
    return found


def grow(
    x: Singles,
    yes: Mask,
    groups: Sequence[str],
    growth: Growth,
    *,
    seed: int,
    strata: NDArray[np.int64] | None = None,
    weights: Floats | None = None,
    shown: bool = False,
) -> Trees:
    """Members for every fold, each grown on the rows outside it.

    With ``growth.bags`` the rows without a yes are unlabelled, not labelled no: each member learns all positives of its
    part against as many unlabelled rows, drawn with replacement from each stratum. A hidden positive is then a no to
    few members only. The mean of their scores orders the rows of a stratum like the ratio of the densities of positives
    and unlabelled ones; how many of either the strata have does not count.

    Args:
        x: (n, d) described rows.
        yes: (n,) whether a row is a yes.
        groups: what must stay in one fold, formulas or chemical systems.
        growth: how.
        strata: (n,) of the rows, with bags only; one for all by default.
        seed: of folds, bags and trees.
        weights: (n,) of the rows, without bags only.
        shown: whether to show a bar on standard error.

    Raises:
        TableError: fewer groups than folds.

    Source: of the bags, Mordelet and Vert, Pattern Recognit. Lett. 37, 201 (2014); of synthesizability as a matter of
    positives and unlabelled ones, Jang et al., J. Am. Chem. Soc. 142, 18836 (2020).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    fold = deal_folds(groups, FOLDS, rng)
    grown = []
    per_fold = max(growth.bags, 1)
    with tqdm(total=FOLDS * per_fold, desc="trees", file=sys.stderr, disable=not shown) as bar:
        for number in range(FOLDS):
            for member in range(per_fold):
                rows = np.flatnonzero(fold != number)
                if growth.bags:
                    rows = _bag(rows, yes, np.zeros(len(x), np.int64) if strata is None else strata, rng)
                machine = HistGradientBoostingClassifier(
                    max_iter=growth.trees,
                    learning_rate=growth.learning_rate,
                    max_leaf_nodes=growth.leaves,
                    max_features=growth.features,
                    l2_regularization=1.0,
                    early_stopping=False,
                    random_state=(seed * FOLDS + number) * per_fold + member,
                )
                grown.append(machine.fit(x[rows], yes[rows], None if weights is None else weights[rows]))
                bar.update()
    return Trees.of(grown)


def _bag(rows: NDArray[np.int64], yes: Mask, strata: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The positives among rows and, of every stratum, as many of the others, drawn with replacement."""
    positive, other = rows[yes[rows]], rows[~yes[rows]]
    drawn = [positive]
    for stratum, count in zip(*np.unique(strata[positive], return_counts=True), strict=True):
        if len(among := other[strata[other] == stratum]):
            drawn.append(rng.choice(among, count))
    return np.concatenate(drawn)
