from __future__ import annotations

from typing import Any

from relaxation import agreement, summary


def outcome(energy: float, calls: int, *, converged: bool = True, seconds: float | None = None) -> dict[str, Any]:
    reason = "" if converged else "the steps ran out"
    seconds = calls / 10 if seconds is None else seconds
    return {"energy": energy, "calls": calls, "converged": converged, "reason": reason, "seconds": seconds}


ROWS = [
    {"ours": outcome(-5.0, 10), "ase": outcome(-5.0005, 40, seconds=8.0)},
    {"ours": outcome(-4.2, 20), "ase": outcome(-4.0, 50, seconds=10.0)},
    {"ours": outcome(-3.0, 30), "ase": outcome(-3.0, 60, converged=False, seconds=12.0)},
]


def test_energies_are_compared_where_both_came_to_an_end() -> None:
    found = summary(ROWS)
    assert found["n_both"] == 2
    assert found["lower"]["same"].startswith("1 of 2")
    assert found["lower"]["ours"].startswith("1 of 2")
    assert found["lower"]["ase"].startswith("0 of 2")
    assert found["gap"].startswith("-0.0998 [")
    assert not found["all_same"]
    assert summary([ROWS[0]])["all_same"]


def test_costs_count_every_start() -> None:
    found = summary(ROWS)
    assert found["converged"]["ours"].startswith("3 of 3, 100 %")
    assert found["converged"]["ase"].startswith("2 of 3, 67 %")
    assert found["fewer_calls"].startswith("2.5 [")
    assert found["less_time"].startswith("5.0 [")
    assert found["ended"]["calls"].startswith("3.0 [")
    assert found["same_calls"].startswith("4.0 [")
    assert found["reasons"] == {"ours": [], "ase": ["the steps ran out"]}


def test_a_search_is_compared_with_itself_where_all_came_to_an_end() -> None:
    third = [{"half": outcome(-5.0005, 80)}, {"half": outcome(-4.1, 90)}, {"half": outcome(-3.0, 99)}]
    found = agreement([{**row, **more} for row, more in zip(ROWS, third, strict=True)])
    assert found["half"].startswith("1 of 2")
    assert found["ours"].startswith("1 of 2")
    assert agreement(ROWS[2:]) == {}
