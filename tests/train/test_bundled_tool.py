from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wyckforge.data.table import GeneTable
from wyckforge.errors import MissingDependencyError

TOOL = Path(__file__).parents[2] / "tools" / "train_bundled.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("train_bundled", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_absent_structures_are_named(tool, tmp_path):
    with pytest.raises(MissingDependencyError, match=r"materials_project_structures\.parquet is absent.*--shared"):
        tool.make_table(tmp_path, tool.TERNARY)


def test_the_table_holds_modern_ternaries(tool, tmp_path, monkeypatch):
    path = tmp_path / "table.parquet"
    monkeypatch.setitem(tool.TABLES, path, tool.TABLES[tool.TERNARY])
    cell = {"lattice": (4 * np.eye(3)).ravel().tolist()}
    perovskite = [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0.5]
    rows = [
        {"material_id": name, **cell, "numbers": numbers, "frac_coords": perovskite[: 3 * len(numbers)],
         "formation_energy_per_atom": -1.0, "formation_energy_source": source}
        for name, numbers, source in [
            ("modern", [38, 22, 8, 8, 8], "mp_20"),
            ("old", [56, 22, 8, 8, 8], "megnet_mp_2018"),
            ("binary", [55, 17], "mp_20"),
        ]
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / tool.STRUCTURES)
    tool.make_table(tmp_path, path)
    table = GeneTable.read(path)
    assert table.ids == ("modern",)


def test_metrics_are_set_beside_each_other(tool):
    metrics = {"n": 10}
    for key in tool.METRICS:
        metrics |= {key: 0.25, f"{key}_interval": [0.1, 0.4]}
    found = tool.as_markdown({"all": metrics, "few": {**metrics, "band_gap_mae": None}})
    assert "| metric | all (n = 10) | few (n = 10) |" in found
    assert "| Elements reconstructed | 0.250 (0.100 to 0.400) | 0.250 (0.100 to 0.400) |" in found
    assert "| Band gap, mean absolute error of all (eV) | 0.250 (0.100 to 0.400) | none |" in found
