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
        bags: draws of unlabelled rows per fold.
        leaves: of a tree, at most.
        features: share of the numbers that a node can choose from, drawn at random.
    """

    trees: int
    learning_rate: float
    bags: int = 1
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


@dataclass(frozen=True, eq=False)
class Pool:
    """How rows are drawn where only some are labelled, and those not at random.

    Attributes:
        chance: (n,) relative chance of an unlabelled row to be drawn.
        strata: (n,) kinds whose share among the labelled tells how they came to be labelled and nothing else.
    """

    chance: Floats
    strata: NDArray[np.int64]

    def bag(self, rows: NDArray[np.int64], yes: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
        """As many positives as unlabelled rows from an index array, both drawn with replacement, so many as positives.

        Positives are drawn so that strata have the shares that they have among the unlabelled ones drawn.
        """
        positive, other = rows[yes[rows]], rows[~yes[rows]]
        drawn = rng.choice(other, len(positive), p=self.chance[other] / self.chance[other].sum())
        most = int(self.strata[rows].max()) + 1
        wanted, there = (np.bincount(self.strata[part], minlength=most) for part in (drawn, positive))
        share = (wanted / np.maximum(there, 1))[self.strata[positive]]
        return np.concatenate([rng.choice(positive, len(positive), p=share / share.sum()), drawn])


def grow(
    x: Singles,
    yes: Mask,
    groups: Sequence[str],
    growth: Growth,
    *,
    seed: int,
    pool: Pool | None = None,
    weights: Floats | None = None,
    shown: bool = False,
) -> Trees:
    """Members for every fold, each grown on the rows outside it.

    With a ``pool`` the rows without a yes are unlabelled, not labelled no: each member learns positives of its part
    against as many unlabelled rows of a bag drawn from it, see :meth:`Pool.bag`. A hidden positive is then a no to few
    members only. The mean of their scores orders rows like the ratio of the densities of positives and what is drawn.

    Args:
        x: (n, d) described rows.
        yes: (n,) whether a row is a yes.
        groups: what must stay in one fold, formulas or chemical systems.
        growth: how.
        pool: how unlabelled rows are drawn; ``growth.bags`` bags for every fold.
        seed: of folds, bags and trees.
        weights: (n,) of the rows, without a pool only.
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
    per_fold = growth.bags if pool is not None else 1
    with tqdm(total=FOLDS * per_fold, desc="trees", file=sys.stderr, disable=not shown) as bar:
        for number in range(FOLDS):
            for member in range(per_fold):
                rows = np.flatnonzero(fold != number)
                if pool is not None:
                    rows = pool.bag(rows, yes, rng)
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
