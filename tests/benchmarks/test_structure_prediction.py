from __future__ import annotations

from typing import Any

from structure_prediction_page import page_of


def outcome(hits: int, first: int | None, rank: int | None) -> dict[str, Any]:
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
    row("TiO2", "train", sequential_pyxtal=outcome(8, 2, 1), random_model=outcome(0, None, None)),
    row("LiCoO2", "test", sequential_pyxtal=outcome(2, 5, 2)),
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
