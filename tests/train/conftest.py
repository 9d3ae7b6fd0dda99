from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wyckforge.data.labels import LabelColumn
from wyckforge.data.table import GeneTable
from wyckforge.symmetry.elements import electronegativity, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.config import TrainConfig
from wyckforge.train.run import train

PROTOTYPES = ("221|{x}:c|{b}:b|{a}:a", "225|{x}:c|{b}:b|{a}:a", "62|{x}:cd|{b}:b|{a}:c", "2|{x}:ii|{b}:a|{a}:b")


def crystals(n: int) -> list[WyckoffGene]:
    """Distinct ternary crystals of a few prototypes."""
    trios = [(a, b, x) for x in (8, 9, 16) for b in (22, 40, 13) for a in (38, 56, 20, 12)]
    names = [{"a": symbol(a), "b": symbol(b), "x": symbol(x)} for a, b, x in trios]
    found = [WyckoffGene.parse(PROTOTYPES[i % 4].format(**names[i % len(names)])).canonical() for i in range(n)]
    return list(dict.fromkeys(found))


def table_of(genes: list[WyckoffGene]) -> GeneTable:
    """Labels that follow from the elements; every third crystal has no gap."""
    energy = np.array([-sum(electronegativity(z) for z in gene.elements) / 5 for gene in genes])
    gap = np.where(np.arange(len(genes)) % 3 == 0, 0.0, -energy)
    sources = np.full(len(genes), "here")
    return GeneTable(
        ids=tuple(f"c{i}" for i in range(len(genes))),
        genes=tuple(genes),
        labels={
            "formation_energy": LabelColumn(energy, "eV/atom", sources),
            "band_gap": LabelColumn(gap, "eV", sources),
        },
        crystals=None,
        given_space_groups=np.zeros(len(genes), np.int64),
    )


@pytest.fixture(scope="session")
def table_path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.parquet"
    table_of(crystals(36)).write(path)
    return path


@pytest.fixture(scope="session")
def settings_of(table_path):
    """Settings of a run of a few seconds, as a dictionary."""

    def make(out: Path, **changes) -> dict:
        finetune = {
            "targets": ["formation_energy", "band_gap"],
            "rows_above": {"band_gap": 0.0},
            "freeze": ["encoder", "batch_norm"],
        }
        quick = {"epochs": 2, "batch_size": 16}
        base = {
            "name": "tiny",
            "table": str(table_path),
            "out": str(out),
            "seed": 3,
            "pretrain": {"targets": ["formation_energy"], **quick},
            "finetune": {**finetune, **quick},
        }
        return {**base, **changes}

    return make


@pytest.fixture(scope="session")
def finished(settings_of, tmp_path_factory) -> Path:
    """Folder of a finished run."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    train(TrainConfig.from_dict(settings_of(out)))
    return out


@pytest.fixture(scope="session")
def checkpoint(finished) -> Checkpoint:
    return Checkpoint.load(finished / "checkpoint")
