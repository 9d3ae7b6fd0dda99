"""A generator that can be asked for new properties, made from one that cannot, without the data it learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from wyckforge.models.orbitvae.autoencoder import OrbitVAE, condition_of, with_noise
from wyckforge.models.orbitvae.predictor import Heads, predictor_loss
from wyckforge.train.orbitvae.config import NetworkConfig
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune_predictor import Tick, descend
from wyckforge.train.orbitvae.loop import n_batches, plan_batches, set_pace
from wyckforge.train.orbitvae.state import NetworkState


class GeneratorTuning(NetworkConfig):
    """How a generator learns to be told a new property."""

    samples: int = Field(10_000, ge=1, description="genes drawn from the generator itself to learn from")
    epochs: int = Field(4, ge=1, description="passes over these genes and those with labels")
    batch_size: int = Field(64, ge=2, description="genes per update, roughly: batches are of equal size")
    learning_rate: float = Field(1e-2, gt=0, description="highest, reached after the warm-up")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW, on matrices")
    condition_dropout: float = Field(0.4, ge=0, lt=1, description="share of the properties that are not told")
    full_noise: float = Field(0.8, ge=0, le=1, description="share of the genes with noise level 1; the rest has any")
    property_weight: float = Field(0.3, ge=0, description="of the loss of the properties that the latent tells")
    property_noise: float = Field(0.1, ge=0, description="standard deviation of the noise on what they are told from")


def with_conditions(base: OrbitVAE, names: Sequence[str]) -> OrbitVAE:
    """A copy of a generator that has places for more properties and, as long as these are not told, does the same.

    The columns that read the new properties and the rows that predict them from the latent begin at zero.
    """
    old, new = len(base.config.targets), len(base.config.targets) + len(names)
    grown = OrbitVAE(replace(base.config, targets=(*base.config.targets, *names)))
    state = dict(base.state_dict())
    reads = state["read_condition.0.weight"]
    wide = torch.zeros(len(reads), 4, new)
    wide[..., :old] = reads[:, 1:].view(len(reads), 4, old)
    state["read_condition.0.weight"] = torch.cat([reads[:, :1], wide.flatten(1)], 1)
    for name in ("properties.2.weight", "properties.2.bias"):
        rows = state[name]
        state[name] = torch.cat([rows, rows.new_zeros(3 * (new - old), *rows.shape[1:])])
    grown.load_state_dict(state)
    return grown


def finetune_generator(
    generator: OrbitVAE,
    crystals: Crystals,
    zero_inflated: Tensor,
    settings: GeneratorTuning,
    *,
    seed: int,
    tick: Tick,
) -> OrbitVAE:
    """A copy of a generator that has learned what properties genes have; the given one stays as it is.

    What reads the wanted properties and what tells them from the latent learns, nothing else: the encoder, and what the
    decoder makes of a latent, stay. Most genes are the generator's own, so that what it makes when nothing is told
    hardly changes.

    Args:
        generator: with places for all properties, see :func:`with_conditions`.
        crystals: genes with scaled properties (n, t), measured or predicted.
        zero_inflated: (t,) whether a property can be exactly zero.
        settings: how it learns.
        seed: of the order, the noise, and what is told.
        tick: told the passes that are done.
    """
    tuned = OrbitVAE(generator.config)
    tuned.load_state_dict(generator.state_dict())
    tuned.requires_grad_(False)
    for part in (tuned.read_condition, tuned.properties):
        part.requires_grad_(True)
    learning = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    state = NetworkState.begin(tuned, settings, averaged=False)
    source = torch.Generator().manual_seed(seed)
    updates, done = settings.epochs * n_batches(crystals.size, settings.batch_size), 0
    for _ in range(settings.epochs):
        for index in plan_batches(crystals.lengths, settings.batch_size, source):
            set_pace(state.optimiser, settings, done / updates)
            loss = _loss(tuned, crystals.rows(index), zero_inflated, settings, source)
            descend(state.optimiser, learning, loss, settings.clip)
            done += 1
        tick(1)
    return tuned.eval().requires_grad_(False)


def told_likelihoods(generator: OrbitVAE, crystals: Crystals, told: NDArray[np.bool_]) -> Tensor:
    """(n,) log-likelihood of genes without a latent when some of their properties (t,) are told."""
    found = []
    with torch.inference_mode():
        for index in torch.arange(crystals.size).split(512):
            batch = crystals.rows(index)
            noise = torch.randn(batch.size, generator.config.latent, generator=torch.Generator().manual_seed(0))
            given = torch.from_numpy(told).expand(batch.labels.shape)
            condition = condition_of(batch.labels, given)
            found.append(generator.score(batch.orbits, noise, torch.ones(batch.size), condition).total)
    return torch.cat(found)


def _loss(
    generator: OrbitVAE, batch: Crystals, zero_inflated: Tensor, settings: GeneratorTuning, source: torch.Generator
) -> Tensor:
    n, t = batch.labels.shape
    kind, level = torch.rand(2, n, generator=source)
    level = torch.where(kind < settings.full_noise, 1.0, level)
    told = torch.rand(n, t, generator=source) >= settings.condition_dropout
    noise, blur = torch.randn(2, n, generator.config.latent, generator=source)
    with torch.no_grad():
        z = generator.encode(batch.orbits)
    scores = generator.score(batch.orbits, with_noise(z, level, noise), level, condition_of(batch.labels, told))
    heads = Heads(*generator.predict(z + settings.property_noise * blur).unbind(-1))
    properties = predictor_loss(heads, batch.labels, zero_inflated, torch.ones(t))
    return -scores.total.mean() + settings.property_weight * properties
