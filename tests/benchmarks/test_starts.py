from __future__ import annotations

from typing import Any

from starts_page import page_of


def outcome(match: int | None, volume: float = 1.02, **more: Any) -> dict[str, Any]:
    rmsd = None if match is None else 0.1
    return {"starts": 20, "match": match, "rmsd": rmsd, "volume": volume, "cpu_seconds": 0.5, "reason": "", **more}


def row(
    system: str, model: int | None, pyxtal: int | None, *, known: bool = True, drawn: bool = True
) -> dict[str, Any]:
    return {
        "id": f"{system}{known}{drawn}", "gene": "", "system": system, "known": known, "drawn": drawn, "atoms": 12,
        "expected_volume": 0.98, "model": outcome(model), "pyxtal": outcome(pyxtal, 1.2),
    }  # fmt: skip


ROWS = [row("cubic", 0, 7), row("cubic", 3, None), row("trigonal", None, None, known=False, drawn=False)]


def test_rates_are_over_all_genes_tried() -> None:
    page = page_of(ROWS, [], 5)
    assert "| all | geometry model | 2 | 50.0 (" in page
    assert "| template new | geometry model | 1 | 0.0 (" in page
    assert "| geometry model, mean of the distribution | 100.0 (" in page
    missed = next(line for line in page.splitlines() if line.startswith("| PyXtal, first start | 0.0 ("))
    assert "**missed**" in missed
    assert "## Relaxed" not in page


def test_costs_are_per_crystal_found() -> None:
    cost = {"calls": 30, "converged": 2, "relaxed": 3, "wall_seconds": 10.0}
    relaxed = [{**one, "model": one["model"] | cost, "pyxtal": one["pyxtal"] | cost} for one in ROWS[:2]]
    page = page_of(ROWS, relaxed, 5)
    assert "| genes | starts | n | match @1 | @5 | RMSD |" in page
    assert "| geometry model | 30 (30 to 30) | 30.0 | 10.0 | 66.7 (" in page
    assert "| PyXtal | 30 (30 to 30) | 60.0 | 20.0 |" in page
    assert "and needs 2.0 (" in page
