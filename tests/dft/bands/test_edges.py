from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.dft.model_bands import FCC, along_path, pocket, semiconductor

from wyckforge.dft.bands.edges import BandsError, find_edges, gap_ev
from wyckforge.dft.results import Bands

GAMMA = np.zeros(3)
X = np.array([0.5, 0, 0.5])
HOLES = pocket(FCC, GAMMA, 0.5, 0.5)


def to_x(share: float, gap: float = 1.0) -> Bands:
    return along_path(FCC, semiconductor([HOLES], [pocket(FCC, share * X, 0.9, 0.2)], gap), electrons=(2.0,))


def test_an_indirect_gap_and_where_it_lies() -> None:
    edges = find_edges(to_x(33 / 39))

    assert edges.metal == ""
    assert edges.gap is not None
    assert edges.gap.ev == pytest.approx(1.0)
    assert not edges.gap.direct
    assert (edges.gap.valence.label, edges.gap.conduction.label) == ("GAMMA", "GAMMA–X 0.85")
    assert (edges.gap.valence.band, edges.gap.conduction.band) == (0, 1)
    assert edges.gap.direct_ev > 2
    assert edges.channels == (edges.gap,)


def test_a_direct_gap() -> None:
    gap = find_edges(to_x(0.0)).gap

    assert gap is not None
    assert gap.direct
    assert gap.direct_ev == pytest.approx(gap.ev)


def test_a_shift_of_the_scale_changes_nothing_else() -> None:
    bands = to_x(0.85)
    moved = find_edges(replace(bands, energies=bands.energies + 7.5)).gap
    gap = find_edges(bands).gap

    assert gap is not None
    assert moved is not None
    assert moved.ev == pytest.approx(gap.ev)
    assert moved.valence.energy_ev == pytest.approx(gap.valence.energy_ev + 7.5)


def test_spin_channels_have_gaps_of_their_own() -> None:
    up = semiconductor([HOLES], [pocket(FCC, X, 0.9, 0.2)], 0.6)
    down = semiconductor([lambda k: 0.3 + HOLES(k)], [pocket(FCC, GAMMA, 0.2, 0.2)], 2.0)
    edges = find_edges(along_path(FCC, up, down, electrons=(1.0, 1.0)))

    assert edges.gap is not None
    assert edges.gap.ev == pytest.approx(0.6)
    assert (edges.gap.valence.spin, edges.gap.conduction.spin) == (0, 0)
    assert [round(gap.ev, 3) for gap in edges.channels if gap] == [0.6, 2.3]


def test_edges_of_different_channels_make_the_gap() -> None:
    up = semiconductor([HOLES], [pocket(FCC, GAMMA, 0.2, 0.2)], 1.0)
    down = semiconductor([lambda k: 0.5 + HOLES(k)], [pocket(FCC, GAMMA, 0.2, 0.2)], 0.7)
    edges = find_edges(along_path(FCC, up, down, electrons=(1.0, 1.0)))

    assert edges.gap is not None
    assert (edges.gap.valence.spin, edges.gap.conduction.spin) == (0, 1)
    assert edges.gap.ev == pytest.approx(0.7)
    assert not edges.gap.direct  # the two edges lie at one k point, but no electron can go between them


def test_an_odd_electron_makes_a_metal() -> None:
    edges = find_edges(replace(to_x(0.85), electrons=(3.0,)))

    assert edges.gap is None
    assert "3 electrons fill no whole number of bands" in edges.metal


def test_overlapping_bands_make_a_metal() -> None:
    edges = find_edges(to_x(0.85, gap=-0.2))

    assert edges.gap is None
    assert "the highest filled one reaches 0.000 eV at GAMMA, the lowest empty one -0.200 eV at GAMMA–X" in edges.metal


def test_a_half_metal_has_a_gap_in_one_channel() -> None:
    up = semiconductor([HOLES], [pocket(FCC, X, 0.9, 0.2)], -0.3)
    down = semiconductor([HOLES], [pocket(FCC, X, 0.9, 0.2)], 1.0)
    edges = find_edges(along_path(FCC, up, down, electrons=(1.0, 1.0)))

    assert edges.gap is None
    assert edges.channels[0] is None
    assert edges.channels[1] is not None
    assert "(up)" in edges.metal


@pytest.mark.parametrize(
    ("electrons", "told"),
    [((4.0,), "at least one empty band"), ((-2.0,), "hold at most"), ((0.0,), "hold at most"), ((1.0, 1.0), "one for")],
)
def test_an_impossible_electron_count_is_refused(electrons: tuple[float, ...], told: str) -> None:
    with pytest.raises(BandsError, match=told):
        find_edges(replace(to_x(0.85), electrons=electrons))


def test_a_fermi_energy_in_another_gap_contradicts_the_count() -> None:
    far = semiconductor([lambda k: 3 + HOLES(k), HOLES], [pocket(FCC, X, 0.9, 0.2)])
    bands = replace(along_path(FCC, far, electrons=(4.0,), points=8), fermi_ev=0.5)
    assert find_edges(bands).gap is not None

    with pytest.raises(BandsError, match=r"fills \(1,\) band\(s\), but \(2,\) lie below"):
        find_edges(replace(bands, electrons=(2.0,)))


def test_what_is_no_number_is_refused() -> None:
    bands = to_x(0.85)
    bands.energies[0, 3, 1] = np.nan

    with pytest.raises(BandsError, match="NaN"):
        find_edges(bands)


def test_a_mesh_has_no_labels_but_places() -> None:
    bands = to_x(1.0)
    gap = find_edges(replace(bands, path=())).gap

    assert gap is not None
    assert gap.conduction.label == "(0.500, 0.000, 0.500)"


def test_the_gap_alone() -> None:
    bands = to_x(33 / 39)

    assert gap_ev(bands) == pytest.approx(1.0, abs=1e-3)
    assert gap_ev(replace(bands, electrons=(1.5,))) is None
    assert gap_ev(replace(bands, energies=bands.energies[:, :, :1])) is None
