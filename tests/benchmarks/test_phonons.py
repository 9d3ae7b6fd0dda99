from __future__ import annotations

import copy
from pathlib import Path

import pytest
from ase.calculators.emt import EMT

import phonons
from phonons_known import CASES
from phonons_page import page_of
from wyckforge.potential.ase_bridge import AsePotential
from wyckforge.realise.config import PhononConfig
from wyckforge.symmetry.detection import detect

BY_NAME = {case.name: case for case in CASES}


def emt() -> AsePotential:
    return AsePotential(EMT(), name="emt", tool="ASE EMT")


def verdict(stability: str, lowest: float | None, q_point: list[float] | None) -> dict:
    mesh = {"stability": stability, "lowest_per_cm": lowest, "q_point": q_point, "reason": "the time allowed is spent"}
    return {"mesh": mesh, "optical_per_cm": [150.0] if lowest else [], "calls": 10, "seconds": 3.0}


def test_every_answer_has_a_source_and_every_crystal_the_structure_it_names() -> None:
    assert len(BY_NAME) == len(CASES) >= 16
    groups = {"rocksalt": 225, "diamond": 227, "zincblende": 216, "perovskite": 221, "cesiumchloride": 221}
    groups |= {"fluorite": 225, "fcc": 225, "bcc": 229}
    for case in CASES:
        assert case.source
        assert (case.optical_per_cm is None) == (not case.optical_source)
        assert case.stable == (case.becomes == 0)
        assert detect(case.crystal()).gene.space_group == groups[case.structure]


def test_what_is_kept_is_not_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "emt" / "Cu.json"
    first = phonons.kept(path, lambda: phonons.test(BY_NAME["Cu"], emt()))
    assert first["mesh"]["stability"] == "stable"
    assert "dispersion" not in first

    def never() -> dict:
        raise AssertionError

    assert phonons.kept(path, never) == first


def test_the_page_tells_right_from_wrong_and_from_unknown() -> None:
    right = {
        "NaCl": verdict("stable", 12.0, [0.1, 0, 0]),
        "SrTiO3": verdict("unstable", -80.0, [-0.5, 0.5, 0.5]),
        "BaTiO3": verdict("unstable", -240.0, [0.0, 0.0, 0.0]),
    }
    wrong = copy.deepcopy(right) | {
        "NaCl": verdict("unstable", -33.0, [0, 0, 0]),
        "BaTiO3": verdict("unknown", None, None),
    }
    right["NaCl"]["by_step"] = [-33.4, 40.0, 92.0, 112.0, 129.0]
    right["BaTiO3"]["chain"] = {
        "genes": ["221|O:c|Ti:b|Ba:a", "38|O:ae|Ti:b|Ba:a", "160|O:b|Ti:a|Ba:a"],
        "verdicts": ["unstable", "unstable", "stable"],
        "gain_ev_per_atom": 0.0134,
        "reason": "",
    }
    page = page_of({"one": right, "other": wrong, "none": {}}, PhononConfig())
    assert "| one | 3 of 3 | 100 % (44 to 100) | 0 | 0 | 0 | 10 | 3 |" in page
    assert "| other | 1 of 3 | 33 % (6 to 79) | 0 | 1 | 1 | 10 | 3 |" in page
    assert "| NaCl | rocksalt | stable | stable, 12 | **unstable, −33 at Γ** |" in page
    assert "unstable, −80 at (1/2, 1/2, 1/2)" in page
    assert "- BaTiO3, other: the time allowed is spent" in page
    assert "| NaCl | 164 | 150 | 150 |" in page
    assert "| one | −33 | 40 | 92 | 112 | 129 |" in page
    assert "| BaTiO3 | R3m (160) | 38 → 160, stable; 13.4 | – |" in page
    assert "| 1 of 1; 1 not followed yet | 0 of 0; 1 not followed yet |" in page
    right["SrTiO3"]["chain"] = right["BaTiO3"]["chain"]
    page = page_of({"one": right}, PhononConfig())
    assert "| the known group is among the children | | 1 of 2 (9 to 91 %) |" in page
    assert "none" not in page.split("## Verdicts")[1]


@pytest.mark.parametrize("name", ["Al", "Cu"])
def test_chains_of_stable_crystals_have_no_child(name: str) -> None:
    found = phonons.chain(BY_NAME[name], emt())["chain"]
    assert len(found["genes"]) == 1
    assert found["gain_ev_per_atom"] == 0
