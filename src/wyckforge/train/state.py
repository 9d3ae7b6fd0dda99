"""The state of a running training in one file, so that a killed run goes on exactly where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from wyckforge.errors import CheckpointError
from wyckforge.files import write_atomically
from wyckforge.models.mpvae import MPVAE


@dataclass
class RunState:
    """Everything that changes during a run.

    Attributes:
        model: the network.
        generator: the one source of randomness.
        optimiser: of the current step.
        schedule: of the current step.
        step: name of the current step.
        epoch: finished epochs of the current step.
        config: resolved configuration of the run.
        table_hash: content hash of the table that it learns from.
        history: one record per finished epoch.
    """

    model: MPVAE
    generator: torch.Generator
    optimiser: Optimizer
    schedule: LRScheduler
    step: str
    epoch: int
    config: Mapping[str, Any]
    table_hash: str
    history: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the file in one stroke: after a kill, the old or the new state is there, never a part of one."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in moments.items()}
        tensors["generator"] = self.generator.get_state()
        account = {
            "step": self.step,
            "epoch": self.epoch,
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "schedule": self.schedule.state_dict(),
            "config": self.config,
            "table_hash": self.table_hash,
            "history": self.history,
        }
        write_atomically(path, save(tensors, {"account": json.dumps(account)}))

    def restore(self, saved: SavedState) -> None:
        """Take over a saved state of the same step; the optimiser must hold the same parameters."""
        self.model.load_state_dict(saved.part("model."))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in saved.part("optimiser.").items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        groups[0]["lr"] = saved.account["learning_rate"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.schedule.load_state_dict(saved.account["schedule"])
        self.generator.set_state(saved.tensors["generator"])
        self.epoch = saved.account["epoch"]


@dataclass(frozen=True)
class SavedState:
    """A file of :meth:`RunState.save`, read.

    Attributes:
        tensors: everything numeric.
        account: everything else.
    """

    tensors: Mapping[str, Tensor]
    account: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a state.

        Raises:
            CheckpointError: absent, truncated or foreign.
        """
        try:
            with safe_open(path, framework="pt") as file:
                names = file.keys()
                return cls({name: file.get_tensor(name) for name in names}, json.loads(file.metadata()["account"]))
        except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} is not the state of a run ({error}); start the run anew") from None

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose name begins with ``prefix``, by the rest of the name."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}
