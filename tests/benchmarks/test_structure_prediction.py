from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import structure_prediction as benchmark
from kept import Log, Row
from structure_prediction import Way, enumerate_tries, hop_on, of_way, outcome
from structure_prediction_cases import CASES
from structure_prediction_page import page_of
from wyckforge.records import Candidate
from wyckforge.symmetry.crystal import Crystal

RUTILE = next(case for case in CASES if case.name == "rutile")
KNOWN = Crystal(
    np.diag([4.65, 4.65, 2.97]),
    np.array([22, 22, 8, 8, 8, 8]),
    np.array([[0, 0, 0], [0.5, 0.5, 0.5], *([x, y, z] for x, y, z in (
        (0.305, 0.305, 0), (0.695, 0.695, 0), (0.195, 0.805, 0.5), (0.805, 0.195, 0.5)
    ))]),
)  # fmt: skip
SEQUENTIAL, HOPPING = Way("sequential", "model"), Way("hopping", "model")


def told(hits: int, first: int | None, rank: int | None) -> dict[str, Any]:
    return {
        "tries": 20, "hits": hits, "first": first, "calls_to_first": None if first is None else 31.0, "calls": 400.0,
        "seconds": 100.0, "rank": rank, "structures": 5, "above": None if rank is None else 0.0125 * (rank - 1),
    }  # fmt: skip


def row(formula: str, part: str, **ways: dict[str, Any]) -> dict[str, Any]:
    names = [f"{method}/{starts}" for method in ("sequential", "random", "hopping") for starts in ("pyxtal", "model")]
    return {
        "id": "mp-1", "name": "rutile", "formula": formula, "z": 2, "space_group": 136, "symbol": "P42/mnm",
        "gene": "136|O:f|Ti:a", "part": part, "genes": 4, "place": 1, "free": 1,
        "ways": {name: ways.get(name.replace("/", "_")) for name in names},
    }  # fmt: skip


ROWS = [
    row("TiO2", "train", sequential_pyxtal=told(8, 2, 1), random_model=told(0, None, None)),
    row("LiCoO2", "test", sequential_pyxtal=told(2, 5, 2)),
]


def test_found_and_missed_are_told_with_their_costs() -> None:
    page = page_of(ROWS, 20, 7)
    assert "| TiO2 | yes | 8 of 20 | 2 | 31 | 400 | 100 | 1 of 5 | 0.000 |" in page
    assert "| LiCoO2 | yes | 2 of 20 | 5 | 31 | 400 | 100 | 2 of 5 | 0.013 |" in page
    assert "| TiO2 | **no** | 0 of 20 | – | – | 400 | 100 | – | – |" in page
    assert "| held out |" in page


def test_rates_are_over_what_is_done_and_the_rest_is_named() -> None:
    page = page_of(ROWS, 20, 7)
    assert "| sequential | PyXtal | 2 of 2 (34 to 100 %) | 1 | 10 of 40 (10 to 40 %) |" in page
    assert "| random | geometry model | 0 of 1 (0 to 79 %) | 0 | 0 of 20 (0 to 79 %) | – | 0.25 |" in page
    assert "Not measured: LiCoO2." in page
    assert "Basin hopping, starts of" not in page


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Two tries for rutile, and a hop of the walk that begins with them."""
    log = Log(tmp_path_factory.mktemp("tries") / "TiO2.jsonl")
    for _ in enumerate_tries(RUTILE, SEQUENTIAL, 2, log, KNOWN):
        pass
    for _ in hop_on(HOPPING, 4, log, KNOWN):
        pass
    return log


def log_with(rows: list[Row], path: Path) -> Log:
    copy = Log(path / "copy.jsonl")
    copy.add(*rows)
    assert Log(path / "copy.jsonl").rows == rows
    return copy


def test_tries_are_counted_hits_and_costs_added_up(measured: Log) -> None:
    found = outcome(RUTILE, SEQUENTIAL, 2, measured)
    assert found is not None
    rows = of_way(measured, SEQUENTIAL.name)
    costs = [Candidate.from_dict(row["candidate"]).find("relax_cost") for row in rows]
    calls = [cost.value if cost is not None else 0 for cost in costs]
    assert (found["tries"], found["calls"]) == (2, sum(calls))
    assert rows[0]["match"]
    assert (found["first"], found["calls_to_first"], found["rank"]) == (1, calls[0], 1)
    assert found["hits"] == sum(row["match"] for row in rows)
    assert found["above"] == pytest.approx(0.0)
    assert found["seconds"] == pytest.approx(sum(row["seconds"] for row in rows))


def test_a_way_has_no_outcome_before_all_of_it_is_done(measured: Log, tmp_path: Path) -> None:
    assert outcome(RUTILE, SEQUENTIAL, 4, measured) is None
    assert outcome(RUTILE, Way("random", "model"), 2, measured) is None
    cut = log_with(measured.rows[:1], tmp_path)
    assert outcome(RUTILE, SEQUENTIAL, 2, cut) is None
    assert outcome(RUTILE, HOPPING, 4, cut) is None


def test_misses_and_the_lowest_of_other_structures_are_told(measured: Log, tmp_path: Path) -> None:
    missed = [row | {"match": False} for row in of_way(measured, SEQUENTIAL.name)]
    found = outcome(RUTILE, SEQUENTIAL, 2, log_with(missed, tmp_path))
    assert found is not None
    assert (found["hits"], found["first"], found["calls_to_first"], found["rank"], found["above"]) == (0, *[None] * 4)


def test_a_walk_begins_with_the_lowest_and_is_not_walked_again(measured: Log) -> None:
    hops = of_way(measured, HOPPING.name)
    tried = [Candidate.from_dict(row["candidate"]) for row in of_way(measured, SEQUENTIAL.name)]
    begun = benchmark.walkers(tried, benchmark.WALKERS)
    names = [Candidate.from_dict(row["candidate"]).id for row in hops]
    assert names == [f"{one.id}h000" for one in begun]
    assert all(Candidate.from_dict(row["candidate"]).find("hop") is not None for row in hops)
    before = len(measured.rows)
    for _ in hop_on(HOPPING, 4, measured, KNOWN):
        pass
    assert len(measured.rows) == before
    found = outcome(RUTILE, HOPPING, 4, measured)
    assert found is not None
    assert found["tries"] == 2 + len(hops)


def test_settings_tell_what_the_tries_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = benchmark.settings(20)
    assert found == benchmark.settings(20) != benchmark.settings(10)
    assert {"seed", "tries", "relax", "hop", "build", "walkers", "geometry", "versions"} <= found.keys()
    monkeypatch.setattr(benchmark, "CASES", [replace(RUTILE, formula="NaCl", space_group=225)])
    assert benchmark.settings(20) == found
