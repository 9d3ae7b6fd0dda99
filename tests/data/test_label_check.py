from __future__ import annotations

import numpy as np
import pytest

from tests.orbit import CRYSTALS
from wyckforge.data.label_check import check_labels, require_variety
from wyckforge.errors import TableError

RNG = np.random.default_rng(0)


def genes(n: int) -> list:
    return [CRYSTALS[i % len(CRYSTALS)] for i in range(n)]


def warnings(name: str, values: np.ndarray) -> str:
    return "\n".join(check_labels(name, np.asarray(values, np.float64), genes(len(values))))


def test_few_labels_are_named() -> None:
    assert "anything has 150 labels" in warnings("anything", RNG.random(150))
    assert "labels; errors" not in warnings("anything", RNG.random(500))


def test_crystals_that_occur_twice_are_counted_with_how_far_they_are_apart() -> None:
    text = warnings("anything", np.arange(300) / 300)
    assert "300 rows share their gene with another (10 genes)" in text
    assert "anything differs within 10 of them, by 0.967 in the median" in text
    same = warnings("anything", np.tile(np.arange(10.0), 30))
    assert "share their gene" in same
    assert "differs" not in same


def test_a_slip_of_the_decimal_point_is_found() -> None:
    values = RNG.normal(5, 1, 400)
    values[17] = 4300
    assert "1 labels of anything lie far from all others, the farthest at 4300" in warnings("anything", values)
    assert "far" not in warnings("anything", RNG.normal(5, 1, 400))


@pytest.mark.parametrize(
    ("name", "factor", "hint"),
    [("bulk_modulus", 1e3, "0.001"), ("thermal_conductivity", 1e3, "0.001"), ("band_gap", 1e3, "0.001")],
)
def test_a_size_that_suggests_another_unit_is_named(name: str, factor: float, hint: str) -> None:
    usual = {"bulk_modulus": 100.0, "thermal_conductivity": 20.0, "band_gap": 2.0}[name]
    values = usual * RNG.uniform(0.5, 1.5, 400)
    assert "usual are" not in warnings(name, values)
    text = warnings(name, factor * values)
    assert "check the unit" in text
    assert f"multiplied by {hint} it would be usual" in text


def test_expansion_in_millionths_is_noticed() -> None:
    assert "multiplied by 1e-06" in warnings("thermal_expansion", RNG.uniform(20, 80, 300))


def test_missing_labels_are_no_labels() -> None:
    assert check_labels("anything", np.full(300, np.nan), genes(300)) == []


def test_labels_that_differ_by_rounding_alone_are_constant() -> None:
    values = np.where(np.arange(60) % 2, 1.0, 1 + 1e-14)
    with pytest.raises(TableError, match=r"all 60 labels of anything in a\.csv are 1; give labels that differ"):
        require_variety("anything", values, "a.csv", {})
    require_variety("anything", np.where(np.arange(60) % 2, 1e-14, 2e-14), "a.csv", {})
