"""The one loop in which every network from crystals to properties learns."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wyckforge.models.forward.architecture import Batches, Pace, Tensors
from wyckforge.models.orbitvae.predictor import predictor_loss
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.finetune_predictor import descend
from wyckforge.train.orbitvae.loop import follow, set_pace
from wyckforge.train.orbitvae.state import NetworkState
from wyckforge.train.place import learning_place

Build = Callable[[int], nn.Module]
Tick = Callable[[int], object]

_MEMORY = 0.99
"""Of the running mean of the weights, which is what is measured and kept."""

_LOOKS = 40
"""How often, at most, the network is measured on the validation part in the course of its training."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network learns.

    Attributes:
        encoded: n materials.
        labels: (n, t) scaled, NaN where missing.
        zero_inflated: (t,) whether a label can be exactly zero.
        train: rows to learn from.
        val: rows that choose when the network was best; none for the network after the last epoch.
    """

    encoded: Batches
    labels: Tensor
    zero_inflated: Tensor
    train: Tensor
    val: Tensor


def learn(build: Build, lesson: Lesson, pace: Pace, *, seed: int, tick: Tick) -> nn.Module:
    """A network trained with AdamW and a one-cycle learning rate, from the epoch that suited the validation part best.

    Without a validation part it is the one after the last epoch. What counts is the mean absolute error, scaled, of
    all properties together. It learns on a GPU where there is one, and is given back on the processor. On a
    processor the seed decides everything; a GPU adds up in an order of its own.

    Args:
        build: makes a network with fresh weights for so many properties.
        lesson: what to learn.
        pace: how long and how fast.
        seed: of the first weights, the order of the crystals, their descriptions and the dropout.
        tick: told every finished epoch.
    """
    settings = NetworkConfig(
        epochs=pace.epochs,
        batch_size=pace.batch_size,
        learning_rate=pace.learning_rate,
        weight_decay=pace.weight_decay,
        warm_up=0.1,
    )
    generator = torch.Generator().manual_seed(seed)
    place = learning_place()
    outputs, labels, zero_inflated = lesson.labels.shape[1], lesson.labels.to(place), lesson.zero_inflated.to(place)
    weights = torch.ones(outputs, device=place)
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        state = NetworkState.begin(build(outputs).to(place), settings, averaged=True)
        learning = list(state.network.parameters())
        batches = max(1, round(len(lesson.train) / pace.batch_size))
        best, best_error, done = state.result, float("inf"), 0
        for epoch in range(pace.epochs):
            state.network.train()
            order = lesson.train[torch.randperm(len(lesson.train), generator=generator)]
            for index in order.tensor_split(batches):
                set_pace(state.optimiser, settings, done / (batches * pace.epochs))
                answer = state.network(_at(place, lesson.encoded.drawn(index, generator)))
                loss = predictor_loss(answer.heads, labels[index.to(place)], zero_inflated, weights)
                descend(state.optimiser, learning, loss + answer.penalty, settings.clip)
                done += 1
                _follow(state.result, state.network, min(_MEMORY, done / (done + 20)))
            tick(1)
            if not len(lesson.val) or ((epoch + 1) % max(1, pace.epochs // _LOOKS) and epoch + 1 < pace.epochs):
                continue
            if (error := _error(state.result, lesson)) < best_error:
                best, best_error = copy.deepcopy(state.result), error
    return best.cpu().eval().requires_grad_(False)


@torch.no_grad()
def answers(network: nn.Module, encoded: Batches, index: Tensor, *, batch: int = 512) -> Tensor:
    """(3, n, t) heads of the materials of an index array, from their first descriptions."""
    network.eval()
    place = next(network.parameters()).device
    parts = [torch.stack(network(_at(place, encoded.given(part))).heads).cpu() for part in index.split(batch)]
    return torch.cat(parts, 1)


def _at(place: torch.device, tensors: Tensors) -> Tensors:
    return {name: tensor.to(place) for name, tensor in tensors.items()}


def _follow(average: nn.Module, network: nn.Module, memory: float) -> None:
    """Move the running mean of the weights; statistics of batch normalisation are taken over."""
    follow(average, network, memory)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)


def _error(network: nn.Module, lesson: Lesson) -> float:
    heads = answers(network, lesson.encoded, lesson.val)
    labels = lesson.labels[lesson.val]
    said = torch.where((heads[2] > 0) & lesson.zero_inflated, 0.0, heads[0])
    error = (said - labels).abs()
    known = ~labels.isnan()
    per_property = (error.nan_to_num() * known).sum(0) / known.sum(0).clamp(min=1)
    return float(per_property.sum())
