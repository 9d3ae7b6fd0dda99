"""Silicon and gallium arsenide for real, by Quantum ESPRESSO and VASP; tests/dft/data/README.md says how."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.dft.model_bands import FCC, along_path, pocket, semiconductor

from wyckforge.dft.bands.edges import find_edges
from wyckforge.dft.bands.lines import lines
from wyckforge.dft.bands.summary import Summary, summarise
from wyckforge.dft.results import Bands

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def silicon() -> Summary:
    return summarise(Bands.read(DATA / "si_qe_path.json"), Bands.read(DATA / "si_qe_lines.json"))


def test_edges_of_silicon(silicon: Summary) -> None:
    gap = silicon.edges.gap

    assert gap is not None
    assert gap.ev == pytest.approx(0.61, abs=0.05)  # PBE: 0.58 to 0.62 eV
    assert gap.direct_ev == pytest.approx(2.56, abs=0.05)
    assert (gap.valence.label, gap.conduction.label) == ("GAMMA", "GAMMA–X 0.85")


def test_valleys_of_silicon(silicon: Summary) -> None:
    assert [str(one) for one in silicon.of("hole")] == ["1×3 (2)"]
    assert [str(one) for one in silicon.of("electron")] == ["6×1 (2)"]


def test_electron_masses_of_silicon(silicon: Summary) -> None:
    (surface,) = silicon.surfaces[silicon.valleys.index(silicon.of("electron")[0])]

    assert surface.principal == pytest.approx([0.19, 0.19, 0.96], rel=0.05)  # measured: 0.19 and 0.92
    assert surface.reason == ""


def test_hole_masses_of_silicon(silicon: Summary) -> None:
    towards_x = sorted(one.mass or 0 for one in silicon.masses if one.carrier == "hole" and one.towards == "X")

    assert towards_x == pytest.approx([-0.27, -0.27, -0.16], rel=0.05)
    holes = [one for one in silicon.masses if one.carrier == "hole"]
    assert all(one.effmass == pytest.approx(one.mass, rel=0.01) for one in holes)
    assert all("no ellipsoid" in one.reason for one in silicon.surfaces[0])


def test_the_lines_are_those_that_are_asked_for(silicon: Summary) -> None:
    dense = Bands.read(DATA / "si_qe_lines.json")
    k_points, path = lines(Bands.read(DATA / "si_qe_path.json"), silicon.valleys)

    assert [(one.labels, one.start, one.stop) for one in path] == [
        (one.labels, one.start, one.stop) for one in dense.path
    ]
    assert np.allclose(k_points, dense.k_points, atol=1e-9)


def test_the_path_alone_gives_the_same_where_it_has_points_enough(silicon: Summary) -> None:
    coarse = summarise(Bands.read(DATA / "si_qe_path.json"))
    by_line = {(one.band, one.label, one.towards): one.mass for one in silicon.masses}
    both = [
        (one.mass, by_line[one.band, one.label, one.towards])
        for one in coarse.masses
        if one.mass is not None and (one.band, one.label, one.towards) in by_line
    ]

    assert len(both) >= 6
    assert all(one == pytest.approx(other, rel=0.04) for one, other in both)


def test_the_row_of_a_table(silicon: Summary) -> None:
    assert silicon.row() == {
        "gap": "0.63 eV, GAMMA → GAMMA–X 0.85",
        "m_h": "−0.27 (GAMMA → X)",
        "N_VBM": "1×3 (2)",
        "m_e": "0.20 (GAMMA–X 0.85 → [0.00 0.00 -1.00])",
        "N_CBM": "6×1 (2)",
    }
    assert json.loads(json.dumps(silicon.to_dict()))["valleys"][0]["n_k"] == 1


def test_a_mesh_of_another_code_has_the_same_gap(silicon: Summary) -> None:
    gap = find_edges(Bands.read(DATA / "si_vasp_mesh.json")).gap

    assert gap is not None
    assert silicon.edges.gap is not None
    assert gap.ev == pytest.approx(silicon.edges.gap.ev, abs=0.05)
    assert gap.direct_ev == pytest.approx(silicon.edges.gap.direct_ev, abs=0.05)
    assert np.allclose(np.sort(np.abs(gap.conduction.k_point)), [0, 4 / 9, 4 / 9], atol=1e-6)


def test_light_carriers_of_gallium_arsenide_follow_the_theory_of_two_bands() -> None:
    found = summarise(Bands.read(DATA / "gaas_qe_path.json"), Bands.read(DATA / "gaas_qe_lines.json"))
    (electron,) = found.of("electron")
    masses = [one for one in found.masses if one.of(electron)]

    assert found.edges.gap is not None
    assert found.edges.gap.direct
    assert (str(found.of("hole")[0]), str(electron)) == ("1×3 (2)", "1×1 (2)")
    for one in masses:  # Kane: α is about 1/E_g, here 7.5/eV, where the light mass is far below that of a free electron
        assert one.alpha_per_ev == pytest.approx(1 / found.edges.gap.ev, rel=0.2)
        assert one.mass == pytest.approx(0.008, rel=0.04)
        assert any(flag.startswith("effmass gives") for flag in one.flags)
        assert any(flag.startswith("the parabola gives") for flag in one.flags)
    light = [one.mass for one in found.masses if one.carrier == "hole" and one.band == electron.bands[0] - 3]
    assert light == pytest.approx([-0.0082] * 3, rel=0.01)  # the mirror image of the electrons


def test_a_metal_has_a_reason_in_its_row() -> None:
    spectrum = semiconductor([pocket(FCC, np.zeros(3), 0.5, 0.5)], [pocket(FCC, np.array([0.5, 0, 0.5]), 1, 1)], -0.5)
    found = summarise(along_path(FCC, spectrum, electrons=(2.0,)))

    assert found.valleys == ()
    assert found.row()["gap"].startswith("metal: bands overlap")
