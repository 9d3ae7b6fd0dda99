"""The method for large tables: a transformer over the environments of the atoms, as the potential sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from wyckforge.data.material import Material
from wyckforge.models.forward.architecture import LAST_ELEMENT, lacks_structure, too_heavy
from wyckforge.models.forward.descriptors import OF_GENE, of_gene
from wyckforge.models.forward.environments import EncodedEnvironments, EnvironmentTransformer
from wyckforge.models.forward.regressor import Standardiser
from wyckforge.potential.cache import environments
from wyckforge.potential.environments import FEATURES, SHELLS, Environments
from wyckforge.train.artefact import stated_size, with_weights
from wyckforge.train.calibration import Votes
from wyckforge.train.forward.loop import Lesson, answers, learn
from wyckforge.train.forward.method import Arrays, Fitted, Floats, Method, Task, part_of
from wyckforge.train.forward.rule import Rule

MEMBERS = 4
"""Networks, which differ in their seed."""

_LINEAR = LAST_ELEMENT + 1
"""What the rule sees: atomic fractions, and the energy."""


_CONTEXT = OF_GENE + LAST_ELEMENT + _LINEAR + 2
"""What the networks see of a whole crystal, beside what the rule says."""


class _Seen(NamedTuple):
    """Materials as they are read: environments, and (n, _LINEAR) and (n, _CONTEXT) numbers about the whole crystal."""

    environments: list[Environments]
    linear: Floats
    context: Floats


@dataclass(frozen=True, eq=False)
class EnvironmentsMethod(Method):
    """A linear rule and, on what it leaves, an ensemble of transformers.

    Attributes:
        rule: on atomic fractions and CHGNet's energy.
        features: scaling of the features of an environment.
        context: scaling of the descriptors of a crystal.
        networks: of the ensemble.
        sizes: of each.
    """

    rule: Rule
    features: Standardiser
    context: Standardiser
    networks: tuple[nn.Module, ...]
    sizes: EnvironmentTransformer

    kind = "environments"

    @property
    def needs_structure(self) -> bool:
        """A gene is not enough."""
        return True

    @property
    def outputs(self) -> int:
        """Number of properties."""
        return len(self.rule.spread)

    def problem(self, material: Material) -> str | None:
        """Why it cannot be asked about a material."""
        return cannot_see(material)

    def votes(self, materials: Sequence[Material]) -> list[Votes]:
        """What the networks say."""
        seen = _see(materials, shown=False)
        encoded = _encoded(seen, self.features, self.context, self.rule)
        return _votes(self.networks, encoded, torch.arange(len(materials)), seen, self.rule)

    def to_parts(self) -> tuple[dict[str, Any], Arrays]:
        """Sizes, and all arrays under the name of the part they belong to."""
        arrays: Arrays = {f"rule.{name}": array for name, array in self.rule.to_arrays().items()}
        arrays |= {f"features.{name}": array for name, array in self.features.to_arrays().items()}
        arrays |= {f"context.{name}": array for name, array in self.context.to_arrays().items()}
        for number, network in enumerate(self.networks):
            arrays |= {f"network.{number}.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}
        stated = {
            "outputs": len(self.rule.spread),
            "networks": len(self.networks),
            "width": self.sizes.width,
            "layers": self.sizes.layers,
        }
        return stated, arrays

    @classmethod
    def from_parts(cls, index: Mapping[str, Any], arrays: Arrays) -> Self:
        """Inverse of :meth:`to_parts`."""
        outputs, count, width, layers = (
            stated_size(name, index[name]) for name in ("outputs", "networks", "width", "layers")
        )
        rule = Rule.from_arrays(part_of(arrays, "rule."), inputs=_LINEAR, outputs=outputs)
        features = Standardiser.from_arrays(part_of(arrays, "features."), inputs=FEATURES)
        context = Standardiser.from_arrays(part_of(arrays, "context."), inputs=_CONTEXT + outputs)
        sizes = EnvironmentTransformer(features.kept, context.kept, width, layers)
        networks = [
            with_weights(lambda: sizes.network(outputs), part_of(arrays, f"network.{number}."))
            for number in range(count)
        ]
        return cls(rule, features, context, tuple(networks), sizes)


def cannot_see(material: Material) -> str | None:
    """Why the method cannot learn from a material or be asked about it, in words, or ``None``."""
    return lacks_structure(material) or too_heavy(material)


def fit_environments(task: Task) -> Fitted[EnvironmentsMethod]:
    """Fit the rule and then the networks to the training part; the validation part tells the errors."""
    seen = _see(task.materials, shown=task.shown)
    labels, zero_inflated, train = task.scaled(), task.zero_inflated(), task.train
    rule = Rule.fit(seen.linear[train], labels[train], zero_inflated)
    features = Standardiser.fit(np.concatenate([seen.environments[row].features for row in train]))
    context = Standardiser.fit(_with_rule(seen, rule)[train])
    encoded = _encoded(seen, features, context, rule)
    lesson = Lesson(
        encoded,
        torch.from_numpy(rule.left(seen.linear, labels).astype(np.float32)),
        torch.from_numpy(zero_inflated),
        train=torch.from_numpy(train),
        val=torch.from_numpy(task.val[:0]),
    )
    sizes = EnvironmentTransformer(features.kept, context.kept)
    with tqdm(total=MEMBERS * sizes.pace.epochs, desc="environments", disable=not task.shown) as bar:
        networks = tuple(
            learn(sizes.network, lesson, sizes.pace, seed=task.seed * MEMBERS + number, tick=bar.update)
            for number in range(MEMBERS)
        )
    votes = _votes(networks, encoded, torch.from_numpy(task.val), seen, rule)
    return Fitted(EnvironmentsMethod(rule, features, context, networks, sizes), task.val, votes)


def _see(materials: Sequence[Material], *, shown: bool) -> _Seen:
    cells = [material.known_structure.primitive for material in materials]
    found = environments(cells, shown=shown)
    fractions = np.zeros((len(materials), LAST_ELEMENT))
    for row, material in enumerate(materials):
        for number, count in material.gene.composition.items():
            fractions[row, number - 1] = count / material.gene.n_atoms
    energy = np.array([np.nan if one is None else one.energy for one in found])
    volume = np.array([np.nan if one is None else one.volume for one in found])
    linear = np.column_stack([fractions, energy])
    described = np.array([of_gene(material.gene) for material in materials])
    context = np.column_stack([described, np.sqrt(fractions), linear, volume, np.log(volume)])
    return _Seen([one or _unseen(share) for one, share in zip(found, fractions, strict=True)], linear, context)


def _unseen(fractions: Floats) -> Environments:
    """Fills the place of the environments of a crystal about which CHGNet has no answer."""
    present = np.flatnonzero(fractions)
    k = len(present)
    nothing = np.full((k, FEATURES), np.nan)
    return Environments(present + 1, fractions[present], nothing, np.zeros((k, k, SHELLS)), np.nan, np.nan)


def _with_rule(seen: _Seen, rule: Rule) -> Floats:
    return np.hstack([seen.context, rule.says(seen.linear)])


def _encoded(seen: _Seen, features: Standardiser, context: Standardiser, rule: Rule) -> EncodedEnvironments:
    described = features(np.concatenate([one.features for one in seen.environments]))
    return EncodedEnvironments.of(seen.environments, described, context(_with_rule(seen, rule)))


def _votes(
    networks: Sequence[nn.Module], encoded: EncodedEnvironments, rows: torch.Tensor, seen: _Seen, rule: Rule
) -> list[Votes]:
    """What every network says about rows, with what the rule says of them; NaN without an answer of CHGNet."""
    linear = seen.linear[rows.numpy()]
    heads = [rule.joined(linear, answers(network, encoded, rows).double().numpy()) for network in networks]
    said = np.stack(heads, 1)
    said[:, :, ~np.isfinite(linear).all(1)] = np.nan
    return [Votes(*column) for column in said.transpose(3, 0, 1, 2)]
