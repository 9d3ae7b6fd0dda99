from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from tests.orbit import CRYSTALS, tiny_orbit_checkpoint

import orbitvae
import table2
from table2_page import Metric
from wyckforge.data.labels import LabelColumn
from wyckforge.data.split import Split
from wyckforge.data.table import GeneTable
from wyckforge.errors import ConfigError
from wyckforge.train.orbitvae.config import OrbitConfig

ROOT = Path(__file__).parents[2]


def test_tables_and_split_are_those_of_the_bundled_model():
    spec = importlib.util.spec_from_file_location("train_bundled", ROOT / "tools" / "train_bundled.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert orbitvae.EXTRA.items() <= tool.TABLES.items()
    assert tool.TABLES[tool.TERNARY] == table2.RULES
    bundled = OrbitConfig.from_toml(orbitvae.CONFIG)
    assert bundled.extra == tuple(orbitvae.EXTRA)
    assert bundled.seed == orbitvae.SPLIT_SEED == table2.SPLIT_SEED


def test_only_split_and_seed_of_the_networks_differ_from_the_committed_configuration(tmp_path):
    found = orbitvae.settings(tmp_path / "run", tmp_path / "split.json", 2, None)
    committed = OrbitConfig.from_toml(orbitvae.CONFIG)
    assert (found.autoencoder, found.predictor) == (committed.autoencoder, committed.predictor)
    assert (found.seed, found.split.saved) == (2, tmp_path / "split.json")
    assert orbitvae.settings(tmp_path / "run", tmp_path / "split.json", 2, 1).predictor.members == 1


@pytest.mark.parametrize(
    ("rises", "value", "words"), [(True, 0.95, "reached"), (True, 0.94, "missed"), (False, 0.96, "missed")]
)
def test_a_goal_is_reached_on_its_own_side(rises, value, words):
    goal = orbitvae.Goal(Metric("x", "x", 1, 2, rises), 0.95, None)
    assert words in goal.reached("formula", value)
    assert goal.reached("chemical_system", value) == "–"


def test_weights_that_have_seen_the_test_part_are_not_scored(tmp_path, monkeypatch):
    source = np.array(["here"] * len(CRYSTALS))
    energy = LabelColumn(np.linspace(-2, -1, len(CRYSTALS)), "eV/atom", source)
    table = GeneTable(
        ids=tuple(map(str, range(len(CRYSTALS)))),
        genes=CRYSTALS,
        labels={"formation_energy": energy},
        crystals=None,
        given_space_groups=np.zeros(len(CRYSTALS), np.int64),
    )
    split = Split(np.arange(7), np.array([7]), np.array([8, 9]), 7, "formula", table.content_hash())
    ground = table2.Ground(table, split)
    model = tiny_orbit_checkpoint(CRYSTALS)
    model.provenance["data"]["content_hash"] = table.content_hash()
    monkeypatch.setattr(orbitvae, "load_checkpoint", lambda _: model)
    with pytest.raises(ConfigError, match="seen 2 crystals of the test part"):
        orbitvae.score_bundled(ground, tmp_path)


def test_claims_are_held_against_labels():
    gaps = np.array([1.0, 0.0] * 5)
    table = GeneTable(
        ids=tuple(map(str, range(10))),
        genes=CRYSTALS,
        labels={
            "formation_energy": LabelColumn(np.full(10, -2.0), "eV/atom", np.full(10, "here")),
            "band_gap": LabelColumn(gaps, "eV", np.full(10, "here")),
        },
        crystals=None,
        given_space_groups=np.zeros(10, np.int64),
    )
    model = tiny_orbit_checkpoint(CRYSTALS)
    found = orbitvae.claims_on(model, table)
    asked = orbitvae.read_targets(orbitvae.TARGETS)["design"]
    meant = [row for row, gene in enumerate(CRYSTALS) if asked.rejects(gene) is None]
    bins = found["design"]["bins"]
    assert sum(one["achieved"]["n"] for one in bins) == len(meant) > 0
    assert sum(one["achieved"]["hits"] for one in bins) == int((gaps[meant] > 0).sum()) > 0
    lines = orbitvae.claims_of([{"claims": found}, {"claims": found}]).splitlines()
    everything = next(line for line in lines if "| design | all |" in line)
    assert f"| {len(meant)} |" in everything
    alone = orbitvae.claims_of([{"claims": found}]).splitlines()
    assert everything in alone  # the same crystals twice are no more crystals


def test_what_cannot_be_held_is_lost():
    run = {
        "n": 198,
        "rows": 200,
        "element_accuracy": 1.0,
        "element_accuracy_interval": [0.98, 1.0],
        "band_gap_mae": 0.5,
    }
    found = orbitvae.over_all(run)
    assert found["element_accuracy"] == 0.99
    low, high = found["element_accuracy_interval"]
    assert low < 0.99 < high < 1
    assert found["band_gap_mae"] == 0.5
    assert run["element_accuracy"] == 1.0


@pytest.mark.parametrize(("value", "words"), [(0.9, "reached"), (0.96, "missed"), (0.85, "missed")])
def test_coverage_can_be_too_high(value, words):
    goal = next(one for one in orbitvae.GOALS if one.metric.key == "band_gap_coverage")
    assert words in goal.reached("formula", value)
