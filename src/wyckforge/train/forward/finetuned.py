"""The gene-only method: predictors of the bundled OrbitVAE, which know formation energies and gaps, fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import numpy as np
import torch
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.models.orbitvae.predictor import Predictor, PredictorConfig
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.symmetry.elements import atomic_number, symbol
from wyckforge.train.artefact import bundled, stated_size
from wyckforge.train.calibration import Votes
from wyckforge.train.forward.method import Arrays, Fitted, Method, Task
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune_predictor import PredictorTuning, finetune_ensemble
from wyckforge.train.orbitvae.storage import checked_sizes, loaded_network

TUNING = PredictorTuning()
"""How the networks learn: the settings of ``wyckforge finetune``."""


@dataclass(frozen=True, eq=False)
class FinetunedMethod(Method):
    """An ensemble of transformers over the orbits of a gene.

    Attributes:
        vocabulary: what genes it can hold.
        predictors: one per fold of its training.
    """

    vocabulary: Vocabulary
    predictors: tuple[Predictor, ...]

    kind = "finetuned"

    @property
    def needs_structure(self) -> bool:
        """A gene is enough."""
        return False

    @property
    def outputs(self) -> int:
        """Number of properties."""
        return len(self.predictors[0].config.outputs)

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material."""
        return self.vocabulary.problem(material.gene)

    def votes(self, materials: Sequence[Material]) -> list[Votes]:
        """What the networks say."""
        orbits = self.vocabulary.encode([material.gene for material in materials])
        said = torch.stack([predictor.answer(orbits) for predictor in self.predictors], 1)
        return [Votes(*column) for column in said.double().numpy().transpose(3, 0, 1, 2)]

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """Vocabulary and sizes, and the weights."""
        index = {
            "elements": [symbol(number) for number in self.vocabulary.elements],
            "max_sites": self.vocabulary.max_sites,
            "max_elements": self.vocabulary.max_elements,
            "predictors": [asdict(predictor.config) for predictor in self.predictors],
        }
        arrays = {
            f"{number}.{name}": tensor.numpy()
            for number, predictor in enumerate(self.predictors)
            for name, tensor in predictor.state_dict().items()
        }
        return index, arrays

    @classmethod
    def from_parts(cls, index: Mapping[str, Any], arrays: Arrays) -> Self:
        """Inverse of :meth:`to_parts`."""
        limits = {name: stated_size(name, index[name]) for name in ("max_sites", "max_elements")}
        vocabulary = Vocabulary(tuple(map(atomic_number, index["elements"])), **limits)
        predictors = [
            loaded_network(Predictor, PredictorConfig(**checked_sizes(sizes)), arrays, f"{number}.")
            for number, sizes in enumerate(index["predictors"])
        ]
        for predictor in predictors:
            if predictor.config.elements != len(vocabulary.elements):
                raise ValueError(
                    f"{predictor.config.elements} elements in a network, {len(vocabulary.elements)} stated"
                )
            predictor.eval().requires_grad_(False)
        return cls(vocabulary, tuple(predictors))


def cannot_hold(material: Material) -> str | None:
    """Why the bundled model cannot hold the gene of a material, in words, or ``None``.

    Raises:
        CheckpointError: the bundled model is absent.
    """
    return base_networks().vocabulary.problem(material.gene)


def fit_finetuned(task: Task) -> Fitted[FinetunedMethod]:
    """Fine-tune on the training and the validation part together; every row is judged by a network that never saw it.

    Raises:
        CheckpointError: the bundled model is absent.
        TableError: fewer formulas than folds.
    """
    base = base_networks()
    rows = np.concatenate([task.train, task.val])
    genes = [task.materials[row].gene for row in rows]
    labels = torch.from_numpy(task.scaled()[rows].astype(np.float32))
    with tqdm(total=TUNING.folds * (TUNING.head_epochs + TUNING.epochs), desc="genes", disable=not task.shown) as bar:
        tuned = finetune_ensemble(
            base.first_predictors,
            tuple(task.labels),
            [gene.formula for gene in genes],
            Crystals.of(base.vocabulary.encode(genes), labels),
            torch.from_numpy(task.zero_inflated()),
            TUNING,
            seed=task.seed,
            tick=bar.update,
        )
    return Fitted(FinetunedMethod(base.vocabulary, tuned.predictors), rows, list(tuned.votes.values()))


@cache
def base_networks() -> OrbitCheckpoint:
    """The bundled model whose predictors are fine-tuned.

    Raises:
        CheckpointError: it is absent.
    """
    return OrbitCheckpoint.load(bundled("orbitvae"))
