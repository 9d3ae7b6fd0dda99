from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.data.examples import perovskite
from tests.train.conftest import crystals, table_of

from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.models.orbitvae import descriptors
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.orbitvae.config import OrbitConfig

QUICK = {"epochs": 2, "batch_size": 16}


@pytest.fixture(scope="module", autouse=True)
def plain_element_features():
    """Features of elements that need no potential to be loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptors, "elements", lambda numbers: np.eye(119, dtype=np.float32)[list(numbers)])
        yield


@pytest.fixture(scope="session")
def tables(tmp_path_factory) -> dict[str, Path]:
    """A main table, and an extra one that holds all of it under other names, some of it as it is, and more."""
    folder = tmp_path_factory.mktemp("tables")
    main = table_of(crystals(36))
    main.write(folder / "main.parquet")
    quaternary = [
        WyckoffGene.parse(f"123|O:e|{b}:c|{a}:a|Li:b").canonical() for a in ("Sr", "Ba") for b in ("Ti", "Zr")
    ]
    genes = [*main.genes, *main.genes[:5], *quaternary]
    sources = np.array(["here"] * len(main) + ["there"] * 9)
    energy = np.linspace(-2, -1, len(genes))
    extra = GeneTable(
        ids=(*(f"x{i}" for i in range(len(main))), *main.ids[:5], *(f"q{i}" for i in range(4))),
        genes=tuple(genes),
        labels={"formation_energy": LabelColumn(energy, "eV/atom", sources)},
        crystals=None,
        given_space_groups=np.zeros(len(genes), np.int64),
    )
    extra.write(folder / "extra.parquet")
    return {"table": folder / "main.parquet", "extra": folder / "extra.parquet"}


@pytest.fixture(scope="session")
def shown_table(tables) -> Path:
    """The main table with the structures of two crystals in three."""
    table = GeneTable.read(tables["table"])
    structures = tuple(perovskite(edge=3.8 + 0.01 * row) if row % 3 else None for row in range(len(table)))
    path = tables["table"].with_name("shown.parquet")
    replace(table, crystals=structures).write(path)
    return path


@pytest.fixture(scope="session")
def orbit_config(tables):
    """Settings of a run of a few seconds."""

    def make(out: Path, *, autoencoder: dict | None = None, predictor: dict | None = None, **changes) -> OrbitConfig:
        base = {
            "model": "orbitvae",
            "name": "tiny",
            "table": str(tables["table"]),
            "extra": [str(tables["extra"])],
            "out": str(out),
            "seed": 3,
            "targets": ["formation_energy", "band_gap"],
            "device": "cpu",
            "autoencoder": {**QUICK, "width": 24, "heads": 2, "layers": 1, "latent": 8, **(autoencoder or {})},
            "predictor": {**QUICK, "members": 2, "width": 32, "layers": 1, **(predictor or {})},
        }
        return OrbitConfig.from_dict({**base, **changes})

    return make
