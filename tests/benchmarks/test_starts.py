from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import starts
from starts import Case, is_done, measure, relaxed
from starts_page import page_of
from wyckforge.errors import ConfigError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene


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
    assert "| geometry model | 1 | 2 | 10 | 10 | 20.0 | 4.0 | 50.0 (0.0 to 100.0) |" in page
    assert "| geometry model | 5 | 2 | 25 | 25 | 25.0 | 5.0 | 60.0 (0.0 to 75.0) |" in page
    assert "| PyXtal | 5 | 2 | 50 | 50 | – | – | 100.0 (" in page
    assert "| PyXtal | 20 | 1 | 80 | 80 | 80.0 | 16.0 | 87.5 (" in page
    gain = next(line for line in page.splitlines() if line.startswith("| 20 | 1 | 1.0 ("))
    assert "| 8.0 (" in gain


def test_more_starts_of_as_many_genes_hold_the_fewer_ones_and_what_cannot_be_found_is_told() -> None:
    rows = [one | {key: one[key] | SPENT for key in ("model", "pyxtal")} for one in ROWS[:1]]

    page = page_of(ROWS, {5: rows, 20: rows}, [True, False, False])

    assert "| 5 | PyXtal | 1 |" not in page
    assert page.count("| 20 | PyXtal | 1 |") == 1
    assert "Neither source found 3 of the crystals. 1 of these are still themselves" in page
    assert "of 2 the potential makes something else" in page
    assert "Neither source" not in page_of(ROWS, {5: rows})


def test_matches_beyond_the_starts_allowed_do_not_count() -> None:
    page = page_of(ROWS, {5: [{**ROWS[0], "model": ROWS[0]["model"] | SPENT, "pyxtal": ROWS[0]["pyxtal"] | SPENT}]})
    assert "| 5 | PyXtal | 1 | 0.0 (0.0 to 79.3) | 0.0 (0.0 to 79.3) | – | – |" in page


def test_a_gene_is_done_when_it_is_found_or_nothing_more_is_allowed() -> None:
    assert not is_done(None, tries=5)
    assert is_done({"match": 3, "allowed": 5}, tries=20)
    assert is_done({"match": None, "allowed": 5}, tries=5)
    assert not is_done({"match": None, "allowed": 5}, tries=20)


CASE = Case(
    "mp-22862",
    WyckoffGene.parse("225|Na:a|Cl:b"),
    Crystal(2.85 * (np.ones((3, 3)) - np.eye(3)), np.array([11, 17]), np.array([[0.0] * 3, [0.5] * 3])),
    "cubic", known=True, drawn=True, turn=0,
)  # fmt: skip


def test_a_further_start_does_not_pay_for_those_made_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def unsound(_: WyckoffGene, n: int) -> Iterator[Crystal]:
        for _ in range(n):
            clock[0] += 10.0
            yield Crystal(CASE.crystal.lattice / 9, CASE.crystal.numbers, CASE.crystal.frac_coords)

    monkeypatch.setitem(starts.SOURCES, "model", unsound)
    monkeypatch.setattr(starts, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    few = relaxed(CASE, "model", None, tries=2)
    assert few["wall_seconds"] == [10.0, 10.0]
    more = relaxed(CASE, "model", few, tries=4)
    assert more["wall_seconds"] == [10.0] * 4
    assert (more["calls"], more["allowed"]) == ([0] * 4, 4)


def test_what_was_measured_is_not_measured_again_unless_more_is_allowed(tmp_path: Any) -> None:
    asked: list[tuple[str, Any]] = []

    def one(_: Case, source: str, before: Any, tries: int) -> dict[str, Any]:
        asked.append((source, before and before["allowed"]))
        return {"match": None, "allowed": tries}

    def run(tries: int, *, resume: bool) -> list[dict[str, Any]]:
        return measure([CASE], partial(one, tries=tries), partial(is_done, tries=tries), "relaxed", tmp_path, resume)

    first = run(5, resume=False)
    assert first[0]["model"] == first[0]["pyxtal"] == {"id": CASE.id, "match": None, "allowed": 5}
    with pytest.raises(ConfigError, match="--resume"):
        run(5, resume=False)
    assert run(5, resume=True) == first
    assert run(20, resume=True)[0]["model"]["allowed"] == 20
    assert asked == [("model", None), ("pyxtal", None), ("model", 5), ("pyxtal", 5)]
