"""Predictors of new properties, begun from those of the old ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from wyckforge.errors import TableError
from wyckforge.models.orbitvae.predictor import Predictor, predictor_loss
from wyckforge.train.calibration import Votes
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.loop import follow, n_batches, plan_batches, set_pace
from wyckforge.train.orbitvae.state import NetworkState

Tick = Callable[[int], object]

_AVERAGE_START = 20
"""Updates over which the memory of the running mean grows to a half."""


class PredictorTuning(NetworkConfig):
    """How predictors learn new properties: first a new head on what the trained network sees, then the whole."""

    folds: int = Field(5, ge=2, description="networks; each learns from all formulas but its own share")
    head_epochs: int = Field(20, ge=1, description="passes in which the new heads learn alone")
    epochs: int = Field(20, ge=1, description="passes in which all learns but what describes elements and positions")
    batch_size: int = Field(32, ge=2, description="crystals per update, roughly: batches are of equal size")
    learning_rate: float = Field(1.5e-3, gt=0, description="highest, reached after the warm-up")
    warm_up: float = Field(0.1, gt=0, lt=1, description="share of the updates in which the learning rate rises")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW, on matrices")
    average: float = Field(0.99, ge=0, lt=1, description="memory of the running mean of the weights, which is kept")


class Tuned(NamedTuple):
    """An ensemble and what it says about crystals that it did not learn from.

    Attributes:
        predictors: one network per fold.
        votes: by property, (1, n): of every gene, what the network says that learned from no crystal of its formula.
    """

    predictors: tuple[Predictor, ...]
    votes: dict[str, Votes]


def finetune_ensemble(
    starts: Sequence[Predictor],
    outputs: tuple[str, ...],
    formulas: Sequence[str],
    crystals: Crystals,
    zero_inflated: Tensor,
    settings: PredictorTuning,
    *,
    seed: int,
    tick: Tick,
) -> Tuned:
    """One network per fold, begun from ``starts`` in turn; no label is lost to a held-out part.

    Args:
        starts: trained predictors.
        outputs: properties to learn.
        formulas: of n crystals; those of one formula are in one fold.
        crystals: the same with scaled labels (n, outputs).
        zero_inflated: (outputs,) whether a label can be exactly zero.
        settings: how they learn.
        seed: of the folds, the new heads, the order of the crystals and the dropout.
        tick: told the passes that are done.

    Raises:
        TableError: fewer formulas than folds.
    """
    fold = deal_folds(formulas, settings.folds, np.random.default_rng(seed))
    said = torch.zeros(3, len(formulas), len(outputs))
    predictors = []
    for number in range(settings.folds):
        own = torch.from_numpy(fold == number)
        learned = crystals.rows(torch.nonzero(~own)[:, 0])
        start = starts[number % len(starts)]
        predictor = finetune_predictor(
            start, outputs, learned, zero_inflated, settings, seed=seed * settings.folds + number, tick=tick
        )
        said[:, own] = predictor.answer(crystals.orbits.rows(torch.nonzero(own)[:, 0]))
        predictors.append(predictor)
    found = said.double().numpy()
    votes = {name: Votes(*found[:, None, :, column]) for column, name in enumerate(outputs)}
    return Tuned(tuple(predictors), votes)


def finetune_predictor(
    start: Predictor,
    outputs: tuple[str, ...],
    crystals: Crystals,
    zero_inflated: Tensor,
    settings: PredictorTuning,
    *,
    seed: int,
    tick: Tick,
) -> Predictor:
    """A copy of a predictor with new heads that has learned from n crystals; the given one stays as it is.

    The number of updates is fixed, so that no label decides when to stop, and the crystals that are left out measure
    the result and nothing else. What describes elements and positions stays, so that it need not be computed again for
    every update: letting it learn took half as long again, for errors about 2 to 3 % smaller at 200 labels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        learner = _Learner(crystals, zero_inflated, settings, torch.Generator().manual_seed(seed), tick)
        fresh = with_outputs(start, outputs).eval().requires_grad_(False)
        seen = fresh.pooled(crystals.orbits)
        fresh.heads.train().requires_grad_(True)
        headed = learner(fresh, seen.__getitem__, settings.head_epochs)
        headed.train().requires_grad_(True).embedding.requires_grad_(False)
        tables = headed.embedding()
        whole = learner(headed, lambda index: headed.pooled(crystals.orbits.rows(index), tables), settings.epochs)
    return whole.eval().requires_grad_(False)


def with_outputs(start: Predictor, outputs: tuple[str, ...]) -> Predictor:
    """A copy of a predictor with new heads, untrained, for other properties."""
    predictor = Predictor(replace(start.config, outputs=outputs))
    trunk = {name: tensor for name, tensor in start.state_dict().items() if not name.startswith("heads.")}
    predictor.load_state_dict(predictor.state_dict() | trunk)
    return predictor


def deal_folds(formulas: Sequence[str], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) fold of every crystal; one formula is in one fold, and folds are of nearly equal size.

    Raises:
        TableError: fewer formulas than folds.
    """
    counts = Counter(formulas)
    if len(counts) < folds:
        raise TableError(f"{len(counts)} formulas for {folds} folds; give labels of more different formulas")
    order = np.array(sorted(counts))[rng.permutation(len(counts))]
    sizes, place = np.zeros(folds, np.int64), {}
    for formula in sorted(order.tolist(), key=lambda formula: -counts[formula]):
        place[formula] = int(sizes.argmin())
        sizes[place[formula]] += counts[formula]
    return np.array([place[formula] for formula in formulas])


@dataclass(frozen=True)
class _Learner:
    """Trains the part of a predictor that may learn, and gives the running mean of its weights."""

    crystals: Crystals
    zero_inflated: Tensor
    settings: PredictorTuning
    generator: torch.Generator
    tick: Tick

    def __call__(self, predictor: Predictor, see: Callable[[Tensor], Tensor], epochs: int) -> Predictor:
        """``see`` gives what the heads of ``predictor`` see of the crystals of an index array."""
        settings, weights = self.settings, torch.ones(len(self.zero_inflated))
        state = NetworkState.begin(predictor, settings, averaged=True)
        learning = [parameter for parameter in predictor.parameters() if parameter.requires_grad]
        updates, done = epochs * n_batches(self.crystals.size, settings.batch_size), 0
        for _ in range(epochs):
            for index in plan_batches(self.crystals.lengths, settings.batch_size, self.generator):
                set_pace(state.optimiser, settings, done / updates)
                heads = predictor.read(see(index))
                loss = predictor_loss(heads, self.crystals.labels[index], self.zero_inflated, weights)
                descend(state.optimiser, learning, loss, settings.clip)
                done += 1
                follow(state.result, predictor, min(settings.average, done / (done + _AVERAGE_START)))
            self.tick(1)
        return state.result


def descend(optimiser: torch.optim.Optimizer, learning: Sequence[nn.Parameter], loss: Tensor, clip: float) -> None:
    """One update; the norm of the gradient is at most ``clip``."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learning, clip)
    optimiser.step()
