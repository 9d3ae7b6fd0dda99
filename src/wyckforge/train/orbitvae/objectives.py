"""What the networks learn, and how well they do on crystals that they do not learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wyckforge.data.property_scale import PropertyScale
from wyckforge.models.orbitvae.autoencoder import AutoencoderConfig, OrbitVAE, condition_of, with_noise
from wyckforge.models.orbitvae.descriptions import described_anew
from wyckforge.models.orbitvae.predictor import Heads, PredictorConfig, Pupil, geometry_loss, predictor_loss
from wyckforge.train.orbitvae.config import AutoencoderSettings, PredictorSettings
from wyckforge.train.orbitvae.data import OTHER, Crystals, OrbitData
from wyckforge.train.orbitvae.world import World

_VALIDATION_BATCH = 512
_SMALL_LEVEL = 0.15

Network = TypeVar("Network", bound=nn.Module)


class Objective(Protocol[Network]):
    """A network to train."""

    def build(self) -> Network:
        """The network with weights from the global generator."""
        ...

    def losses(self, network: Network, batch: Crystals, generator: torch.Generator, world: World) -> dict[str, Tensor]:
        """Terms of the loss of a batch, a scalar each; ``loss`` is what is minimised.

        Args:
            network: it computes the own share of the batch.
            batch: the whole batch.
            generator: source of noise, in the same state in all processes.
            world: the processes that share the batch.
        """
        ...

    def validate(self, network: Network) -> dict[str, float]:
        """Figures on the validation part."""
        ...


class AutoencoderObjective:
    """Likelihood of genes at all noise levels, a bounded latent, and properties told by the latent."""

    def __init__(self, settings: AutoencoderSettings, data: OrbitData, max_sites: int, world: World) -> None:
        self.settings, self.data, self.device = settings, data, world.device
        self.max_sites = max_sites
        self.n_targets = len(data.targets)
        self.zero_inflated = data.zero_inflated[: self.n_targets].to(self.device)
        self.validation = data.val.to(self.device)

    def build(self) -> OrbitVAE:
        """See :class:`Objective`."""
        settings = self.settings
        elements, features = self.data.features.shape
        sizes = AutoencoderConfig(
            elements,
            features,
            self.data.targets,
            width=settings.width,
            latent=settings.latent,
            layers=settings.layers,
            heads=settings.heads,
            max_sites=self.max_sites,
        )
        network = OrbitVAE(sizes)
        network.embedding.describe_elements(self.data.features)
        return network

    def losses(self, network: OrbitVAE, batch: Crystals, generator: torch.Generator, world: World) -> dict[str, Tensor]:
        """See :class:`Objective`."""
        n, own = batch.size, world.share(batch.size)
        chance = self._chances(n, generator)
        part, mine = batch.rows(own), _Chances(*(each[own] for each in chance))
        z = network.encode(part.orbits)
        condition = condition_of(part.labels[:, : self.n_targets], mine.told)
        scores = network.score(part.orbits, with_noise(z, mine.level, mine.noise), mine.level, condition)
        heads = network.predict(z + self.settings.property_noise * mine.blur)
        per_gene = torch.stack([-scores.group, -scores.orbits.sum(1), 0.5 * z.float().square().mean(1)], 1)
        group, orbits, kl = world.gather(per_gene, n).mean(0)
        whole = Heads(*world.gather(heads.float(), n).unbind(-1))
        weights = torch.ones(self.n_targets, device=self.device)
        properties = predictor_loss(whole, batch.labels[:, : self.n_targets], self.zero_inflated, weights)
        loss = group + orbits + self.settings.kl_weight * kl + self.settings.property_weight * properties
        return {"loss": loss, "group": group, "orbits": orbits, "kl": kl, "properties": properties}

    @torch.no_grad()
    def validate(self, network: OrbitVAE) -> dict[str, float]:
        """Reconstruction of the posterior mean, and negative log-likelihoods of the decoder without a latent.

        Elements, letters and group are right if the likeliest ones are the true ones at all places; ``exact`` counts
        the genes with all three.
        """
        generator = torch.Generator().manual_seed(0)
        rows = []
        for batch in _by_length(self.validation):
            n, labels = batch.size, batch.labels[:, : self.n_targets]
            nothing, everything = (torch.full(labels.shape, told, device=self.device) for told in (False, True))
            start, end = torch.zeros(n, device=self.device), torch.ones(n, device=self.device)
            noise = torch.randn(n, self.settings.latent, generator=generator).to(self.device)
            right = network.score(
                batch.orbits, network.encode(batch.orbits), start, condition_of(labels, nothing)
            ).right
            free, asked = (
                -network.score(batch.orbits, noise, end, condition_of(labels, told)).total
                for told in (nothing, everything)
            )
            rows.append(torch.cat([right, right.all(1, keepdim=True), torch.stack([free, asked], 1)], 1))
        names = ("elements", "letters", "group", "exact", "nll", "nll_conditional")
        return dict(zip(names, torch.cat(rows).double().mean(0).tolist(), strict=True))

    def _chances(self, n: int, generator: torch.Generator) -> _Chances:
        """Everything random about n genes, the same in all processes."""
        settings = self.settings
        kind, level = torch.rand(2, n, generator=generator)
        level = torch.where(kind < settings.small_noise, _SMALL_LEVEL * level, level)
        level = torch.where(kind >= 1 - settings.full_noise, 1.0, level)
        told = torch.rand(n, self.n_targets, generator=generator) >= settings.condition_dropout
        noise, blur = torch.randn(2, n, settings.latent, generator=generator)
        return _Chances(*(each.to(self.device) for each in (level, told, noise, blur)))


class _Chances(NamedTuple):
    """Noise levels (n,), properties told (n, t), noise of the decoder and of the property heads (n, latent)."""

    level: Tensor
    told: Tensor
    noise: Tensor
    blur: Tensor


class PredictorObjective:
    """Properties of genes, each shown in a random description at every visit (Wyckoff augmentation)."""

    def __init__(self, settings: PredictorSettings, data: OrbitData, world: World) -> None:
        self.settings, self.data, self.device = settings, data, world.device
        self.zero_inflated = data.zero_inflated.to(self.device)
        self.weights = torch.tensor([self._weight(name) for name in data.outputs], device=self.device)
        self.validation = data.val.to(self.device)

    def build(self) -> Pupil:
        """See :class:`Objective`."""
        settings = self.settings
        elements, features = self.data.features.shape
        sizes = PredictorConfig(
            elements,
            features,
            self.data.outputs,
            width=settings.width,
            layers=settings.layers,
            dropout=settings.dropout,
        )
        network = Pupil(sizes, self.data.train.geometry.shape[1])
        network.predictor.embedding.describe_elements(self.data.features)
        return network

    def losses(self, network: Pupil, batch: Crystals, generator: torch.Generator, world: World) -> dict[str, Tensor]:
        """See :class:`Objective`."""
        chances = torch.rand(batch.size, generator=generator).to(self.device)
        own = world.share(batch.size)
        heads, guessed = network(described_anew(batch.orbits, chances).rows(own))
        whole = Heads(*world.gather(torch.stack(heads, -1), batch.size).unbind(-1))
        properties = predictor_loss(whole, batch.labels, self.zero_inflated, self.weights)
        geometry = geometry_loss(world.gather(guessed, batch.size), batch.geometry)
        loss = properties + self.settings.geometry_weight * geometry
        return {"loss": loss, "properties": properties, "geometry": geometry}

    @torch.no_grad()
    def validate(self, network: Pupil) -> dict[str, float]:
        """Mean absolute errors in physical units; see :func:`property_figures`."""
        heads, labels = [], []
        for batch in _by_length(self.validation):
            heads.append(torch.stack(network.predictor(batch.orbits), -1))
            labels.append(batch.labels)
        said, true = torch.cat(heads).cpu().double().numpy(), torch.cat(labels).cpu().double().numpy()
        return {
            f"{name}_{figure}": value
            for column, name in enumerate(self.data.targets)
            for figure, value in property_figures(
                self.data.scales[name], said[:, column, 0], said[:, column, 2], true[:, column]
            ).items()
        }

    def _weight(self, output: str) -> float:
        weight = self.settings.weights.get(output.removesuffix(OTHER), 1.0)
        return weight * self.settings.other_weight if output.endswith(OTHER) else weight


def property_figures(
    scale: PropertyScale, location: NDArray[np.float64], zero: NDArray[np.float64], labels: NDArray[np.float64]
) -> dict[str, float]:
    """How good predictions of one property are.

    For a zero-inflated property, zero is predicted where it is the likelier case: ``mae`` is that of all labels, with
    this zero; ``nonzero_mae`` that of the locations at labels other than zero, as if known not to be zero;
    ``zero_precision`` and ``zero_recall`` judge the zeros. A figure without a label to measure it is left out.

    Args:
        scale: of the property.
        location: (n,) scaled.
        zero: (n,) log-odds.
        labels: (n,) scaled, NaN where missing.
    """
    known = ~np.isnan(labels)
    location, zero, labels = location[known], zero[known], labels[known]
    error = np.abs(_physical(scale, location) - _physical(scale, labels))
    if not scale.zero_inflated:
        return {"mae": float(error.mean())}
    is_zero, said_zero = labels == 0, zero > 0
    found = {"mae": float(np.where(said_zero, np.abs(_physical(scale, labels)), error).mean())}
    for name, part in {
        "nonzero_mae": error[~is_zero],
        "zero_precision": is_zero[said_zero],
        "zero_recall": said_zero[is_zero],
    }.items():
        if len(part):
            found[name] = float(part.mean())
    return found


def _physical(scale: PropertyScale, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.exp(scale.inverse(scaled)) if scale.logarithmic else scale.inverse(scaled)
    return np.maximum(values, 0) if scale.non_negative else values


def _by_length(crystals: Crystals) -> Iterator[Crystals]:
    """All crystals in batches, those with as many orbits together."""
    for index in crystals.lengths.argsort(stable=True).split(_VALIDATION_BATCH):
        yield crystals.rows(index)
