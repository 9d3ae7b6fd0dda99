"""Learning geometries: batches of crystals of like length, one-cycle learning rate, running mean of the weights."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wyckforge.models.geometry.network import GeometryNetwork, Mixtures, NetworkSizes
from wyckforge.models.geometry.sequence import FIXED, VOLUME, X
from wyckforge.train.geometry.config import GeometryConfig
from wyckforge.train.geometry.examples import TRAIN, VALIDATION, Batch, Examples, Tensors
from wyckforge.train.orbitvae.loop import follow, one_cycle, plan_batches
from wyckforge.train.place import learning_place

_AVERAGE_START = 100
"""Updates over which the memory of the running mean grows to a half."""

_VALIDATION_BATCH = 512


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        network: on the processor, with the mean weights that suited the validation part best.
        history: one record for every look at the validation part.
    """

    network: GeometryNetwork
    history: list[dict[str, Any]]


def train_geometry(examples: Examples, config: GeometryConfig, tell: Callable[[dict[str, Any]], None]) -> Trained:
    """Train a network on the training part of the examples, on a GPU where there is one.

    Args:
        examples: crystals of all parts; those of the test part are not looked at.
        config: how, and for how long.
        tell: is given every record of the history.
    """
    device = learning_place()
    # products of lower precision, but no casts: starting kernels takes longer than running them in a network this small
    torch.backends.cuda.matmul.allow_tf32 = True
    parts = (examples.select(np.flatnonzero(examples.part == part)) for part in (TRAIN, VALIDATION))
    train, val = (Tensors(part, device) for part in parts)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(config.seed)
        return _learn(make_network(examples, config).to(device), train, val, config, tell)


def _learn(
    network: GeometryNetwork,
    train: Tensors,
    val: Tensors,
    config: GeometryConfig,
    tell: Callable[[dict[str, Any]], None],
) -> Trained:
    average = copy.deepcopy(network).eval()
    best, least = copy.deepcopy(average), math.inf
    optimiser = _optimiser(network, config)
    history: list[dict[str, Any]] = []
    losses: list[Tensor] = []
    begin = time.monotonic()
    for update, rows in enumerate(_endless(train, config), start=1):
        progress = _progress(config, update - 1, time.monotonic() - begin)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * one_cycle(min(progress, 1.0), config.warm_up)[0]
        losses.append(_update(network, train.batch(rows), optimiser, config))
        follow(average, network, min(config.average, update / (update + _AVERAGE_START)))
        seconds = time.monotonic() - begin
        over = _progress(config, update, seconds) >= 1
        if over or update % config.validate_every == 0:
            record = {
                "update": update,
                "seconds": round(seconds, 1),
                "epochs": round(update * config.batch_size / len(train), 2),
                "train": torch.stack(losses).mean().item(),
                **validate(average, val),
            }
            losses.clear()
            history.append(record)
            tell(record)
            if record["loss"] < least:
                best, least = copy.deepcopy(average), record["loss"]
        if over:
            break
    return Trained(best.cpu(), history)


def _optimiser(network: GeometryNetwork, config: GeometryConfig) -> torch.optim.AdamW:
    """AdamW whose weight decay leaves biases and norms alone."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=matrices[0].is_cuda)


def make_network(examples: Examples, config: GeometryConfig) -> GeometryNetwork:
    """A network that knows the elements of the examples."""
    sizes = NetworkSizes(
        elements=len(examples.elements),
        features=examples.features.shape[1],
        width=config.width,
        heads=config.heads,
        gene_layers=config.gene_layers,
        layers=config.layers,
    )
    network = GeometryNetwork(sizes, config.dropout)
    network.embedding.describe_elements(examples.features)
    return network


def _progress(config: GeometryConfig, update: int, seconds: float) -> float:
    of_time = 0.0 if config.minutes is None else seconds / (60 * config.minutes)
    return max(of_time, 0.0 if config.updates is None else update / config.updates)


def _endless(train: Tensors, config: GeometryConfig) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(config.seed)
    while True:
        yield from plan_batches(train.lengths, config.batch_size, generator)


def densities(network: GeometryNetwork, batch: Batch) -> tuple[Mixtures, Tensor]:
    """The mixtures of all numbers of a batch, and (n, t) their log densities of the numbers themselves."""
    mixtures = network(network.read(batch.orbits), batch.asked, batch.told)
    return mixtures, network.log_density(mixtures, batch.told.kind, batch.told.number)


def _update(network: GeometryNetwork, batch: Batch, optimiser: torch.optim.AdamW, config: GeometryConfig) -> Tensor:
    network.train()
    if config.noise:
        point = batch.told.point + config.noise * torch.randn_like(batch.told.point)
        batch = batch._replace(told=batch.told._replace(point=point))
    found = densities(network, batch)[1]
    kind = batch.told.kind
    weight = torch.where(kind < X, config.cell_weight, 1.0) * (kind < FIXED)
    loss = -(weight * found).sum() / weight.sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimiser.step()
    return loss.detach()


@torch.no_grad()
def validate(network: GeometryNetwork, tensors: Tensors) -> dict[str, float]:
    """Mean negative log density per number, of the cell and of the coordinates apart, and how well the volume is met.

    ``volume_hit`` is the share of crystals whose volume is within 5 % of the expected one.
    """
    order = tensors.lengths.argsort(stable=True)
    sums: dict[str, float] = dict.fromkeys(("cell", "coordinate", "n_cell", "n_coordinate", "hits"), 0.0)
    for rows in order.split(_VALIDATION_BATCH):
        batch = tensors.batch(rows)
        mixtures, found = densities(network, batch)
        of_cell = batch.told.kind < X
        of_coordinate = (batch.told.kind >= X) & (batch.told.kind < FIXED)
        sums["cell"] -= found[of_cell].sum().item()
        sums["coordinate"] -= found[of_coordinate].sum().item()
        sums["n_cell"] += of_cell.sum().item()
        sums["n_coordinate"] += of_coordinate.sum().item()
        weights, means, _ = mixtures.cell[:, VOLUME].unbind(-2)
        expected = (weights.exp() * means).sum(-1)
        sums["hits"] += ((expected - batch.told.number[:, VOLUME]).abs() < math.log(1.05)).sum().item()
    return {
        "loss": (sums["cell"] + sums["coordinate"]) / (sums["n_cell"] + sums["n_coordinate"]),
        "cell": sums["cell"] / sums["n_cell"],
        "coordinate": sums["coordinate"] / max(1, sums["n_coordinate"]),
        "volume_hit": sums["hits"] / len(tensors),
    }
