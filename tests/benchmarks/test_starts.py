from __future__ import annotations

from typing import Any

from starts import is_done
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


SPENT = {"calls": [10] * 8, "converged": [True] * 8, "wall_seconds": [2.0] * 8}


def test_rates_are_over_all_genes_tried() -> None:
    page = page_of(ROWS, {})
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
    page = page_of(ROWS, {5: relaxed, 20: relaxed[:1]})
    assert "| at most | starts | n | match @1 | @5 | @20 | RMSD |" in page
    assert "| geometry model | 1 | 2 | 10 | 10 | 20.0 | 4.0 | 50.0 (" in page
    assert "| geometry model | 5 | 2 | 25 | 25 | 25.0 | 5.0 | 60.0 (" in page
    assert "| PyXtal | 5 | 2 | 50 | 50 | – | – | 100.0 (" in page
    assert "| PyXtal | 20 | 1 | 80 | 80 | 80.0 | 16.0 | 87.5 (" in page
    gain = next(line for line in page.splitlines() if line.startswith("| 20 | 1 | 1.0 ("))
    assert "| 8.0 (" in gain


def test_matches_beyond_the_starts_allowed_do_not_count() -> None:
    page = page_of(ROWS, {5: [{**ROWS[0], "model": ROWS[0]["model"] | SPENT, "pyxtal": ROWS[0]["pyxtal"] | SPENT}]})
    assert "| 5 | PyXtal | 1 | 0.0 (0.0 to 79.3) | 0.0 (0.0 to 79.3) | – | – |" in page


def test_a_gene_is_done_when_it_is_found_or_nothing_more_is_allowed() -> None:
    assert not is_done(None, tries=5)
    assert is_done({"match": 3, "allowed": 5}, tries=20)
    assert is_done({"match": None, "allowed": 5}, tries=5)
    assert not is_done({"match": None, "allowed": 5}, tries=20)
