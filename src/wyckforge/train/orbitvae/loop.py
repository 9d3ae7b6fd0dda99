"""One epoch of one network: batches of genes of like length, one-cycle learning rate, running mean of the weights."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from wyckforge.errors import ConfigError
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.objectives import Network, Objective
from wyckforge.train.orbitvae.state import NetworkState
from wyckforge.train.orbitvae.world import World

_POOL = 16
"""Batches whose genes are sorted by length together; more save more padding and mix less."""

_AVERAGE_START = 100
"""Updates over which the memory of the running mean grows to a half."""


@dataclass(frozen=True)
class Trainer(Generic[Network]):
    """How one network learns.

    Attributes:
        name: of the part of the run.
        objective: what it learns.
        settings: for how long and how fast.
        seed: of everything random.
        precision: arithmetic of the forward pass.
        average: memory of the running mean of the weights, 0 for none.
    """

    name: str
    objective: Objective[Network]
    settings: NetworkConfig
    seed: int
    precision: str
    average: float = 0.0

    def network(self) -> Network:
        """The network with its initial weights, which come from the seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.objective.build()

    def begin(self, world: World) -> NetworkState[Network]:
        """The state before the first epoch."""
        return NetworkState.begin(self.network().to(world.device), self.settings, averaged=self.average > 0)

    def epoch(
        self,
        state: NetworkState[Network],
        crystals: Crystals,
        world: World,
        tick: Callable[[int], None],
    ) -> dict[str, float]:
        """Show every crystal once; ``tick`` is told how many were shown. Gives the mean terms of the loss."""
        seed = _epoch_seed(self.name, self.seed, state.epoch)
        generator = torch.Generator().manual_seed(seed)
        lengths = crystals.lengths.cpu()
        batches = plan_batches(lengths, self.settings.batch_size, generator)
        total = self.settings.epochs * len(batches)
        if (smallest := min(map(len, batches))) < world.size:
            raise ConfigError(
                f"a batch of {self.name} has {smallest} crystals for {world.size} processes; give a larger batch_size, "
                "or start fewer processes"
            )
        update = state.epoch * len(batches)
        sums: dict[str, Tensor] = {}
        state.network.train()
        with torch.random.fork_rng(devices=[world.device] if world.device.type == "cuda" else []):
            torch.manual_seed(seed + world.rank)
            for index in batches:
                set_pace(state.optimiser, self.settings, update / total)
                terms = self._update(state, crystals.rows(index.to(world.device)), generator, world)
                update += 1
                if state.average is not None:
                    follow(state.average, state.network, min(self.average, update / (update + _AVERAGE_START)))
                for name, term in terms.items():
                    sums[name] = sums.get(name, torch.zeros_like(term)) + len(index) * term
                tick(len(index))
        return {name: (term / len(lengths)).item() for name, term in sums.items()}

    def _update(
        self, state: NetworkState[Network], batch: Crystals, generator: torch.Generator, world: World
    ) -> Mapping[str, Tensor]:
        low = self.precision == "bfloat16"
        # on a processor, the fused attention kernel is up to five times slower than plain products in low precision
        kernel = sdpa_kernel(SDPBackend.MATH) if low and world.device.type == "cpu" else nullcontext()
        with kernel, torch.autocast(world.device.type, torch.bfloat16, enabled=low):
            terms = self.objective.losses(state.network, batch, generator, world)
        state.optimiser.zero_grad()
        terms["loss"].backward()
        parameters = list(state.network.parameters())
        world.sum_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, self.settings.clip)
        state.optimiser.step()
        return {name: term.detach() for name, term in terms.items()}


def n_batches(n: int, batch_size: int) -> int:
    """Number of batches of n crystals in an epoch."""
    return max(1, round(n / batch_size))


def plan_batches(lengths: Tensor, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Every crystal once, in batches of nearly equal size and, within a batch, of like length; in random order.

    Args:
        lengths: (n,) orbits of every crystal.
        batch_size: crystals per batch, roughly.
        generator: source of the order.
    """
    mixed = torch.randperm(len(lengths), generator=generator).tensor_split(n_batches(len(lengths), batch_size))
    batches: list[Tensor] = []
    for first in range(0, len(mixed), _POOL):
        together = mixed[first : first + _POOL]
        pool = torch.cat(together)
        batches += pool[lengths[pool].argsort(stable=True)].tensor_split(len(together))
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def one_cycle(progress: float, warm_up: float) -> tuple[float, float]:
    """Factor on the highest learning rate, and first-moment memory, at a share of all updates.

    The rate rises from 1/25 to 1 and falls to 1/250,000, in half waves; the memory falls from 0.95 to 0.85 and rises
    again, so that the two never are large together.

    Source: Smith and Topin, arXiv:1708.07120.
    """
    rising = progress < warm_up
    share = progress / warm_up if rising else (progress - warm_up) / (1 - warm_up)
    wave = (1 - math.cos(math.pi * share)) / 2
    begin, end = (1 / 25, 1.0) if rising else (1.0, 1 / 250_000)
    memory = 0.95 - 0.1 * wave if rising else 0.85 + 0.1 * wave
    return begin + (end - begin) * wave, memory


def set_pace(optimiser: torch.optim.AdamW, settings: NetworkConfig, progress: float) -> None:
    """Set the learning rate and the first-moment memory of the next update."""
    factor, memory = one_cycle(progress, settings.warm_up)
    for group in optimiser.param_groups:
        group["lr"] = settings.learning_rate * factor
        group["betas"] = (memory, group["betas"][1])


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, memory: float) -> None:
    """Move the running mean of the weights towards the network's."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - memory)


def _epoch_seed(name: str, seed: int, epoch: int) -> int:
    """What an epoch draws with; it depends on nothing that happened before, so that a resumed run goes on exactly."""
    return int(np.random.SeedSequence([zlib.crc32(name.encode()), seed, epoch]).generate_state(1)[0])
