"""The losses of the MPVAE: sums over one crystal, averaged over the batch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from wyckforge.models.mpvae import Output
from wyckforge.settings import Settings

PUBLISHED_BATCH = 512
"""The published weights multiply sums over this many crystals; here they multiply ``512 x`` batch means instead."""


class LossWeights(Settings):
    """Published weights of the five terms.

    Reconstruction, group, property and Wyckoff weights belong to sums over a batch of 512 crystals, the KL weight to
    the mean over the batch and over the latent dimensions. With means times 512 in place of sums, the balance is the
    published one at any batch size.
    """

    reconstruction: float = Field(1 / 64, ge=0, description="squared error of the Wyckoff array")
    group: float = Field(1 / 6, ge=0, description="cross-entropy of the space group")
    kl: float = Field(4.0, ge=0, description="divergence of the posterior from the unit Gaussian")
    property: float = Field(32.0, ge=0, description="squared error of the min-max scaled properties")
    wyckoff: float = Field(1 / 256, ge=0, description="squared error of the formula implied by the decoded sites")


class Losses(NamedTuple):
    """The five terms, unweighted scalars: means over the batch of sums over one crystal (KL: mean over latents)."""

    reconstruction: Tensor
    group: Tensor
    kl: Tensor
    property: Tensor
    wyckoff: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """The weighted sum that training minimises."""
        summed = (
            weights.reconstruction * self.reconstruction
            + weights.group * self.group
            + weights.property * self.property
            + weights.wyckoff * self.wyckoff
        )
        return PUBLISHED_BATCH * summed + weights.kl * self.kl


def losses(output: Output, x: Tensor, group: Tensor, properties: Tensor, multiplicity: Tensor) -> Losses:
    """All five terms.

    Args:
        output: what the network returned.
        x: (n, rows, max_elements) true Wyckoff array; its last rows are the site occupation, one per letter.
        group: (n,) true zero-based space groups.
        properties: (n, n_targets) true properties on the min-max scale, NaN where the label is missing.
        multiplicity: (230, n_letters) multiplicity of every Wyckoff position, 0 where the letter does not exist.
    """
    labelled = ~torch.isnan(properties)
    error = (output.properties - torch.nan_to_num(properties)) * labelled
    divergence = 0.5 * (output.mean.square() + output.log_variance.exp() - 1 - output.log_variance)
    letters = multiplicity.shape[1]
    return Losses(
        reconstruction=(output.x - x).square().sum((1, 2)).mean(),
        group=functional.cross_entropy(output.group_logits, group),
        kl=divergence.mean(),
        property=error.square().sum(1).mean(),
        wyckoff=formula_error(output.x[:, -letters:], x[:, -letters:], multiplicity[group]).mean(),
    )


def formula_error(decoded: Tensor, true: Tensor, multiplicity: Tensor) -> Tensor:
    """Squared error of the formula that the decoded sites imply, (n,).

    The atoms of each element are occupation times multiplicity in the true group, summed over the letters, as
    fractions of the true number of atoms in the cell. Everything is soft, so that the decoder learns from it.

    Args:
        decoded: (n, n_letters, max_elements) decoded site occupation.
        true: (n, n_letters, max_elements) true site occupation.
        multiplicity: (n, n_letters) multiplicities in the true space group.
    """
    weight = multiplicity.unsqueeze(2)
    atoms = (weight * true).sum(1)
    missing = (weight * (decoded - true)).sum(1)
    return (missing / atoms.sum(1, keepdim=True)).square().sum(1)
