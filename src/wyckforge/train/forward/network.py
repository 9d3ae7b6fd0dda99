"""A published network as the method of a forward model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import Architecture, Encoded
from wyckforge.models.forward.catalogue import PUBLISHED
from wyckforge.train.artefact import stated_size, with_weights
from wyckforge.train.calibration import Votes
from wyckforge.train.forward.loop import Lesson, answers, learn
from wyckforge.train.forward.method import Arrays, Fitted, Method, Task


@dataclass(frozen=True, eq=False)
class NetworkMethod(Method):
    """One network.

    Attributes:
        name: of its architecture in :data:`~wyckforge.models.forward.catalogue.PUBLISHED`.
        network: trained.
        heads: of the network, one per property.
    """

    name: str
    network: nn.Module
    heads: int

    kind = "network"

    @cached_property
    def _architecture(self) -> Architecture:
        return PUBLISHED[self.name]

    @property
    def outputs(self) -> int:
        """Number of properties."""
        return self.heads

    @property
    def needs_structure(self) -> bool:
        """Whether a gene alone is not enough."""
        return self._architecture.needs_structure

    def votes(self, materials: Sequence[Material]) -> list[Votes]:
        """What the network says."""
        encoded = Encoded.of(self._architecture, materials, all_descriptions=False)
        return as_votes(answers(self.network, encoded, torch.arange(len(materials))))

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material."""
        return self._architecture.problem(material)

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """The architecture by name, and the weights."""
        weights = {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}
        return {"architecture": self.name, "outputs": self.heads}, weights

    @classmethod
    def from_parts(cls, index: Mapping[str, Any], arrays: Arrays) -> Self:
        """Inverse of :meth:`to_parts`."""
        name, outputs = str(index["architecture"]), stated_size("outputs", index["outputs"])
        if name not in PUBLISHED:
            raise ValueError(f"architecture {name!r}, known are {', '.join(PUBLISHED)}")
        return cls(name, with_weights(lambda: PUBLISHED[name].network(outputs), arrays), outputs)


def fit_network(name: str, task: Task) -> Fitted[NetworkMethod]:
    """Train a published network; its validation part chooses the epoch and tells its errors."""
    architecture = PUBLISHED[name]
    pace = architecture.pace
    lesson = Lesson(
        Encoded.of(architecture, task.materials, all_descriptions=True),
        torch.from_numpy(task.scaled().astype(np.float32)),
        torch.from_numpy(task.zero_inflated()),
        torch.from_numpy(task.train),
        torch.from_numpy(task.val),
    )
    with tqdm(total=pace.epochs, desc=f"{name:<10}", disable=not task.shown) as bar:
        network = learn(architecture.network, lesson, pace, seed=task.seed, tick=bar.update)
    votes = as_votes(answers(network, lesson.encoded, lesson.val))
    return Fitted(NetworkMethod(name, network, len(task.labels)), task.val, votes)


def as_votes(heads: Tensor) -> list[Votes]:
    """Heads (3, n, t) of one network as votes, one item per property."""
    found = heads.double().numpy()
    return [Votes(*found[:, None, :, column]) for column in range(found.shape[2])]
