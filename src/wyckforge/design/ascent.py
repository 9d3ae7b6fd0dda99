"""Up the gradient of the properties in the latent of an OrbitVAE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wyckforge.records import Interval, Target
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

_HALF = math.log(0.5)
_SMALLEST = 1e-12
_FAR = 1e4
_NEIGHBOURS = 8


@dataclass(frozen=True)
class Ascent:
    r"""Raises :math:`\sum_p w_p \log P_p(z) - \lambda\, r(z)` from given points.

    :math:`P_p` is the probability, by the property heads of the latent, that property *p* lies in its interval, and
    :math:`r` a hinge: 1 on a point to avoid, falling to 0 at the distance :attr:`radius`. The steps have equal lengths,
    and no point leaves the ball of radius :attr:`radius` around where it began: that is as far as the noise reaches
    which the decoder is told to expect, so that it reads where the ascent ends as a blurred crystal.

    Attributes:
        model: its autoencoder gives the gradient.
        target: the intervals.
        weights: exponent by property, 1 where not given.
        steps: how many.
        radius: see above, in units of the latent.
        novelty: λ.
    """

    model: OrbitCheckpoint
    target: Target
    weights: Mapping[str, float]
    steps: int
    radius: float
    novelty: float

    def __call__(self, start: Tensor, avoid: Tensor) -> Tensor:
        """(n, latent) where the ascent ends.

        Args:
            start: (n, latent) points.
            avoid: (k, latent) encodings of crystals that are not wanted again.
        """
        near = _nearest(start, avoid) if self.novelty and len(avoid) else None
        z = start.clone()
        for _ in range(self.steps):
            z = z.detach().requires_grad_()
            gradient = torch.autograd.grad(self.objective(z, near).sum(), z)[0]
            length = gradient.norm(dim=1, keepdim=True)
            moved = z.detach() + self.radius / self.steps * gradient / length.clamp(min=_SMALLEST)
            away = moved - start
            z = start + away * (self.radius / away.norm(dim=1, keepdim=True).clamp(min=_SMALLEST)).clamp(max=1)
        return z.detach()

    def objective(self, z: Tensor, near: Tensor | None) -> Tensor:
        """(n,) what is raised, with the encodings (n, k, latent) to keep away from."""
        total = self.log_probability(z)
        if near is None:
            return total
        apart = (z[:, None] - near).pow(2).sum(2).amin(1) / self.radius**2
        return total - self.novelty * F.relu(1 - apart)

    def log_probability(self, z: Tensor) -> Tensor:
        """(n,) weighted sum over the properties of the logarithm of their probability by the latent's own heads."""
        heads = self.model.autoencoder.predict(z)
        total = torch.zeros(len(z))
        for k, name in enumerate(self.model.conditions):
            if name in self.target.properties:
                found = self._one(heads[:, k], name, self.target.properties[name])
                total = total + self.weights.get(name, 1.0) * found
        return total

    def _one(self, heads: Tensor, name: str, interval: Interval) -> Tensor:
        scale = self.model.scales[name]
        low, high = (
            float(scale.transform(np.array([bound]))[0]) if not scale.logarithmic or bound > 0 else -math.inf
            for bound in (interval.low, interval.high)
        )
        if scale.non_negative and not scale.logarithmic and interval.low <= 0:
            low = -math.inf  # what the Laplace distribution has below zero counts as zero
        found = log_inside(heads[:, 0], heads[:, 1], low, high)
        if not scale.zero_inflated:
            return found
        chance = F.logsigmoid(-heads[:, 2]) + found
        return torch.logaddexp(chance, F.logsigmoid(heads[:, 2])) if interval.contains(0) else chance


def _nearest(points: Tensor, others: Tensor) -> Tensor:
    """(n, k, latent) the few of the others that are nearest to each of n points."""
    return others[torch.cdist(points, others).topk(min(_NEIGHBOURS, len(others)), largest=False).indices]


def log_inside(location: Tensor, log_scale: Tensor, low: float, high: float) -> Tensor:
    """(n,) logarithm of the probability of an interval under Laplace distributions, with a gradient everywhere."""
    low, high = max(low, -_FAR), min(high, _FAR)  # an infinite bound has no gradient
    scale = torch.exp(log_scale.clamp(-6, 3))
    below, above = (low - location) / scale, (high - location) / scale
    width = (above - below).clamp(min=1e-6)
    tail = _HALF + torch.log(-torch.expm1(-width))
    outside = tail - torch.maximum(below, -above).clamp(min=0)
    inner = 0.5 * torch.exp(below.clamp(max=0)) + 0.5 * torch.exp(-above.clamp(min=0))
    within = torch.log1p(-inner.clamp(max=1 - 1e-6))
    return torch.where((below > 0) | (above < 0), outside, within)
