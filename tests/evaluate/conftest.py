from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from wyckforge.data.scale import MinMaxScaler
from wyckforge.models.losses import LossWeights
from wyckforge.models.mpvae import MPVAE, MPVAEConfig
from wyckforge.models.representation import Representation
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.encoded import EncodedCrystals
from wyckforge.train.hashes import hash_set
from wyckforge.train.loop import Objective, train_epoch

CATIONS, METALS = (38, 56, 20), (22, 40)
KNOWN = [WyckoffGene(221, ((a, "a"), (b, "b"), (8, "c"))).canonical() for a in CATIONS for b in METALS]


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """A small network that knows cubic perovskites by heart."""
    torch.manual_seed(0)
    representation = Representation((8, 20, 22, 38, 40, 56), max_elements=3, min_elements=3)
    model = MPVAE(
        MPVAEConfig(representation.rows, 3, ("formation_energy", "band_gap"), (8, 8, 16), dense=64, latent=16)
    )
    labels = np.stack([np.linspace(0.1, 0.9, 6), np.linspace(0.9, 0.1, 6)], axis=1)
    crystals = EncodedCrystals.build(representation, KNOWN, labels, augment=False)
    optimiser = torch.optim.RMSprop(model.parameters(), lr=2e-3, alpha=0.9)
    generator = torch.Generator().manual_seed(0)
    for _ in range(250):
        train_epoch(model, crystals, Objective(LossWeights(), "float32"), optimiser, 6, generator)
    return Checkpoint(
        name="perovskites",
        model=model,
        representation=representation,
        scaler=MinMaxScaler({"formation_energy": (-4.0, 0.0), "band_gap": (0.0, 5.0)}),
        errors={"formation_energy": 0.1, "band_gap": 0.5},
        known_genes=hash_set(map(str, KNOWN)),
        known_formulas=hash_set(gene.formula for gene in KNOWN),
        provenance={},
        card="",
    )


def perovskite_row(name: str, a: int = 38, b: int = 22, x: int = 8, **labels) -> dict:
    return {
        "material_id": name,
        "lattice": [4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0],
        "numbers": [a, b, x, x, x],
        "frac_coords": [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0.5],
        **labels,
    }


@pytest.fixture
def write_rows(tmp_path):
    """Write rows in the layout of the shared structures and return the path."""

    def write(rows: list[dict]):
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path

    return write
