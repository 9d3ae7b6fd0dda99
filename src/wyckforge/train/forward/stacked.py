"""The structure-aware method: what genes tell, joined with descriptors of the structure and the potential's answers.

Three voices speak: the fine-tuned gene networks; an ensemble of perceptrons on descriptors and on what the gene
networks say; and, where there are few enough crystals, a support vector regression on the same. How much each is heard
is settled by their errors in cross-validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import Encoded, lacks_structure
from wyckforge.models.forward.regressor import Regressor, Standardiser
from wyckforge.train.artefact import stated_size, with_weights
from wyckforge.train.calibration import Votes
from wyckforge.train.forward.features import answered, describe, n_descriptors
from wyckforge.train.forward.finetuned import TUNING, FinetunedMethod, cannot_hold, fit_finetuned
from wyckforge.train.forward.kernel import MOST_ROWS, Kernel
from wyckforge.train.forward.loop import Lesson, answers, learn
from wyckforge.train.forward.method import Arrays, Fitted, Floats, Method, Task, part_of
from wyckforge.train.orbitvae.finetune_predictor import deal_folds

VOICES = ("genes", "perceptrons", "kernel")
_STEPS = 20
"""Shares of the voices are multiples of one by this."""


@dataclass(frozen=True, eq=False)
class StackedMethod(Method):
    """Three voices on one crystal.

    Attributes:
        genes: the fine-tuned gene networks.
        with_mechanics: whether elastic constants and the equation of state are among the descriptors.
        standardiser: of the descriptors and of what the gene networks say.
        perceptrons: one per fold.
        kernel: the regression, or ``None``.
        shares: (t, 3) weights of the voices, in the order of :data:`VOICES`; each row sums to 1.
    """

    genes: FinetunedMethod
    with_mechanics: bool
    standardiser: Standardiser
    perceptrons: tuple[nn.Module, ...]
    kernel: Kernel | None
    shares: Floats

    kind = "stacked"

    @property
    def needs_structure(self) -> bool:
        """A gene is not enough."""
        return True

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material."""
        return lacks_structure(material) or self.genes.problem(material)

    def votes(self, materials: Sequence[Material]) -> list[Votes]:
        """What the voices say together: one vote."""
        said = _mean_heads(self.genes.votes(materials))
        described = describe(materials, with_mechanics=self.with_mechanics)
        x = self.standardiser(joined(described, said))
        perceived = np.mean([_answers(network, x) for network in self.perceptrons], axis=0)
        perceived[:, ~answered(described)] = np.nan
        return mixed(self.shares, said, perceived, None if self.kernel is None else self.kernel(x))

    @property
    def outputs(self) -> int:
        """Number of properties."""
        return self.genes.outputs

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """Sizes and shares, and all arrays under the name of the part they belong to."""
        index, arrays = self.genes.to_parts()
        found = {f"genes.{name}": array for name, array in arrays.items()}
        found |= {f"standardiser.{name}": array for name, array in self.standardiser.to_arrays().items()}
        for number, network in enumerate(self.perceptrons):
            found |= {f"perceptron.{number}.{name}": t.numpy() for name, t in network.state_dict().items()}
        if self.kernel is not None:
            found |= {f"kernel.{name}": array for name, array in self.kernel.to_arrays().items()}
        stated = {
            "genes": index,
            "with_mechanics": self.with_mechanics,
            "perceptrons": len(self.perceptrons),
            "kernel": self.kernel is not None,
            "shares": self.shares.tolist(),
        }
        return stated, found

    @classmethod
    def from_parts(cls, index: Mapping[str, Any], arrays: Arrays) -> Self:
        """Inverse of :meth:`to_parts`."""
        genes = FinetunedMethod.from_parts(index["genes"], part_of(arrays, "genes."))
        outputs, with_mechanics = genes.outputs, bool(index["with_mechanics"])
        inputs = n_descriptors(with_mechanics=with_mechanics) + 2 * outputs
        standardiser = Standardiser.from_arrays(part_of(arrays, "standardiser."), inputs=inputs)
        perceptrons = []
        for number in range(stated_size("perceptrons", index["perceptrons"])):
            weights = part_of(arrays, f"perceptron.{number}.")
            perceptrons.append(with_weights(lambda: Regressor(standardiser.kept).network(outputs), weights))
        shares = np.array(index["shares"], np.float64)
        if shares.shape != (outputs, len(VOICES)) or not (shares >= 0).all() or not np.allclose(shares.sum(1), 1):
            raise ValueError(f"shares {shares.tolist()} of {len(VOICES)} voices for {outputs} properties")
        kernel = None
        if index["kernel"]:
            kernel = Kernel.from_arrays(part_of(arrays, "kernel."), inputs=standardiser.kept, outputs=outputs)
        return cls(genes, with_mechanics, standardiser, tuple(perceptrons), kernel, shares)


def cannot_stack(material: Material) -> str | None:
    """Why a stacked model cannot learn from a material, in words, or ``None``.

    Raises:
        CheckpointError: the bundled model is absent.
    """
    return lacks_structure(material) or cannot_hold(material)


def fit_stacked(task: Task, *, with_mechanics: bool = True) -> Fitted[StackedMethod]:
    """Fit the three voices on the training and the validation part, and weigh them by their errors in cross-validation.

    The gene networks and the voices that hear them share their folds: a row is judged by voices that did not learn from
    it. It is not wholly unseen, because they heard of the other rows from gene networks that did.

    Raises:
        CheckpointError: the bundled model is absent.
        TableError: fewer formulas than folds.
    """
    genes, rows, gene_votes = fit_finetuned(task)
    materials = [task.materials[row] for row in rows]
    labels, zero_inflated = task.scaled()[rows], task.zero_inflated()
    said = _mean_heads(gene_votes)
    described = describe(materials, with_mechanics=with_mechanics, shown=task.shown)
    raw = joined(described, said)
    standardiser = Standardiser.fit(raw)
    x = standardiser(raw)
    fold = deal_folds([m.gene.formula for m in materials], TUNING.folds, np.random.default_rng(task.seed))
    perceptrons, perceived = _perceptrons(x, labels, zero_inflated, fold, task)
    kernel, regressed = None, None
    if len(rows) <= MOST_ROWS:
        own = _known_not_zero(labels, zero_inflated)
        regressed = np.full(labels.shape, np.nan)
        for number in range(TUNING.folds):
            apart = fold == number
            regressed[apart] = Kernel.fit(x[~apart], own[~apart])(x[apart])
        kernel = Kernel.fit(x, own)
    shares = _shares(labels, zero_inflated, said, perceived, regressed)
    perceived[:, ~answered(described)] = np.nan
    method = StackedMethod(genes, with_mechanics, standardiser, perceptrons, kernel, shares)
    return Fitted(method, rows, mixed(shares, said, perceived, regressed))


def joined(descriptors: Floats, said: Floats) -> Floats:
    """(n, d + 2 t) descriptors (n, d) and, of what the gene networks say (3, n, t), location and log-odds of zero."""
    return np.hstack([descriptors, said[0], said[2]])


def mixed(shares: Floats, said: Floats, perceived: Floats, regressed: Floats | None) -> list[Votes]:
    """One vote per property from heads (3, n, t) of gene networks and perceptrons and a regression (n, t).

    The voices share in the location; how sure it is, and whether the property is zero, the perceptrons say. Where they
    say nothing (NaN), CHGNet has no answer, and all is silent.
    """
    voices = [said[0], perceived[0], np.zeros_like(said[0]) if regressed is None else regressed]
    location = np.einsum("tv,vnt->nt", shares, np.stack(voices))
    location[np.isnan(perceived[0])] = np.nan
    return [Votes(location[None, :, k], perceived[1][None, :, k], perceived[2][None, :, k]) for k in range(len(shares))]


def _perceptrons(
    x: np.ndarray, labels: Floats, zero_inflated: np.ndarray, fold: np.ndarray, task: Task
) -> tuple[tuple[nn.Module, ...], Floats]:
    """One perceptron per fold, and what each says (3, n, t) about the rows of its fold."""
    every = torch.arange(len(x))
    encoded = Encoded({"x": torch.from_numpy(x)}, every, torch.ones(len(x), dtype=torch.long))
    regressor = Regressor(x.shape[1])
    perceived = np.zeros((3, *labels.shape))
    networks = []
    with tqdm(total=TUNING.folds * regressor.pace.epochs, desc="structures", disable=not task.shown) as bar:
        for number in range(TUNING.folds):
            apart = torch.from_numpy(fold == number)
            lesson = Lesson(
                encoded,
                torch.from_numpy(labels.astype(np.float32)),
                torch.from_numpy(zero_inflated),
                train=every[~apart],
                val=every[:0],
            )
            seed = task.seed * TUNING.folds + number
            networks.append(learn(regressor.network, lesson, regressor.pace, seed=seed, tick=bar.update))
            perceived[:, apart.numpy()] = _answers(networks[-1], x[apart.numpy()])
    return tuple(networks), perceived


def _shares(
    labels: Floats, zero_inflated: np.ndarray, said: Floats, perceived: Floats, regressed: Floats | None
) -> Floats:
    """(t, 3) the shares of the voices that give the least mean absolute error, scaled, in cross-validation."""
    own = _known_not_zero(labels, zero_inflated)
    silent = regressed is None
    voices = np.stack([said[0], perceived[0], said[0] if regressed is None else regressed])
    choices = [
        (a, b, _STEPS - a - b)
        for a in range(_STEPS + 1)
        for b in range(_STEPS + 1 - a)
        if not silent or a + b == _STEPS
    ]
    found = []
    for column in range(labels.shape[1]):
        known = np.isfinite(own[:, column])
        if not known.any():
            found.append(np.array([0.0, 1.0, 0.0]))
            continue
        errors = [
            np.abs(np.array(choice) / _STEPS @ voices[:, known, column] - own[known, column]).mean()
            for choice in choices
        ]
        found.append(np.array(choices[int(np.argmin(errors))]) / _STEPS)
    return np.array(found)


def _known_not_zero(labels: Floats, zero_inflated: np.ndarray) -> Floats:
    """Labels without the exact zeros of properties that can be zero: whether they are is another question."""
    return np.where((labels == 0) & zero_inflated, np.nan, labels)


def _answers(network: nn.Module, x: np.ndarray) -> Floats:
    rows = torch.arange(len(x))
    encoded = Encoded({"x": torch.from_numpy(x)}, rows, torch.ones(len(x), dtype=torch.long))
    return answers(network, encoded, rows).double().numpy()


def _mean_heads(votes: Sequence[Votes]) -> Floats:
    """(3, n, t) votes of several networks as one."""
    return np.stack([np.stack([part.mean(0) for part in said]) for said in votes], -1)
