"""What a training run learns from: the table, its parts, the vocabulary and the scalers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.scale import MinMaxScaler
from wyckforge.data.split import Split, split_table
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import resolve_vintage
from wyckforge.errors import TableError
from wyckforge.models.representation import Representation, vocabulary
from wyckforge.train.config import SplitConfig, StepConfig, TrainConfig
from wyckforge.train.encoded import EncodedCrystals

_FEWEST = 10


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Crystals of one run.

    Attributes:
        table: crystals that the representation can hold, labels of one vintage.
        split: its parts.
        representation: vocabulary of the whole table.
        scaler: ranges of the labels in the training part.
        left_out: rows of the given table that have too many elements.
    """

    table: GeneTable
    split: Split
    representation: Representation
    scaler: MinMaxScaler
    left_out: int

    @classmethod
    def prepare(cls, config: TrainConfig) -> TrainingData:
        """Read the table, leave out what the representation cannot hold, split, fit the scalers on the training part.

        Raises:
            TableError: too few crystals, a label column is absent, its vintages are mixed, a part of the split has no
                crystal that a step can use, or the saved split is of another table.
        """
        given = GeneTable.read(config.table)
        if config.vintage:
            accepted = resolve_vintage(config.vintage, config.targets)
            given = given.with_vintage({name: accepted[name] for name in config.targets if name in accepted})
        for name in config.targets:
            given.require_single_vintage(name)
        table = given.select(np.array([len(gene.elements) <= config.max_elements for gene in given.genes], bool))
        if len(table) < _FEWEST:
            raise TableError(
                f"{config.table} has {len(table)} crystals of at most {config.max_elements} elements; "
                f"training needs {_FEWEST} or more"
            )
        split = split_as_set(table, config.split, config.seed)
        data = cls(
            table=table,
            split=split,
            representation=Representation(
                elements=vocabulary(table.genes),
                max_elements=config.max_elements,
                min_elements=min(len(gene.elements) for gene in table.genes),
            ),
            scaler=MinMaxScaler.fit({name: table.label(name)[split.train] for name in config.targets}),
            left_out=len(given) - len(table),
        )
        data._require_labels(config)
        return data

    def rows(self, step: StepConfig, part: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows among ``part`` that a step uses."""
        keep = np.ones(len(part), bool)
        for name, bound in step.rows_above.items():
            keep &= self.table.label(name)[part] > bound
        return part[keep]

    def encoded(
        self, step: StepConfig, part: NDArray[np.int64], targets: tuple[str, ...], *, augment: bool
    ) -> EncodedCrystals:
        """Tensors of the rows among ``part`` that a step uses; labels that it does not learn are missing."""
        rows = self.rows(step, part)
        scaled = np.full((len(rows), len(targets)), np.nan)
        for column, name in enumerate(targets):
            if name in step.targets:
                scaled[:, column] = self.scaler.transform(name, self.table.label(name)[rows])
        return EncodedCrystals.build(
            self.representation, [self.table.genes[row] for row in rows], scaled, augment=augment
        )

    def _require_labels(self, config: TrainConfig) -> None:
        """Every step has crystals of both parts, and the errors of all targets can be measured after the last."""
        parts = {"training": self.split.train, "validation": self.split.val}
        for step in config.steps.values():
            for name, part in parts.items():
                if not len(self.rows(step, part)):
                    raise TableError(
                        f"no crystal has labels above {step.rows_above} in the {name} part; use a larger table"
                    )
        measured = self.rows(list(config.steps.values())[-1], self.split.val)
        for target in config.targets:
            if np.isnan(self.table.label(target)[measured]).all():
                raise TableError(
                    f"none of the {len(measured)} validation crystals of the last step has a label {target}, so its "
                    "error cannot be measured; use a table with more of these labels, or a larger validation fraction"
                )


def split_as_set(table: GeneTable, config: SplitConfig, seed: int) -> Split:
    """The split that the settings ask for: the saved one, or one drawn by the seed.

    Raises:
        TableError: the saved split cannot be read or is of another table.
    """
    if config.saved is None:
        return split_table(table, fractions=config.fractions, seed=seed, by=config.by)
    split = Split.read(config.saved)
    split.check_belongs_to(table)
    return split
