"""The multi-property variational autoencoder of Wyckoff genes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

N_SPACE_GROUPS = 230


@dataclass(frozen=True, slots=True)
class MPVAEConfig:
    """Sizes of the network; the defaults are the published ones.

    Attributes:
        rows: rows of the Wyckoff array X.
        max_elements: columns of X, the channels of the first convolution.
        targets: names of the properties, one branch each.
        filters: channels of the three convolutions; the decoder runs them backwards.
        kernels: their widths in rows.
        strides: their steps in rows.
        dense: units between the convolutions and the latent space.
        latent: dimensions of the latent space.
        group: units of the space-group branch, widest first.
        branch: hidden units of each property branch.
    """

    rows: int
    max_elements: int
    targets: tuple[str, ...]
    filters: tuple[int, ...] = (32, 64, 128)
    kernels: tuple[int, ...] = (5, 3, 3)
    strides: tuple[int, ...] = (2, 2, 1)
    dense: int = 1024
    latent: int = 256
    group: tuple[int, int] = (256, 128)
    branch: tuple[int, int] = (128, 32)


class Output(NamedTuple):
    """What one pass returns, for n genes.

    Attributes:
        x: (n, rows, max_elements) decoded Wyckoff array.
        group_logits: (n, 230) unnormalised log-probabilities of the space groups.
        mean: (n, latent) posterior mean.
        log_variance: (n, latent) logarithm of the posterior variance.
        properties: (n, n_targets) predictions on the min-max scale, 0 to 1.
    """

    x: Tensor
    group_logits: Tensor
    mean: Tensor
    log_variance: Tensor
    properties: Tensor


class MPVAE(nn.Module):
    """Encoder and decoder of (X, space group), with one property branch per target on the latent mean.

    Source: Yamazaki et al., "Multi-property directed generative design of inorganic materials through
    Wyckoff-augmented transfer learning", Methods.
    """

    def __init__(self, config: MPVAEConfig) -> None:
        super().__init__()
        self.config = config
        lengths = [config.rows]
        for stride in config.strides:
            lengths.append(-(-lengths[-1] // stride))
        layers = list(zip(config.kernels, config.strides, strict=True))
        channels = [config.max_elements, *config.filters]

        self.encoder_x = nn.Sequential()
        for i, (kernel, stride) in enumerate(layers):
            self.encoder_x.append(nn.Conv1d(channels[i], channels[i + 1], kernel, stride, padding=kernel // 2))
            self.encoder_x.extend((nn.BatchNorm1d(channels[i + 1]), nn.ReLU()))
        self.encoder_x.append(nn.Flatten())
        self.encoder_group = _mlp(N_SPACE_GROUPS, *config.group)
        self.encoder_dense = _mlp(channels[-1] * lengths[-1] + config.group[1], config.dense)
        self.encoder_latent = nn.Linear(config.dense, 2 * config.latent)

        self.decoder_x = nn.Sequential(
            *_mlp(config.latent, channels[-1] * lengths[-1]), nn.Unflatten(1, (channels[-1], lengths[-1]))
        )
        for i, (kernel, stride) in reversed(list(enumerate(layers))):
            extra = lengths[i] - ((lengths[i + 1] - 1) * stride - 2 * (kernel // 2) + kernel)
            self.decoder_x.append(
                nn.ConvTranspose1d(channels[i + 1], channels[i], kernel, stride, kernel // 2, output_padding=extra)
            )
            if i:
                self.decoder_x.extend((nn.BatchNorm1d(channels[i]), nn.ReLU()))
        self.decoder_group = nn.Sequential(
            *_mlp(config.latent, *reversed(config.group)), nn.Linear(config.group[0], N_SPACE_GROUPS)
        )
        self.branches = nn.ModuleDict(
            {
                name: nn.Sequential(*_mlp(config.latent, *config.branch), nn.Linear(config.branch[1], 1), nn.Sigmoid())
                for name in config.targets
            }
        )

    def encode(self, x: Tensor, group: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and log-variance, (n, latent) each, from X and zero-based space groups (n,)."""
        one_hot = nn.functional.one_hot(group, N_SPACE_GROUPS).to(x.dtype)
        hidden = torch.cat((self.encoder_x(x.transpose(1, 2)), self.encoder_group(one_hot)), dim=1)
        mean, log_variance = self.encoder_latent(self.encoder_dense(hidden)).float().chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Wyckoff array (n, rows, max_elements) and space-group logits (n, 230) of latent vectors (n, latent)."""
        return self.decoder_x(z).float().transpose(1, 2), self.decoder_group(z).float()

    def predict(self, mean: Tensor) -> Tensor:
        """Properties of latent means (n, latent) on the min-max scale, (n, n_targets)."""
        return torch.cat([branch(mean) for branch in self.branches.values()], dim=1).float()

    def forward(self, x: Tensor, group: Tensor, noise: Tensor | None = None) -> Output:
        """Encode, perturb by ``noise`` (n, latent) in units of the posterior deviation, decode and predict."""
        mean, log_variance = self.encode(x, group)
        z = mean if noise is None else mean + noise * torch.exp(0.5 * log_variance)
        return Output(*self.decode(z), mean, log_variance, self.predict(mean))


def _mlp(*sizes: int) -> nn.Sequential:
    layers = nn.Sequential()
    for n_in, n_out in pairwise(sizes):
        layers.extend((nn.Linear(n_in, n_out), nn.ReLU()))
    return layers
