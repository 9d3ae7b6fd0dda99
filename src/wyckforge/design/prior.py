"""The conditional prior: genes asked for by their properties, without seeds and without a dataset.

What is asked for is drawn from the labels of the training crystals inside the target, so that combinations of
properties that belong together are asked for together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wyckforge.design.claims import joint, laplace, probabilities
from wyckforge.design.experience import ENOUGH, inside, pool_of
from wyckforge.models.orbitvae.grammar import Grammar
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

Floats = NDArray[np.float64]


def draw_prior(
    model: OrbitCheckpoint,
    target: Target,
    n: int,
    rng: np.random.Generator,
    *,
    conditional: bool = True,
    temperature: float = 1.0,
    guidance: float = 0.0,
    grammar: Grammar | None = None,
) -> list[WyckoffGene]:
    """n genes from p(gene | properties), all of them inside the hard constraints of the target.

    Args:
        model: the generator.
        target: what is asked for.
        n: decodes.
        rng: the only source of randomness.
        conditional: whether to ask for the properties; without, the hard constraints hold all the same.
        temperature: of the choices.
        guidance: above 0, the properties weigh more than they do in the training crystals.
        grammar: of the target, if it is at hand.

    Raises:
        TargetError: no gene meets the hard constraints.
    """
    return model.decode(
        np.zeros((n, model.autoencoder.config.latent), np.float32),
        rng=rng,
        level=1.0,
        wanted=wishes(model, target, n, rng) if conditional else None,
        grammar=grammar or model.grammar(target),
        temperature=temperature,
        guidance=guidance,
    )


def wishes(model: OrbitCheckpoint, target: Target, n: int, rng: np.random.Generator) -> Floats:
    """(n, conditions) properties to ask for, physical units; NaN where the target does not care.

    Rows of training labels inside the target are drawn by the probability that a gene made for them, with the model's
    error, still lies inside: the middle of an interval is asked for more often than its edges. Where fewer than
    :data:`~wyckforge.design.experience.ENOUGH` rows lie inside, the nearest ones are moved to its border, as far as
    labels reach.
    """
    wanted = np.full((n, len(model.conditions)), np.nan)
    names, labels = pool_of(model, target)
    if not names or not len(labels):
        return wanted
    chosen = labels[inside(target, names, labels)]
    if len(chosen) < ENOUGH:
        chosen = np.concatenate([chosen, _nearest(target, names, labels)])
    around = {name: laplace(chosen[:, k], model.errors[name]) for k, name in enumerate(names)}
    asked = Target(properties={name: target.properties[name] for name in names})
    weights = joint(probabilities(around, asked), len(chosen)) + 1e-9
    rows = rng.choice(len(chosen), n, p=weights / weights.sum())
    wanted[:, [model.conditions.index(name) for name in names]] = chosen[rows]
    return wanted


def _nearest(target: Target, names: tuple[str, ...], labels: Floats) -> Floats:
    """The rows nearest to the target, moved to its border, but never beyond all labels."""
    low, high = (np.array([getattr(target.properties[name], side) for name in names]) for side in ("low", "high"))
    deviation = labels.std(axis=0) + 1e-12
    apart = np.maximum(low - labels, 0) + np.maximum(labels - high, 0)
    nearest = np.argsort(((apart / deviation) ** 2).sum(axis=1), kind="stable")[:ENOUGH]
    return np.clip(np.clip(labels[nearest], low, high), labels.min(axis=0), labels.max(axis=0))
