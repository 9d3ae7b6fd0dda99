from __future__ import annotations

import numpy as np
import pytest
from tests.train.conftest import crystals, table_of

import learning_curve
import plots
from wyckforge.models.orbitvae import descriptors
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.orbitvae.config import OrbitConfig
from wyckforge.train.orbitvae.data import OrbitData


def test_smaller_parts_lie_in_larger_ones_and_hold_whole_formulas():
    formulas = [f"X{number % 40}" for number in range(100)]
    parts = [set(learning_curve.part_of(formulas, share)) for share in (0.25, 0.5, 1.0)]
    assert parts[0] < parts[1] < parts[2] == set(range(100))
    inside = {formulas[row] for row in parts[0]}
    assert len(inside) == 10
    assert {row for row in range(100) if formulas[row] in inside} == parts[0]


def test_a_power_law_is_found_and_asked_for_the_goals():
    sizes = [1000, 2000, 8000]
    factor, exponent = learning_curve.power_law(sizes, [3 * n**-0.4 for n in sizes])
    assert (factor, exponent) == (pytest.approx(3), pytest.approx(-0.4))
    points = {n: dict.fromkeys(learning_curve.CURVES, 3 * n**-0.4) for n in sizes}
    lines = learning_curve.table_of(points).splitlines()
    needed = (0.05 / 3) ** (1 / -0.4)
    assert f"{needed:,.0f} for 0.05" in lines[-1]
    assert lines[-2].count("-0.40") == len(learning_curve.CURVES)


def test_few_crystals_are_shown_more_often_but_make_fewer_updates():
    counts = [learning_curve.passes(share, 30) for share in learning_curve.SHARES]
    assert counts == sorted(counts, reverse=True)
    updates = np.multiply(counts, learning_curve.SHARES)
    assert (np.diff(updates) > 0).all()


def test_the_curves_are_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: drawn.append((figure.axes[0], path)))
    plots.draw_curves(tmp_path / "curve.svg", {20: {"a": 0.5}, 10: {"a": 1.0}}, {"a": "an error"})
    (ax, path), (line,) = drawn[0], drawn[0][0].get_lines()
    assert path == tmp_path / "curve.svg"
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([10, 20], [1.0, 0.5])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["an error"]


def test_a_share_is_of_the_crystals_that_are_learned_from(tmp_path, monkeypatch):
    """Longer ones are held, but no part of it."""
    monkeypatch.setattr(descriptors, "elements", lambda numbers: np.eye(119, dtype=np.float32)[list(numbers)])
    short = crystals(36)
    long = [WyckoffGene(1, tuple((z, "a") for z in gene.elements for _ in range(3))) for gene in short]
    table_of(long + short).write(tmp_path / "table.parquet")
    tiny = {"epochs": 1, "batch_size": 16, "width": 32, "layers": 1}
    given = {"model": "orbitvae", "name": "tiny", "table": tmp_path / "table.parquet", "out": tmp_path / "out"}
    given |= {"targets": ["formation_energy", "band_gap"], "max_sites_learned": 4, "predictor": tiny, "seed": 3}
    config = OrbitConfig.from_dict(given)
    data = OrbitData.prepare(config)
    assert learning_curve.train_on(1.0, data, config)[0] == data.train.size
    assert 0 < learning_curve.train_on(0.5, data, config)[0] < data.train.size
