from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from wyckforge.dft.bands.masses import Mass
from wyckforge.report.bands import Scale
from wyckforge.report.masses import MOST_LINES, band_points, fit_charts, kane_curve


@pytest.fixture
def masses(bands_summary):
    return [one for one in bands_summary["masses"] if one["mass"] is not None]


def test_curves_leave_the_extremum_and_are_those_that_were_fitted(masses):
    for mass in masses:
        k, energies = Mass(**{one.name: mass[one.name] for one in fields(Mass)}).curve()
        assert kane_curve(mass, k) == pytest.approx(energies, abs=1e-9)
        assert kane_curve(mass, np.zeros(1)) == pytest.approx([mass["energy_ev"]])


def test_curves_pass_through_the_points_they_were_fitted_to(masses, records):
    for mass in masses:
        k, energies = band_points(mass, records["mass"])
        fitted = (k > 1e-6) & (k < mass["reach_per_angstrom"] + 1e-6)
        assert fitted.sum() == mass["points"]
        assert energies[0] == pytest.approx(mass["energy_ev"], abs=1e-4)
        misfit = kane_curve(mass, k[fitted]) - energies[fitted]
        assert np.sqrt(np.mean(misfit**2)) == pytest.approx(mass["residual_ev"], rel=0.1, abs=2e-6)


def test_lines_that_go_both_ways_from_a_moved_extremum_are_told_apart(masses):
    """A line through a minimum that lies 0.004 Å⁻¹ from where it was sought."""
    cell = {"lattice": (2 * np.pi * np.eye(3)).reshape(-1).tolist(), "numbers": [14], "frac_coords": [0, 0, 0]}
    x = np.linspace(-0.1, 0.1, 41)
    line = {
        "crystal": cell,
        "k_points": np.stack([0.3 + x, 0 * x, 0 * x], axis=1).tolist(),
        "energies": [(2.0 + 10 * (x - 0.004) ** 2)[:, None].tolist()],
        "path": [{"labels": ["A", "B"], "start": 0, "stop": 41}],
    }
    mass = masses[0] | {"k_point": [0.3, 0, 0], "spin": 0, "band": 0, "shift_per_angstrom": 0.004}
    for towards, way in (("B", 1.0), ("A", -1.0)):
        k, energies = band_points(mass | {"towards": towards, "direction": [way, 0, 0]}, line)
        assert energies == pytest.approx(2.0 + 10 * k**2)
        assert k.min() >= -1e-6
    assert len(band_points(mass | {"towards": "A", "direction": [0, 1.0, 0]}, line)[0]) == 0


def test_the_lightest_lines_of_each_carrier_are_drawn(bands_summary, records):
    scale = Scale.of(bands_summary["gap"], None)
    charts = fit_charts(bands_summary["masses"], records["mass"], scale)
    assert [one.carrier for one in charts] == ["electron", "hole"]
    assert [len(one.legend) for one in charts] == [MOST_LINES, MOST_LINES]
    electrons, holes = ([float(words.split()[0].replace("−", "-")) for _, words in one.legend] for one in charts)
    assert electrons == sorted(electrons)
    assert holes[0] == pytest.approx(
        max(m["mass"] for m in bands_summary["masses"] if m["carrier"] == "hole"), abs=1e-3
    )
    assert all(one.picture.count("<circle") > 40 for one in charts)


def test_what_could_not_be_fitted_is_not_drawn(bands_summary, records):
    nothing = [mass | {"mass": None, "alpha_per_ev": None} for mass in bands_summary["masses"]]
    assert fit_charts(nothing, records["mass"], Scale.of(None, None)) == []
