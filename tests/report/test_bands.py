from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from wyckforge.report.bands import BANDS_FRAME, DOS_FRAME, Scale, band_chart, density_of_states, dos_chart, zone_words


@pytest.fixture
def gap(bands_summary):
    return bands_summary["gap"]


def polarised(bands: dict, shift_ev: float) -> dict:
    """The same bands for spin up, and shifted for spin down."""
    up = np.array(bands["energies"][0])
    return bands | {"energies": [up.tolist(), (up + shift_ev).tolist()], "electrons": [4.0, 4.0]}


def drawn(chart, look: str) -> list[np.ndarray]:
    paths = ET.fromstring(chart).iter("path")
    return [
        np.array([[float(x) for x in point.split()] for point in path.get("d")[1:].split("L")])
        for path in paths
        if path.get("class") == look
    ]


def test_states_below_the_gap_are_as_many_as_electrons(records, gap):
    """PRINCIPLE: the density of states up to the middle of the gap integrates to the number of electrons."""
    middle = (gap["valence"]["energy_ev"] + gap["conduction"]["energy_ev"]) / 2
    energies = np.linspace(-20, middle, 6000)
    density = density_of_states(records["dos"], energies)
    assert density.shape == (1, 6000)
    assert np.trapezoid(density[0], energies) == pytest.approx(records["dos"]["electrons"][0], abs=1e-3)


def test_each_spin_channel_holds_its_own_electrons(records, gap):
    energies = np.linspace(-20, gap["valence"]["energy_ev"] + 0.8, 6000)
    density = density_of_states(polarised(records["dos"], 0.2), energies)
    assert np.trapezoid(density, energies, axis=1) == pytest.approx([4.0, 4.0], abs=2e-3)


def test_a_band_of_spinors_holds_one_electron(records):
    energies = np.linspace(-20, 30, 6000)
    once, twice = (density_of_states(records["dos"] | {"spinor": spinor}, energies) for spinor in (True, False))
    assert twice == pytest.approx(2 * once)


def test_bands_and_states_share_their_energy_axis(records, gap):
    scale = Scale.of(gap, records["bands"]["fermi_ev"])
    assert (BANDS_FRAME.floor, BANDS_FRAME.top) == (DOS_FRAME.floor, DOS_FRAME.top)
    zeros = [
        re.search(r'class="mark" d="M[\d.]+ ([\d.]+)H', chart).group(1)
        for chart in (band_chart(records["bands"], scale, gap), dos_chart(records["dos"], scale))
    ]
    assert zeros[0] == zeros[1]


def test_the_highest_filled_band_touches_zero_and_the_lowest_empty_one_the_gap(records, gap):
    scale = Scale.of(gap, None)
    height = BANDS_FRAME.up(*scale.shown)
    width = gap["conduction"]["energy_ev"] - gap["valence"]["energy_ev"]
    lines = drawn(band_chart(records["bands"], scale, gap), "line")
    filled = [line for line in lines if line[:, 1].min() > height(0.001) - 0.06]
    empty = [line for line in lines if line[:, 1].max() < height(0.001)]
    assert len(filled) + len(empty) == len(lines)
    assert min(line[:, 1].min() for line in filled) == pytest.approx(height(0), abs=0.06)
    assert max(line[:, 1].max() for line in empty) == pytest.approx(height(width), abs=0.06)


def test_edges_are_marked_wherever_the_path_meets_them(records, gap):
    chart = band_chart(records["bands"], Scale.of(gap, None), gap)
    titles = [dot.find("title").text for dot in ET.fromstring(chart).iter("circle")]
    assert {title.split(":")[0] for title in titles} == {
        "valence band maximum, Γ",
        "conduction band minimum, X",
    }
    assert any(title.endswith("1.624 eV") for title in titles)


def test_spin_channels_look_different(records):
    scale = Scale.of(None, records["bands"]["fermi_ev"])
    one, two = records["bands"], polarised(records["bands"], 0.3)
    assert not drawn(band_chart(one, scale), "line second")
    assert drawn(band_chart(two, scale), "line second")
    sides = [drawn(dos_chart(polarised(records["dos"], 0.3), scale), look)[0] for look in ("line", "line second")]
    middle = (DOS_FRAME.left + DOS_FRAME.wall) / 2
    assert sides[0][:, 0].min() >= middle - 0.1
    assert sides[1][:, 0].max() <= middle + 0.1


def test_what_is_not_known_counts_from_nothing():
    assert Scale.of(None, None).zero_ev == 0
    assert Scale.of(None, 3.2).zero_ev == 3.2


def test_places_are_written_in_greek():
    assert zone_words("GAMMA–X 0.85") == "Γ–X 0.85"
    assert zone_words("SIGMA_0") == "Σ₀"
    assert zone_words("(0.100, 0.200, 0.300)") == "(0.100, 0.200, 0.300)"
    assert zone_words("[0.00 0.00 -1.00]") == "[0.00 0.00 -1.00]"
