"""The processes that train together: each takes its share of every batch, and all end with the same weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.utils import deterministic

from wyckforge.errors import ConfigError


@dataclass(frozen=True)
class World:
    """One of the processes of a run.

    Attributes:
        device: where it computes.
        rank: number of this process.
        size: number of all.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes, measures and speaks."""
        return self.rank == 0

    def share(self, n: int) -> Tensor:
        """Places among n genes of a batch that are this process's own; every size-th, so that all take equally long."""
        return torch.arange(n, device=self.device)[self.rank :: self.size]

    def gather(self, part: Tensor, n: int) -> Tensor:
        """(n, …) results of the whole batch from those of the own share; gradients reach the own ones only.

        A loss that is computed from it has the value and the denominators of the whole batch in every process.
        """
        if self.size == 1:
            return part
        own = part.new_zeros((n, *part.shape[1:])).index_copy(0, self.share(n), part)
        whole = own.detach().clone()
        distributed.all_reduce(whole)
        return own + (whole - own.detach())

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give all processes the sum of their gradients: the gradient of the whole batch."""
        if self.size == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        for parameter, gradient in zip(parameters, together.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = gradient.view_as(parameter)

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The world of this process: alone, or one of those that ``torch.distributed.run`` has started.

    Args:
        device: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.

    Raises:
        ConfigError: a GPU is asked for where there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError('device = "cuda", and this computer has no GPU that torch can use; give "cpu" or "auto"')
    on_gpu = device != "cpu" and torch.cuda.is_available()
    local = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    began = not distributed.is_initialized() and int(os.environ.get("WORLD_SIZE", 1)) > 1
    if on_gpu:
        torch.cuda.set_device(local)
    if began:
        distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        with _repeatable(on_gpu=on_gpu):
            if distributed.is_initialized():
                yield World(local, distributed.get_rank(), distributed.get_world_size())
            else:
                yield World(local)
    finally:
        if began:
            distributed.destroy_process_group()


@contextmanager
def _repeatable(*, on_gpu: bool) -> Iterator[None]:
    """Sums in a fixed order, which on a processor costs next to nothing; a GPU has no such kernels for everything."""
    switch: Any = deterministic  # a module that behaves as an object, which its types do not tell
    before, filled = torch.are_deterministic_algorithms_enabled(), switch.fill_uninitialized_memory
    torch.use_deterministic_algorithms(before or not on_gpu)
    switch.fill_uninitialized_memory = False  # it serves to find errors and takes time
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        switch.fill_uninitialized_memory = filled
