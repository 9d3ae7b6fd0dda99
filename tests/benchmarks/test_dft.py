from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dft_page import Run, page_of
from dft_published import CASES
from wyckforge.dft.results import Bands
from wyckforge.symmetry.detection import detect

DATA = Path(__file__).parents[1] / "dft" / "data"
SILICON = next(case for case in CASES if case.name == "Si")


def test_crystals_are_those_of_their_space_groups() -> None:
    for case in CASES:
        found = detect(case.crystal()).gene
        assert found.space_group == case.space_group
        assert abs(np.linalg.det(case.crystal(5.0).lattice)) == pytest.approx(125.0)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "Si"
    (folder / "bands").mkdir(parents=True)
    (folder / "bands" / "result.json").write_bytes((DATA / "si_qe_path.json").read_bytes())
    (folder / "run.json").write_text(
        json.dumps({"status": "complete", "seconds": 1234.0, "inputs": {"engine": "Quantum ESPRESSO 6.7"}})
    )
    edges = {"valence": {"label": "GAMMA"}, "conduction": {"label": "GAMMA–X 0.85"}}
    gap = {"ev": 0.7, "direct": False, **edges}
    valley = {"carrier": "electron", "ellipsoids": [{"principal": [0.19, 0.2, 0.95]}]}
    (folder / "summary.json").write_text(json.dumps({"gap": gap, "valleys": [valley]}))
    return tmp_path


def test_figures_are_held_against_what_was_published(cache: Path) -> None:
    page = page_of(cache, None, None)
    assert "| gaps at the method's own lattice constant | 0.05 eV | 0 of 1 |" in page
    assert "| Si | gap | 0.700 | 0.612 | +0.088 | **no** | Materials Project, VASP (mp-149) |" in page
    assert "| Si | electron, longitudinal | 0.9500 | 0.967 | -2 % | yes |" in page
    assert "Without vibrations so far: Si." in page
    assert "Not computed: MgO, NaCl, LiMgP, PbTe, GaAs." in page
    assert "A crystal of our own" not in page.split("## Lattice constants")[1]


def test_transitions_are_read_at_the_named_points(cache: Path) -> None:
    bands = Bands.read(DATA / "si_qe_path.json")
    direct = bands.energies[0, 0, 4] - bands.energies[0, 0, 3]  # the path begins at Γ

    run = Run(cache / "Si")
    assert run.transition("GAMMA") == pytest.approx(direct)
    assert 0.55 < (run.transition("X") or 0) < 0.8
    assert (run.mass("transverse"), run.mass("longitudinal")) == (0.19, 0.95)
