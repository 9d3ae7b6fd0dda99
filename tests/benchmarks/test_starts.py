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
    def spent(tries: int) -> dict[str, Any]:
        return {"calls": [10] * tries, "converged": [True] * (tries - 1) + [False], "wall_seconds": [2.0] * tries}

    ran = [{"model": spent(1), "pyxtal": spent(8)}, {"model": spent(4), "pyxtal": spent(20)}]
    relaxed = [
        {**one, **{key: one[key] | cost for key, cost in more.items()}} for one, more in zip(ROWS[:2], ran, strict=True)
    ]
    page = page_of(ROWS, relaxed, 20)
    assert "| genes | starts | n | match @1 | @5 | @20 | RMSD |" in page
    assert "| geometry model | 1 | 10 | 10 | 20.0 | 4.0 | 50.0 (" in page
    assert "| geometry model | 5 | 25 | 25 | 25.0 | 5.0 | 60.0 (" in page
    assert "| PyXtal | 5 | 50 | 50 | – | – | 100.0 (" in page
    assert "| PyXtal | 20 | 140 | 140 | 280.0 | 56.0 | 92.9 (" in page
    gain = next(line for line in page.splitlines() if line.startswith("| 20 | 2.0 ("))
    assert "| 11.2 (" in gain
