from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests.dft.model_bands import (
    FCC,
    HEXAGONAL,
    ORTHORHOMBIC,
    RHOMBOHEDRAL,
    Spectrum,
    along_path,
    computed,
    kane,
    pocket,
    semiconductor,
)

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.ellipsoids import ellipsoids
from wyckforge.dft.bands.fits import FREE, fit_effmass, fit_kane, fit_parabola
from wyckforge.dft.bands.lines import invariants, lines
from wyckforge.dft.bands.masses import Mass, fit_masses
from wyckforge.dft.bands.valleys import Carrier, Valley, find_valleys
from wyckforge.dft.bands.zone import Zone
from wyckforge.dft.results import Bands
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal

GAMMA, X, L = np.zeros(3), np.array([0.5, 0, 0.5]), np.array([0.5] * 3)
HEAVY, LIGHT = pocket(FCC, GAMMA, 0.5, 0.5), pocket(FCC, GAMMA, 0.2, 0.2)


def on_lines(
    crystal: Crystal, spectrum: Spectrum, carrier: Carrier, filled: int = 1, config: BandsConfig | None = None
) -> tuple[Bands, tuple[Valley, ...], tuple[Mass, ...]]:
    """Valleys on the path, then masses on the lines that are asked for."""
    electrons = (2.0 * filled,)
    bands = along_path(crystal, spectrum, electrons=electrons)
    valleys = find_valleys(bands, carrier, config)
    k_points, path = lines(bands, valleys, config)
    dense = computed(bands.crystal, k_points, path, spectrum, electrons=electrons)
    return dense, valleys, fit_masses(dense, valleys, config)


def values(masses: Sequence[Mass]) -> list[float]:
    return [one.mass for one in masses if one.mass is not None]


@pytest.mark.parametrize(("mass", "alpha"), [(1.0, 0.0), (0.2, 1.0), (0.067, 0.64), (0.05, 2.0), (0.02, 4.0)])
@pytest.mark.parametrize("points", [5, 12, 50])
def test_kanes_relation_gives_back_what_was_put_in(mass: float, alpha: float, points: int) -> None:
    k = np.sqrt(mass * 0.25 * (1 + alpha * 0.25) / FREE) * np.arange(1, points + 1) / points
    found, curved, residual = fit_kane(k, kane(FREE * k**2 / mass, alpha))

    assert found == pytest.approx(mass, rel=1e-6)
    assert curved == pytest.approx(alpha, abs=1e-5)
    assert residual < 1e-9


def test_the_package_effmass_agrees_where_bands_are_nearly_parabolic() -> None:
    k = np.linspace(0, 0.12, 30)[1:]
    energies = kane(FREE * k**2 / 0.2, 0.5)

    assert fit_effmass(k, energies) == pytest.approx(0.2, rel=0.002)
    assert fit_kane(k, energies)[0] == pytest.approx(0.2, rel=1e-6)


def test_the_package_effmass_is_led_astray_by_light_carriers() -> None:
    k = np.linspace(0, 0.04, 30)[1:]
    energies = kane(FREE * k**2 / 0.014, 10.0)  # InSb has 0.014 and 4/eV

    assert fit_kane(k, energies)[0] == pytest.approx(0.014, rel=1e-6)
    assert (fit_effmass(k, energies) or 0) > 0.014 * 1.2


def test_noise_of_an_engine_does_little() -> None:
    k = 0.005 * np.arange(1, 30)
    noise = np.random.default_rng(0).normal(0, 1e-4, len(k))

    assert fit_kane(k, kane(FREE * k**2 / 0.3, 1.0) + noise)[0] == pytest.approx(0.3, rel=0.01)
    assert fit_parabola(k, FREE * k**2 / 0.3 + noise) == pytest.approx(0.3, rel=0.01)


def test_free_electrons_weigh_one() -> None:
    _, _, masses = on_lines(FCC, semiconductor([HEAVY], [pocket(FCC, GAMMA, 1, 1)]), "electron")

    assert values(masses) == pytest.approx([1.0] * 3, rel=1e-3)
    assert {one.towards for one in masses} == {"X", "K", "L"}
    assert [one.parabolic for one in masses] == pytest.approx([1.0] * 3, rel=1e-3)
    assert [one.effmass for one in masses] == pytest.approx([1.0] * 3, rel=1e-3)
    assert all("ends with the line" in " ".join(one.flags) for one in masses)  # 0.2 Å⁻¹ reach 0.15 eV only


@pytest.mark.parametrize(("mass", "alpha"), [(0.3, 0.5), (0.067, 0.64), (0.05, 2.0)])
def test_kane_bands_of_a_crystal(mass: float, alpha: float) -> None:
    _, _, masses = on_lines(FCC, semiconductor([HEAVY], [pocket(FCC, GAMMA, mass, mass, alpha)]), "electron")

    assert values(masses) == pytest.approx([mass] * 3, rel=0.01)
    assert [one.alpha_per_ev for one in masses] == pytest.approx([alpha] * 3, rel=0.05)
    assert all(one.window_ev <= 0.25 and (one.residual_ev or 0) < 1e-4 for one in masses)


@pytest.mark.parametrize("mass", [0.05, 0.2, 1.0, 3.0])
def test_energies_with_four_digits_are_good_enough(mass: float) -> None:
    dense, valleys, _ = on_lines(FCC, semiconductor([HEAVY], [pocket(FCC, GAMMA, mass, mass, 0.5)]), "electron")
    rounded = fit_masses(replace(dense, energies=np.round(dense.energies, 4)), valleys)

    assert values(rounded) == pytest.approx([mass] * 3, rel=0.03)


def test_holes_are_negative_and_heavy_ones_come_first() -> None:
    spectrum = semiconductor([HEAVY, LIGHT], [pocket(FCC, X, 0.9, 0.2)])
    dense, valleys, masses = on_lines(FCC, spectrum, "hole", 2)

    assert valleys[0].bands == (1, 0)
    assert [one.mass for one in masses if one.band == 1] == pytest.approx([-0.5] * 3, rel=0.01)
    assert [one.mass for one in masses if one.band == 0] == pytest.approx([-0.2] * 3, rel=0.01)
    heavy, light = ellipsoids(dense.crystal, valleys[0], masses)
    assert heavy.principal == pytest.approx([0.5] * 3, rel=0.01)
    assert light.conductivity_mass == pytest.approx(0.2, rel=0.01)
    assert str(masses[0]) == "−0.50 (GAMMA → X)"


@pytest.mark.parametrize("share", [0.84, 0.85, 0.86], ids=str)
def test_an_extremum_between_the_points_of_the_path_is_found_on_the_line(share: float) -> None:
    dense, (valley,), masses = on_lines(FCC, semiconductor([HEAVY], [pocket(FCC, share * X, 0.9, 0.2)]), "electron")
    along = [one for one in masses if one.towards in ("X", "GAMMA")]

    assert valley.n_k == 6
    assert values(along) == pytest.approx([0.9] * 2, rel=0.01)
    nearest = round(share * 39) / 39
    step = np.linalg.norm(Zone(dense.crystal).cartesian((share - nearest) * X))
    assert [abs(one.shift_per_angstrom) for one in along] == pytest.approx([step] * 2, abs=1e-4)
    (surface,) = ellipsoids(dense.crystal, valley, masses)
    assert surface.principal == pytest.approx([0.2, 0.2, 0.9], rel=0.02)
    assert surface.dos_mass == pytest.approx((0.2 * 0.2 * 0.9) ** (1 / 3), rel=0.02)
    assert surface.conductivity_mass == pytest.approx(3 / (1 / 0.2 + 1 / 0.2 + 1 / 0.9), rel=0.02)
    assert surface.reason == ""


def test_ellipsoids_on_the_border_of_the_zone() -> None:
    dense, (valley,), masses = on_lines(FCC, semiconductor([HEAVY], [pocket(FCC, L, 1.6, 0.08)]), "electron")
    (surface,) = ellipsoids(dense.crystal, valley, masses)

    assert valley.n_k == 4
    assert surface.principal == pytest.approx([0.08, 0.08, 1.6], rel=0.01)


@pytest.mark.parametrize(
    ("crystal", "k_point", "label", "expected"),
    [
        (HEXAGONAL, [0.5, 0, 0], "M", [0.2, 0.2, 0.6]),
        (RHOMBOHEDRAL, [0.5, 0.5, 0], "F", [0.2, 0.2, 0.6]),  # no axis of the ellipsoid is one of the crystal
        (RHOMBOHEDRAL, [0.5] * 3, "T", [0.2, 0.2, 0.6]),
    ],
    ids=["M", "F", "T"],
)
def test_as_many_lines_as_the_tensor_needs(
    crystal: Crystal, k_point: list[float], label: str, expected: list[float]
) -> None:
    cell = Path.of(crystal).cell
    spectrum = semiconductor([pocket(cell, GAMMA, 0.5, 0.5)], [pocket(cell, np.array(k_point), 0.6, 0.2)])
    dense, (valley,), masses = on_lines(crystal, spectrum, "electron")
    (surface,) = ellipsoids(dense.crystal, valley, masses)

    assert valley.label == label
    assert surface.principal == pytest.approx(expected, rel=0.01)


def test_a_saddle_point_on_the_path_is_told() -> None:
    cell = Path.of(HEXAGONAL).cell
    beside = pocket(cell, np.array([0.3, 0.02, 0.03]), 0.6, 0.2)
    _, _, masses = on_lines(HEXAGONAL, semiconductor([pocket(cell, GAMMA, 0.5, 0.5)], [beside]), "electron")

    assert {one.towards: one.mass is None for one in masses} == {
        "M": False,
        "GAMMA": False,
        "[0.50 -0.87 0.00]": True,
        "[0.00 0.00 -1.00]": True,
    }
    assert all("the valley lies off the path" in one.flags[0] for one in masses if one.mass is None)


def test_three_different_axes() -> None:
    def conduction(k_points: np.ndarray) -> np.ndarray:
        return (FREE * 2 * (1 - np.cos(k_points * [3, 4, 5])) / np.array([3, 4, 5]) ** 2 / [0.1, 0.3, 0.9]).sum(
            axis=1, keepdims=True
        )

    spectrum = semiconductor([pocket(ORTHORHOMBIC, GAMMA, 0.5, 0.5)], [conduction])
    dense, (valley,), masses = on_lines(ORTHORHOMBIC, spectrum, "electron")
    (surface,) = ellipsoids(dense.crystal, valley, masses)

    assert surface.principal == pytest.approx([0.1, 0.3, 0.9], rel=0.01)


def test_warped_surfaces_are_told() -> None:
    def warped(k_points: np.ndarray) -> np.ndarray:
        square = (k_points**2).sum(axis=1)
        size = np.where(square > 0, square, 1)
        return (FREE * square / 0.3 * (1 + 2 * (k_points**4).sum(axis=1) / size**2))[:, None]

    dense, (valley,), masses = on_lines(FCC, semiconductor([HEAVY], [warped]), "electron")
    (surface,) = ellipsoids(dense.crystal, valley, masses)

    assert "no ellipsoid" in surface.reason
    assert (surface.spread or 0) > 0.1


@pytest.mark.parametrize("seed", [1, 2])
def test_masses_do_not_turn_with_the_crystal_nor_move_with_the_scale(seed: int) -> None:
    spectrum = semiconductor([HEAVY], [pocket(FCC, 0.85 * X, 0.9, 0.2)])
    dense, valleys, masses = on_lines(FCC, spectrum, "electron")
    turn = Rotation.random(random_state=seed).as_matrix()
    cell = dense.crystal
    turned = Crystal(cell.lattice @ turn.T, cell.numbers, cell.frac_coords)
    other = fit_masses(replace(dense, crystal=turned, energies=dense.energies + 3.7), valleys)

    assert values(other) == pytest.approx(values(masses), rel=1e-6)
    assert np.allclose([one.direction for one in other], np.array([one.direction for one in masses]) @ turn.T)
    assert ellipsoids(turned, valleys[0], other)[0].principal == pytest.approx(
        ellipsoids(cell, valleys[0], masses)[0].principal, rel=1e-6
    )


def test_a_crossing_ends_the_window() -> None:
    spectrum = semiconductor([HEAVY], [pocket(FCC, GAMMA, 0.2, 0.2), lambda k: 0.1 + pocket(FCC, GAMMA, 2, 2)(k)])
    _, valleys, masses = on_lines(FCC, spectrum, "electron")
    first = [one for one in masses if one.band == 1]

    assert values(first) == pytest.approx([0.2] * 3, rel=0.01)
    assert all("bands cross" in one.flags[0] and one.window_ev < 0.12 for one in first)
    assert len(valleys) == 2


def test_an_inflexion_ends_the_window() -> None:
    def wave(k_points: np.ndarray) -> np.ndarray:
        size = np.linalg.norm(k_points, axis=1)
        return 0.05 * (1 - np.cos(20 * size))[:, None] + 0.3 * (size > 0.3)[:, None]

    _, _, masses = on_lines(FCC, semiconductor([HEAVY], [wave]), "electron")

    assert values(masses) == pytest.approx([2 * FREE / 20**2 / 0.05] * 3, rel=0.05)
    assert all("inflexion" in one.flags[0] for one in masses if one.label == "GAMMA")


def test_a_band_that_turns_back_ends_the_window() -> None:
    def hill(k_points: np.ndarray) -> np.ndarray:
        size = np.linalg.norm(k_points, axis=1)
        return (np.where(size < 0.11, FREE * size**2 / 0.3, 0.12))[:, None]

    _, _, masses = on_lines(FCC, semiconductor([HEAVY], [hill]), "electron")

    bottom = [one for one in masses if one.label == "GAMMA"]
    assert values(masses) == values(bottom) == pytest.approx([0.3] * 3, rel=0.01)
    assert all("turns back" in one.flags[0] for one in bottom)
    assert {one.flags[-1] for one in masses if one.mass is None} == {"the band is flat"}


def test_fits_that_disagree_are_flagged() -> None:
    def flat_bottom(k_points: np.ndarray) -> np.ndarray:
        square = (k_points**2).sum(axis=1)
        return (FREE * square / 0.4 * (1 + np.tanh(square / 1e-3)))[:, None]

    _, _, masses = on_lines(FCC, semiconductor([HEAVY], [flat_bottom]), "electron")

    assert all("the parabola gives" in " ".join(one.flags) for one in masses)


def test_what_cannot_be_fitted_has_a_reason_and_no_mass() -> None:
    steep = semiconductor([HEAVY], [lambda k: 20 * np.linalg.norm(k, axis=1, keepdims=True)])
    _, _, masses = on_lines(FCC, steep, "electron")
    assert [one.mass for one in masses] == [None] * 3
    assert all("points in the window" in " ".join(one.flags) for one in masses)

    config = BandsConfig(line_spacing_per_angstrom=0.0005, line_reach_per_angstrom=0.02)
    _, _, masses = on_lines(FCC, steep, "electron", config=config)
    assert [one.mass for one in masses] == [None] * 3
    assert all("straight down to the innermost" in " ".join(one.flags) and str(one).startswith("–") for one in masses)


def test_the_fitted_curve_lies_on_the_band() -> None:
    bands = semiconductor([pocket(FCC, GAMMA, 0.3, 0.3, 0.8)], [pocket(FCC, X, 0.9, 0.2)])
    dense, _, masses = on_lines(FCC, bands, "hole")
    for mass, piece in zip(masses, dense.path, strict=True):
        k, energies = mass.curve(20)
        line = slice(piece.start, piece.stop)
        there = np.linalg.norm(Zone(dense.crystal).cartesian(dense.k_points[line]), axis=1)
        assert np.allclose(energies, np.interp(k, there, dense.energies[0, line, 0]), atol=1e-3)
        assert energies[0] == pytest.approx(0, abs=1e-9)
        assert energies[-1] == pytest.approx(-mass.window_ev, abs=1e-4)


def test_without_a_mass_there_is_no_curve() -> None:
    steep = semiconductor([HEAVY], [lambda k: 20 * np.linalg.norm(k, axis=1, keepdims=True)])
    _, _, masses = on_lines(FCC, steep, "electron")

    assert len(masses[0].curve()[0]) == 0


def test_masses_along_the_path_itself() -> None:
    bands = along_path(FCC, semiconductor([HEAVY], [pocket(FCC, 33 / 39 * X, 0.9, 0.2)]), electrons=(2.0,))
    masses = fit_masses(bands, find_valleys(bands, "hole"))

    assert values(masses) == pytest.approx([-0.5] * len(masses), rel=0.01)


def test_lines_go_both_ways_only_where_they_differ() -> None:
    config = BandsConfig(line_spacing_per_angstrom=0.01, line_reach_per_angstrom=0.1)
    bands = along_path(FCC, semiconductor([HEAVY], [pocket(FCC, 0.85 * X, 0.9, 0.2)]), electrons=(2.0,))
    k_points, path = lines(bands, find_valleys(bands, "electron"), config)
    zone = Zone(bands.crystal)

    assert [(piece.labels[0], piece.stop - piece.start) for piece in path] == [("GAMMA", 21), ("GAMMA–X 0.85", 11)]
    steps = np.linalg.norm(np.diff(zone.cartesian(k_points[:21]), axis=0), axis=1)
    assert steps == pytest.approx(0.01)
    assert len(lines(bands, (), config)[0]) == 0
    shared = (*find_valleys(bands, "hole"), *find_valleys(bands, "hole"))
    assert lines(bands, shared, config)[1] == lines(bands, shared[:1], config)[1]


@pytest.mark.parametrize(
    ("k_point", "free"), [(GAMMA, 1), (0.85 * X, 2), (X, 2), (L, 2), (np.array([0.1, 0.2, 0.4]), 6)]
)
def test_symmetry_leaves_so_many_components(k_point: np.ndarray, free: int) -> None:
    assert len(invariants(Zone(FCC).little_group(k_point))) == free
