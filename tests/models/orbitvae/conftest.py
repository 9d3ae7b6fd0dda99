from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from wyckforge.models.orbitvae.autoencoder import AutoencoderConfig, OrbitVAE
from wyckforge.models.orbitvae.predictor import Predictor, PredictorConfig
from wyckforge.models.orbitvae.vocabulary import Orbits, Vocabulary
from wyckforge.symmetry.gene import WyckoffGene

TEXTS = (
    "221|O:c|Ti:b|Sr:a",
    "225|Na:a|Cl:b",
    "225|Cl:c|K:b|Na:a",
    "216|Zn:a|S:c",
    "152|Si:a|O:c",
    "62|O:cd|Ti:b|Ca:c",
    "194|Zn:c|O:f|S:d|K:a",
    "166|Li:a|Ti:b|S:c",
    "14|Zr:e|O:ee",
    "1|O:aaaa|Si:aa",
    "47|O:A",
)


class Small(NamedTuple):
    """Random networks in evaluation mode, and genes that they can hold."""

    genes: list[WyckoffGene]
    vocabulary: Vocabulary
    orbits: Orbits
    autoencoder: OrbitVAE
    predictor: Predictor


@pytest.fixture(scope="session")
def small() -> Small:
    genes = [WyckoffGene.parse(text) for text in TEXTS]
    vocabulary = Vocabulary.of(genes)
    n = len(vocabulary.elements)
    targets = ("formation_energy", "band_gap")
    sizes = AutoencoderConfig(n, 5, targets, width=24, latent=16, layers=2, heads=2)
    torch.manual_seed(0)
    networks = OrbitVAE(sizes), Predictor(PredictorConfig(n, 5, targets, 32, 2))
    features = np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)
    for network in networks:
        network.embedding.describe_elements(features)
        shake(network)
        network.eval().requires_grad_(False)
    return Small(genes, vocabulary, vocabulary.encode(genes), *networks)


def shake(network: nn.Module) -> None:
    """Move weights that begin at zero away from it, so that everything has an effect."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)


def shuffled(orbits: Orbits, seed: int) -> Orbits:
    """The orbits of every gene in another order, those of all genes alike, empty places among them."""
    order = torch.randperm(orbits.element.shape[1], generator=torch.Generator().manual_seed(seed))
    return Orbits(orbits.group, orbits.element[:, order], orbits.letter[:, order])


def on_meta(network: nn.Module, orbits: Orbits) -> tuple[nn.Module, Orbits]:
    """The same on the device that holds no numbers: an operation that mixes devices fails there."""
    return network.to("meta"), Orbits(*(part.to("meta") for part in orbits))
