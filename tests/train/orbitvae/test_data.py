"""Which crystals a run learns from, and which labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.train.conftest import crystals, table_of

from wyckforge.data.fingerprint import SIZE
from wyckforge.data.labels import LabelColumn
from wyckforge.data.split import chemical_system
from wyckforge.data.table import GeneTable
from wyckforge.errors import TableError
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.orbitvae.data import OrbitData


@pytest.fixture(scope="module")
def data(orbit_config, tmp_path_factory) -> OrbitData:
    return OrbitData.prepare(orbit_config(tmp_path_factory.mktemp("data")))


@pytest.mark.parametrize(("by", "key"), [("formula", lambda gene: gene.formula), ("chemical_system", chemical_system)])
def test_extra_crystals_share_nothing_with_the_held_out_parts(orbit_config, tables, tmp_path, by, key):
    data = OrbitData.prepare(orbit_config(tmp_path, split={"by": by}))
    held_out = {key(data.table.genes[row]) for part in (data.split.val, data.split.test) for row in part}
    extra = GeneTable.read(tables["extra"])
    expected = [
        gene
        for name, gene in zip(extra.ids, extra.genes, strict=True)
        if name not in data.table.ids and key(gene) not in held_out
    ]
    assert list(data.extra_genes) == expected
    assert 0 < len(expected) < len(extra)
    assert any(len(gene.elements) == 4 for gene in expected)
    assert data.train.size == len(data.split.train) + len(expected)
    assert data.counts["extra"] == len(expected)


def test_an_extra_crystal_is_used_once(orbit_config, tables, tmp_path, data):
    twice = [str(tables["extra"])] * 2
    assert OrbitData.prepare(orbit_config(tmp_path, extra=twice)).extra_genes == data.extra_genes


def test_labels_of_other_vintages_have_an_output_of_their_own(data):
    assert data.outputs == ("formation_energy", "band_gap", "formation_energy@other")
    main = len(data.split.train)
    labels = data.train.labels.isnan().logical_not()
    assert labels[:main, :2].all()
    assert not labels[:main, 2].any()
    right, other = labels[main:, 0], labels[main:, 2]
    assert torch.equal(right, ~other)
    assert right.any()
    assert other.sum() == 4
    assert not labels[main:, 1].any()
    assert data.zero_inflated.tolist() == [False, True, False]


def test_other_labels_of_training_rows_of_the_main_table_are_learned_apart(orbit_config, tables, tmp_path, data):
    table = GeneTable.read(tables["table"])
    energy = table.column("formation_energy")
    row = data.split.train[0]
    sources = np.where(np.arange(len(table)) == row, "elsewhere", energy.sources)
    labels = {**table.labels, "formation_energy": LabelColumn(energy.values, energy.unit, sources)}
    replace(table, labels=labels).write(tmp_path / "mixed.parquet")
    mixed = {"table": str(tmp_path / "mixed.parquet"), "extra": []}
    with pytest.raises(TableError, match="different vintages"):
        OrbitData.prepare(orbit_config(tmp_path, **mixed))
    found = OrbitData.prepare(orbit_config(tmp_path, vintage="here", **mixed))
    assert found.train.labels[:, 2].isnan().logical_not().nonzero().tolist() == [[0]]
    assert found.train.labels[:, 0].isnan().nonzero().tolist() == [[0]]


def test_scales_come_from_training_labels(data):
    scale = data.scales["formation_energy"]
    rows = data.table.label("formation_energy")[data.split.train]
    scaled = data.train.labels[: len(rows), 0].numpy()
    assert scale.inverse(scaled) == pytest.approx(rows, abs=1e-5)
    learned = data.train.labels[:, 0]
    assert learned[~learned.isnan()].mean().item() == pytest.approx(0, abs=1e-5)
    gaps = data.table.label("band_gap")[data.split.val]
    assert torch.equal(data.val.labels[:, 1] == 0, torch.from_numpy(gaps == 0))


def test_genes_that_are_too_long_are_left_out_and_counted(orbit_config, tmp_path):
    data = OrbitData.prepare(orbit_config(tmp_path, max_sites=3, max_sites_learned=3))
    long = sum(len(gene.sites) > 3 for gene in data.table.genes)
    assert data.counts["left_out"] == long > 0
    kept = sum(len(data.rows(getattr(data.split, part))) for part in ("train", "val", "test"))
    assert kept == len(data.table) - long
    assert data.train.orbits.element.shape[1] == 3


def test_labels_of_other_vintages_are_no_measure(orbit_config, tables, tmp_path):
    table = GeneTable.read(tables["table"])
    sources = np.where(np.arange(len(table)) % 2, "mp_20", "megnet_mp_2018")
    energy = replace(table.column("formation_energy"), sources=sources)
    replace(table, labels={**table.labels, "formation_energy": energy}).write(tmp_path / "mixed.parquet")
    config = orbit_config(
        tmp_path, table=str(tmp_path / "mixed.parquet"), vintage="mp_20", targets=["formation_energy"]
    )
    data = OrbitData.prepare(config)
    for part in ("val", "test"):
        modern = data.split.__getattribute__(part) % 2 == 1
        assert modern.any()
        assert not modern.all()
        assert (~getattr(data, part).labels[:, 0].isnan()).tolist() == modern.tolist()


def test_longer_genes_are_measured_with_but_not_learned_from(orbit_config, tmp_path):
    short = crystals(36)
    long = [WyckoffGene(1, tuple((z, "a") for z in gene.elements for _ in range(3))) for gene in short]
    table_of(short + long).write(tmp_path / "both.parquet")
    data = OrbitData.prepare(
        orbit_config(tmp_path, table=str(tmp_path / "both.parquet"), max_sites=9, max_sites_learned=4)
    )
    assert data.train.lengths.max() == 4
    assert data.val.lengths.max() == data.test.lengths.max() == 9
    assert data.counts["left_out"] == 0
    assert len(data.learned_genes) == data.train.size
    assert [len(gene.sites) for gene in data.learned_genes] == data.train.lengths.tolist()


def test_saved_splits_are_used(orbit_config, tmp_path, data):
    data.split.write(tmp_path / "split.json")
    again = OrbitData.prepare(orbit_config(tmp_path, seed=99, split={"saved": str(tmp_path / "split.json")}))
    assert again.split.val.tolist() == data.split.val.tolist()
    table_of(crystals(30)).write(tmp_path / "other.parquet")
    wrong = {"table": str(tmp_path / "other.parquet"), "split": {"saved": str(tmp_path / "split.json")}}
    with pytest.raises(TableError, match="another table"):
        OrbitData.prepare(orbit_config(tmp_path, **wrong))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": ["hardness"]}, "hardness"),
        ({"vintage": "nowhere"}, "no training crystal has a label formation_energy"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(orbit_config, tmp_path, change, message):
    with pytest.raises(TableError, match=message):
        OrbitData.prepare(orbit_config(tmp_path, **change))


def test_a_table_of_a_few_crystals_is_refused(orbit_config, tmp_path):
    table_of([WyckoffGene.parse("221|O:c|Ti:b|Sr:a")] * 1).write(tmp_path / "few.parquet")
    with pytest.raises(TableError, match="has 1 crystals; training needs 10"):
        OrbitData.prepare(orbit_config(tmp_path, table=str(tmp_path / "few.parquet")))


def test_geometry_is_learned_where_shown_table_hold_structures(orbit_config, shown_table, tmp_path, data):
    assert data.train.geometry.shape == (data.train.size, 0)
    assert data.counts["with_geometry"] == 0
    shown = {"table": str(shown_table)}
    whole = OrbitData.prepare(orbit_config(tmp_path, **shown))
    found = whole.train
    known = ~found.geometry.isnan()
    rows = torch.from_numpy(data.split.train % 3 > 0)
    assert torch.equal(known.all(1)[: len(rows)], rows)
    assert torch.equal(known.any(1), known.all(1))
    assert whole.counts["with_geometry"] == int(rows.sum())
    assert not known[len(rows) :].any()
    assert found.geometry.shape[1] == SIZE
    assert found.geometry[known.all(1)].mean(0)[0].item() == pytest.approx(0, abs=1e-5)
    assert torch.equal(found.rows(torch.tensor([1, 0])).geometry[0].isnan(), found.geometry[1].isnan())
    untaught = orbit_config(tmp_path, predictor={"geometry_weight": 0}, **shown)
    assert OrbitData.prepare(untaught).train.geometry.shape == (data.train.size, 0)
