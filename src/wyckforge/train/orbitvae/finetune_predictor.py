"""Predictors of new properties, begun from those of the old ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from wyckforge.errors import TableError
from wyckforge.models.orbitvae.predictor import Predictor, predictor_loss
from wyckforge.settings import Settings
from wyckforge.train.orbitvae.calibration import Votes
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.loop import follow, one_cycle, plan_batches

Tick = Callable[[int], object]


class PredictorTuning(Settings):
    """How predictors learn a new property: a new head on what the old ones see first, then the whole."""

    folds: int = Field(5, ge=2, description="networks; each learns from all formulas but its own share")
    head_epochs: int = Field(60, ge=1, description="passes in which the new head learns alone")
    epochs: int = Field(40, ge=1, description="passes in which the attention blocks learn too")
    batch_size: int = Field(32, ge=2, description="crystals per update, roughly")
    head_learning_rate: float = Field(1e-3, gt=0, description="highest, of the head")
    learning_rate: float = Field(3e-4, gt=0, description="highest, of everything below the head")
    learn_embedding: bool = Field(False, description="whether what describes elements and positions learns too")
    warm_up: float = Field(0.1, gt=0, lt=1, description="share of the updates in which the learning rate rises")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW, on matrices")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
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
        with torch.inference_mode():
            said[:, own] = torch.stack(predictor(crystals.rows(torch.nonzero(own)[:, 0]).orbits))
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

    The number of updates is fixed and no label decides when to stop, so that the crystals left out of ``crystals``
    measure the result and nothing else.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        predictor = with_outputs(start, outputs)
        _learn_heads(predictor, crystals, zero_inflated, settings, generator, tick)
        return _learn_all(predictor, crystals, zero_inflated, settings, generator, tick)


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


def _learn_heads(
    predictor: Predictor,
    crystals: Crystals,
    zero_inflated: Tensor,
    settings: PredictorTuning,
    generator: torch.Generator,
    tick: Tick,
) -> None:
    """Train the heads on what the frozen trunk sees, which is computed once."""
    with torch.no_grad():
        pooled = predictor.eval().pooled(crystals.orbits)
    predictor.heads.train()
    groups = [(list(predictor.heads.parameters()), settings.head_learning_rate)]
    pace = _Pace(groups, settings, settings.head_epochs * _n_batches(crystals, settings))
    for _ in range(settings.head_epochs):
        for index in torch.randperm(crystals.size, generator=generator).split(settings.batch_size):
            pace.update(_loss(predictor, pooled[index], crystals.labels[index], zero_inflated))
        tick(1)


def _learn_all(
    predictor: Predictor,
    crystals: Crystals,
    zero_inflated: Tensor,
    settings: PredictorTuning,
    generator: torch.Generator,
    tick: Tick,
) -> Predictor:
    """Train heads and trunk, and give the running mean of the weights."""
    predictor.train()
    predictor.embedding.requires_grad_(settings.learn_embedding)
    heads = list(predictor.heads.parameters())
    trunk = [p for name, p in predictor.named_parameters() if not name.startswith("heads.") and p.requires_grad]
    groups = [(heads, settings.head_learning_rate), (trunk, settings.learning_rate)]
    pace = _Pace(groups, settings, settings.epochs * _n_batches(crystals, settings))
    mean = with_outputs(predictor, predictor.config.outputs)
    mean.load_state_dict(predictor.state_dict())
    tables = None if settings.learn_embedding else predictor.embedding()
    for _ in range(settings.epochs):
        for index in plan_batches(crystals.lengths, settings.batch_size, generator):
            batch = crystals.rows(index)
            pace.update(_loss(predictor, predictor.pooled(batch.orbits, tables), batch.labels, zero_inflated))
            follow(mean, predictor, min(settings.average, pace.done / (pace.done + 20)))
        tick(1)
    return mean.eval().requires_grad_(False)


def _n_batches(crystals: Crystals, settings: PredictorTuning) -> int:
    return math.ceil(crystals.size / settings.batch_size)


def _loss(predictor: Predictor, pooled: Tensor, labels: Tensor, zero_inflated: Tensor) -> Tensor:
    return predictor_loss(predictor.read(pooled), labels, zero_inflated, torch.ones(len(zero_inflated)))


class _Pace:
    """AdamW whose learning rates rise and fall together."""

    def __init__(
        self, groups: Sequence[tuple[list[nn.Parameter], float]], settings: PredictorTuning, updates: int
    ) -> None:
        self.settings, self.updates, self.done = settings, updates, 0
        self.parameters = [parameter for group, _ in groups for parameter in group]
        self.rates = [rate for _, rate in groups for _ in range(2)]
        decayed = [
            {"params": [p for p in group if (p.ndim > 1) == matrices], "weight_decay": settings.weight_decay * matrices}
            for group, _ in groups
            for matrices in (True, False)
        ]
        self.optimiser = torch.optim.AdamW(decayed, lr=1.0, betas=(0.9, 0.98))

    def update(self, loss: Tensor) -> None:
        """Go one step down the gradient."""
        factor, memory = one_cycle(min(self.done / self.updates, 1.0), self.settings.warm_up)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"], group["betas"] = rate * factor, (memory, 0.98)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self.optimiser.step()
        self.done += 1
