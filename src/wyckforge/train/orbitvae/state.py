"""The state of the training of one network in one file, so that a killed run goes on exactly where it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Self

import torch
from safetensors.torch import save
from torch import Tensor

from wyckforge.files import write_atomically
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.objectives import Network
from wyckforge.train.state import SavedState


@dataclass
class NetworkState(Generic[Network]):
    """Everything that changes while a network learns.

    There is no generator in it: what is random in an epoch follows from the seed and the number of the epoch.

    Attributes:
        network: it learns.
        average: running mean of its weights, or ``None``.
        optimiser: AdamW.
        epoch: finished epochs.
        history: one record per finished epoch.
    """

    network: Network
    average: Network | None
    optimiser: torch.optim.AdamW
    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, network: Network, settings: NetworkConfig, *, averaged: bool) -> Self:
        """The state before the first epoch. Vectors (biases, norms) do not decay."""
        matrices = [p for p in network.parameters() if p.ndim > 1]
        vectors = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
        average = copy.deepcopy(network).requires_grad_(False).eval() if averaged else None
        return cls(network, average, optimiser)

    @property
    def result(self) -> Network:
        """The network to measure and to keep."""
        return self.network if self.average is None else self.average

    def save(self, path: Path, run: Mapping[str, Any]) -> None:
        """Write the file in one stroke; ``run`` tells what run it belongs to, JSON-ready."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        state = self.optimiser.state_dict()
        for index, moments in state["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        account = {
            "epoch": self.epoch,
            "groups": state["param_groups"],
            "history": self.history,
            "run": dict(run),
        }
        write_atomically(path, save(tensors, {"account": json.dumps(account)}))

    def restore(self, saved: SavedState) -> None:
        """Take over a saved state of the same network."""
        self.network.load_state_dict(saved.part("network."))
        if self.average is not None:
            self.average.load_state_dict(saved.part("average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in saved.part("optimiser.").items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = tensor
        self.optimiser.load_state_dict({"state": moments, "param_groups": saved.account["groups"]})
        self.epoch, self.history = saved.account["epoch"], list(saved.account["history"])
