"""A small OrbitVAE that was never trained: everything about it is real but what it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from wyckforge.data.property_scale import PropertyScale
from wyckforge.models.orbitvae.autoencoder import AutoencoderConfig, OrbitVAE
from wyckforge.models.orbitvae.predictor import Predictor, PredictorConfig
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.calibration import Calibration
from wyckforge.train.known import KnownCrystals
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

SCALES = (
    PropertyScale("formation_energy", -1.5, 1.0),
    PropertyScale("band_gap", 0.0, 1.5, zero_inflated=True, non_negative=True),
)
CRYSTALS = tuple(
    WyckoffGene.parse(text).canonical()
    for text in (
        "221|O:c|Ti:b|Sr:a",
        "221|O:c|Zr:b|Ba:a",
        "225|Na:a|Cl:b",
        "225|Cl:c|K:b|Na:a",
        "216|Zn:a|S:c",
        "152|Si:a|O:c",
        "62|O:cd|Ti:b|Ca:c",
        "194|Zn:c|O:f|S:d|K:a",
        "166|Li:a|Ti:b|S:c",
        "14|Zr:e|O:ee",
    )
)


def tiny_orbit_checkpoint(
    crystals: Sequence[WyckoffGene] = CRYSTALS, *, seed: int = 0, members: int = 2, name: str = "tiny"
) -> OrbitCheckpoint:
    """Networks of random weights that know the given crystals and their elements, with labels for a pool."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary.of(crystals)
    targets = tuple(scale.name for scale in SCALES)
    n = len(vocabulary.elements)
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(60) < 0.5, 0.0, rng.uniform(0.1, 5.0, 60))
    features = rng.standard_normal((n, 4)).astype(np.float32)
    sizes = AutoencoderConfig(n, 4, targets, width=32, latent=16, layers=1, heads=2, max_sites=vocabulary.max_sites)
    networks = OrbitVAE(sizes), *(Predictor(PredictorConfig(n, 4, targets, 32, 1)) for _ in range(members))
    for network in networks:
        network.embedding.describe_elements(features)
    autoencoder, *predictors = networks
    return OrbitCheckpoint(
        name=name,
        vocabulary=vocabulary,
        autoencoder=autoencoder,
        predictors=tuple(predictors),
        scales={scale.name: scale for scale in SCALES},
        calibrations={scale.name: Calibration() for scale in SCALES},
        errors={"formation_energy": 0.1, "band_gap": 0.5},
        known=KnownCrystals.from_genes(crystals),
        labels=np.stack([rng.uniform(-4, 0, 60), gaps], axis=1),
        provenance={"data": {"table": "none", "rows": len(crystals)}},
        card="Random weights; for tests.",
    )
