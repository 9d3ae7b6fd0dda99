from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from wyckforge.potential.debye import debye_function, debye_temperature, moduli, thermal


def isotropic(bulk: float, shear: float) -> np.ndarray:
    constants = np.zeros((6, 6))
    constants[:3, :3] = bulk - 2 / 3 * shear
    constants[range(3), range(3)] = bulk + 4 / 3 * shear
    constants[range(3, 6), range(3, 6)] = shear
    return constants


def test_moduli_of_an_isotropic_solid_are_its_own() -> None:
    assert moduli(isotropic(120, 45)) == pytest.approx((120, 120, 45, 45))


def test_moduli_of_copper_are_bounded_as_measured() -> None:
    copper = isotropic(0, 0)  # C11, C12, C44 at room temperature, Overton and Gaffney 1955
    copper[:3, :3] = 121.4
    copper[range(3), range(3)] = 168.4
    copper[range(3, 6), range(3, 6)] = 75.4
    found = moduli(copper)
    assert found.bulk_voigt == pytest.approx(found.bulk_reuss) == pytest.approx(137.1, abs=0.1)
    assert (found.shear_reuss, found.shear_voigt) == pytest.approx((40.0, 54.6), abs=0.2)


def test_an_unstable_crystal_has_no_lower_bounds() -> None:
    found = moduli(isotropic(120, -5))
    assert np.isnan([found.bulk_reuss, found.shear_reuss]).all()
    assert np.isnan(debye_temperature(120, -5, 60, 12))


@pytest.mark.parametrize(
    ("bulk", "shear", "mass", "volume", "measured"),
    [(137, 47, 63.55, 11.81, 343), (442, 536, 12.01, 5.67, 2230), (76, 26, 26.98, 16.6, 428)],
    ids=["copper", "diamond", "aluminium"],
)
def test_debye_temperatures_are_those_of_measured_moduli(
    bulk: float, shear: float, mass: float, volume: float, measured: float
) -> None:
    assert debye_temperature(bulk, shear, mass, volume) == pytest.approx(measured, rel=0.06)


@pytest.mark.parametrize("x", [0.01, 0.7, 3.0, 12.0])
def test_the_debye_function_is_its_integral(x: float) -> None:
    expected = 3 / x**3 * quad(lambda t: t**3 / np.expm1(t), 0, x)[0]
    assert debye_function(np.array([x]))[0] == pytest.approx(expected, rel=1e-8)


def equation_of_state(bulk: float, derivative: float, volume: float, ratios: np.ndarray) -> np.ndarray:
    """Birch and Murnaghan's energy in eV at volumes in units of the equilibrium one."""
    x = ratios ** (-2 / 3)
    return 9 * volume * bulk / 160.21766 / 16 * ((x - 1) ** 3 * derivative + (x - 1) ** 2 * (6 - 4 * x))


def test_the_thermal_model_gives_copper_its_expansion() -> None:
    ratios = np.linspace(0.88, 1.12, 9)
    found = thermal(11.6 * ratios, equation_of_state(142, 5.3, 11.6, ratios), 63.55, 1)
    assert found is not None
    assert found.bulk == pytest.approx(132, abs=6)  # softened by the heat
    assert found.volume_ratio == pytest.approx(1.018, abs=0.006)  # of zero-point motion and heat
    assert found.grueneisen == pytest.approx(2.3, abs=0.4)
    assert found.expansion == pytest.approx(5.0e-5, rel=0.35)  # the model is known to overrate it
    assert found.debye == pytest.approx(343, rel=0.3)  # with Poisson's ratio taken as 0.25; copper has 0.34


def test_hotter_is_wider_and_conducts_less() -> None:
    ratios = np.linspace(0.88, 1.12, 9)
    energies = equation_of_state(60, 4.5, 20, ratios)
    cold, hot = (thermal(20 * ratios, energies, 30, 2, temperature=t) for t in (100, 500))
    assert cold is not None
    assert hot is not None
    assert hot.volume_ratio > cold.volume_ratio
    assert hot.expansion > cold.expansion
    assert hot.conductivity < cold.conductivity


def test_without_a_minimum_or_with_few_energies_there_is_no_answer() -> None:
    ratios = np.linspace(0.88, 1.12, 9)
    assert thermal(20 * ratios, -ratios, 30, 2) is None
    energies = equation_of_state(60, 4.5, 20, ratios)
    assert thermal(20 * ratios, np.where(np.arange(9) < 4, energies, np.nan), 30, 2) is None
    assert thermal(20 * ratios, np.where(np.arange(9) < 8, energies, np.nan), 30, 2) is not None
