from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.dft.model_bands import EDGE, FCC, HEXAGONAL, ORTHORHOMBIC, along_path, pocket, semiconductor

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.edges import BandsError
from wyckforge.dft.bands.valleys import find_valleys, unresolved
from wyckforge.realise.zone_path import Path

GAMMA, X, L = np.zeros(3), np.array([0.5, 0, 0.5]), np.array([0.5] * 3)
HEAVY, LIGHT = pocket(FCC, GAMMA, 0.5, 0.5), pocket(FCC, GAMMA, 0.2, 0.2)


def tight_binding(k_points: np.ndarray) -> np.ndarray:
    """Two orbitals that are degenerate at Γ, and one whose band is lowest at L."""
    half, whole = np.cos(k_points * EDGE / 2), np.cos(k_points * EDGE)
    near = 3 - (half * np.roll(half, 1, axis=1)).sum(axis=1)
    return np.stack([-0.3 * near, -0.8 * near, 1 + 0.4 * (3 + whole.sum(axis=1))], axis=1)


def test_a_tight_binding_crystal_has_the_degeneracies_of_germanium() -> None:
    bands = along_path(FCC, tight_binding, electrons=(4.0,))
    (hole,), (electron,) = find_valleys(bands, "hole"), find_valleys(bands, "electron")

    assert (str(hole), hole.label, hole.bands, hole.n_v) == ("1×2 (2)", "GAMMA", (1, 0), 2)
    assert (str(electron), electron.label, electron.bands, electron.n_v) == ("4×1 (2)", "L", (2,), 4)


@pytest.mark.parametrize(
    ("centre", "label", "degeneracy"),
    [(GAMMA, "GAMMA", 1), (0.85 * X, "GAMMA–X 0.85", 6), (X, "X", 3), (L, "L", 4), (0.6 * L, "GAMMA–L 0.59", 8)],
    ids=["Γ", "Δ", "X", "L", "Λ"],
)
def test_valleys_are_counted_by_the_symmetry_of_their_place(centre: np.ndarray, label: str, degeneracy: int) -> None:
    bands = along_path(FCC, semiconductor([HEAVY], [pocket(FCC, centre, 0.9, 0.4)]), electrons=(2.0,))
    (found,) = find_valleys(bands, "electron")

    assert found.n_k == degeneracy
    assert found.label.split()[0] == label.split()[0]
    assert found.offset_ev == pytest.approx(0, abs=1e-9)


def test_the_corner_of_a_hexagon_is_shared_by_three() -> None:
    cell = Path.of(HEXAGONAL).cell
    spectrum = semiconductor([pocket(cell, GAMMA, 0.5, 0.5)], [pocket(cell, np.array([1 / 3, 1 / 3, 0]), 0.5, 0.5)])
    (found,) = find_valleys(along_path(HEXAGONAL, spectrum, electrons=(2.0,)), "electron")

    assert (found.label, found.n_k) == ("K", 2)


def test_other_valleys_within_the_window_are_told_with_their_distance() -> None:
    conduction = [pocket(FCC, X, 0.9, 0.2), lambda k: 0.15 + pocket(FCC, L, 1.5, 0.2)(k)]
    bands = along_path(FCC, semiconductor([HEAVY], conduction), electrons=(2.0,))

    found = find_valleys(bands, "electron")
    assert [(one.label, one.n_k, round(one.offset_ev, 3)) for one in found] == [("X", 3, 0.0), ("L", 4, 0.15)]
    assert [one.label for one in find_valleys(bands, "electron", BandsConfig(valley_window_ev=0.1))] == ["X"]


def test_split_bands_are_valleys_apart() -> None:
    split = semiconductor([HEAVY, LIGHT, lambda k: 0.05 + LIGHT(k)], [pocket(FCC, X, 0.9, 0.2)])
    found = find_valleys(along_path(FCC, split, electrons=(6.0,)), "hole")

    assert [(one.label, one.n_b, one.bands) for one in found] == [("GAMMA", 2, (2, 1)), ("GAMMA", 1, (0,))]


def test_a_crossing_of_two_bands_is_no_valley() -> None:
    conduction = [pocket(FCC, GAMMA, 0.8, 0.8), lambda k: 0.1 + pocket(FCC, X, 0.8, 0.8)(k)]
    bands = along_path(FCC, semiconductor([HEAVY], conduction), electrons=(2.0,))
    found = find_valleys(bands, "electron", BandsConfig(valley_window_ev=4.0))

    assert [one.label for one in found if one.bands == (1,)] == ["GAMMA", "X"]
    assert all(" " not in one.label for one in found)


def test_a_dip_without_a_barrier_belongs_to_the_end() -> None:
    bands = along_path(FCC, semiconductor([HEAVY], [pocket(FCC, X, 0.9, 0.2)]), electrons=(2.0,))
    first = next(piece for piece in bands.path if piece.labels == ("GAMMA", "X"))
    bands.energies[0, first.stop - 2, 1] = 1.0 - 4e-4
    assert [(one.label, one.n_k) for one in find_valleys(bands, "electron")] == [("X", 3)]

    bands.energies[0, first.stop - 2, 1] = 1.0 - 4e-3
    assert [(one.label, one.n_k) for one in find_valleys(bands, "electron")] == [("GAMMA–X 0.97", 6)]


def test_valleys_of_spin_channels() -> None:
    up = semiconductor([HEAVY], [pocket(FCC, X, 0.9, 0.2)], 0.6)
    down = semiconductor([HEAVY], [pocket(FCC, L, 0.9, 0.2)], 2.0)
    bands = along_path(FCC, up, down, electrons=(1.0, 1.0))

    (common,) = find_valleys(bands, "electron")
    assert (common.spin, str(common)) == (0, "3×1 (1)")
    (alone,) = find_valleys(bands, "electron", spin=1)
    assert (alone.spin, alone.label, alone.offset_ev) == (1, "L", pytest.approx(0, abs=1e-9))
    assert [one.spin for one in find_valleys(bands, "hole")] == [0, 1]


def test_with_spin_orbit_coupling_two_bands_are_one_orbital() -> None:
    spectrum = semiconductor([HEAVY, HEAVY], [LIGHT, LIGHT])
    (found,) = find_valleys(along_path(FCC, spectrum, electrons=(2.0,), spinor=True), "electron")

    assert (str(found), found.bands) == ("1×1 (2)", (2, 3))


def test_what_has_no_valleys_is_refused() -> None:
    spectrum = semiconductor([HEAVY], [pocket(FCC, X, 0.9, 0.2)])
    bands = along_path(FCC, spectrum, electrons=(2.0,))
    with pytest.raises(BandsError, match="fill no whole number"):
        find_valleys(replace(bands, electrons=(3.0,)), "hole")
    with pytest.raises(BandsError, match="along one"):
        find_valleys(replace(bands, path=()), "hole")
    with pytest.raises(BandsError, match="counted from 0"):
        find_valleys(bands, "hole", spin=1)


def test_masses_without_symmetry_between_axes() -> None:
    spectrum = semiconductor([pocket(ORTHORHOMBIC, GAMMA, 0.5, 0.5)], [pocket(ORTHORHOMBIC, GAMMA, 0.5, 0.5)])
    (found,) = find_valleys(along_path(ORTHORHOMBIC, spectrum, electrons=(2.0,)), "electron")

    assert str(found) == "1×1 (2)"


def test_crossings_are_seen_between_the_points() -> None:
    k = np.linspace(0, 1, 21)
    one, other = k, 1.03 - k
    lower, upper = np.minimum(one, other), np.maximum(one, other)

    assert np.flatnonzero(unresolved(lower, upper)).tolist() == [10]
    assert not unresolved(k, k + 0.001).any()
    assert not unresolved(0.2 * k**2, k**2).any()
