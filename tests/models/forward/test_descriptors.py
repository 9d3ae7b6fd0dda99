from __future__ import annotations

import numpy as np
import pytest
from tests.salts import material

from wyckforge.models.forward.descriptors import element_table, of_gene, of_mechanics, of_size
from wyckforge.models.forward.regressor import Standardiser
from wyckforge.potential.mechanics import VOLUME_RATIOS, Mechanics
from wyckforge.symmetry.gene import WyckoffGene


def test_all_descriptions_of_a_crystal_have_the_same_descriptors() -> None:
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    for other in gene.orbit():
        np.testing.assert_allclose(of_gene(other), of_gene(gene))
    assert np.isfinite(of_gene(gene)).all()


def test_the_first_numbers_are_means_over_the_atoms() -> None:
    found = of_gene(WyckoffGene.parse("221|O:c|Ti:b|Sr:a"))
    assert found[0] == pytest.approx((3 * 8 + 22 + 38) / 5)
    assert not np.isnan(element_table()).any()


def test_size_is_mass_and_density() -> None:
    cell = material("Na", "Cl", "rocksalt").structure.primitive
    mass, density = np.exp(of_size(cell))
    assert mass == pytest.approx((22.99 + 35.45) / 2, rel=1e-3)
    assert density == pytest.approx((22.99 + 35.45) / (5.6**3 / 4), rel=1e-3)


def mechanics(shear: float = 45.0) -> Mechanics:
    constants = np.zeros((6, 6))
    constants[:3, :3] = 120 - 2 / 3 * shear
    constants[range(3), range(3)] = 120 + 4 / 3 * shear
    constants[range(3, 6), range(3, 6)] = shear
    x = VOLUME_RATIOS ** (-2 / 3)  # Birch and Murnaghan, 22 Å³ per atom, 60 GPa
    energies = 9 * 22 * 60 / 160.2 / 16 * ((x - 1) ** 3 * 4.5 + (x - 1) ** 2 * (6 - 4 * x)) - 3
    return Mechanics(constants, constants, energies)


def test_mechanics_become_moduli_on_a_logarithmic_scale() -> None:
    cell = material("Na", "Cl", "rocksalt").structure.primitive
    found = of_mechanics(cell, mechanics())
    assert found.shape == (28,)
    np.testing.assert_allclose(np.exp(found[:4]), [120, 120, 45, 45])
    np.testing.assert_allclose(found[10:13], [1, 1, 45 / 120])
    assert np.isfinite(found).all()
    assert found[-5] == 0  # the energy at the given volume is the zero


def test_what_cannot_be_told_is_nan_and_the_rest_stays() -> None:
    cell = material("Na", "Cl", "rocksalt").structure.primitive
    found = of_mechanics(cell, mechanics(shear=-3.0))
    assert np.isnan(found[2])
    assert np.exp(found[0]) == pytest.approx(120)


def test_without_elastic_constants_nothing_is_told() -> None:
    cell = material("Na", "Cl", "rocksalt").structure.primitive
    unknown = Mechanics.from_vector(np.full(72 + len(VOLUME_RATIOS), np.nan))
    assert np.isnan(of_mechanics(cell, unknown)).all()
    assert of_mechanics(cell, unknown).shape == of_mechanics(cell, mechanics()).shape
    nothing = of_mechanics(cell, Mechanics(np.zeros((6, 6)), np.zeros((6, 6)), mechanics().energies))
    assert np.isnan(nothing[10:13]).all()


def test_standardised_numbers_have_the_training_scale_and_gaps_are_filled() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal([5, 100, 7, 0], [2, 30, 0, 1], (400, 4))
    x[::7, 1] = np.nan
    x[:, 3] = np.nan
    scaler = Standardiser.fit(x)
    found = scaler(x)
    assert found.shape == (400, 2)  # what never differs, and what is never known, is dropped
    assert scaler.kept == 2
    np.testing.assert_allclose(found.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(found.std(0), 1, atol=0.02)
    far = scaler(np.array([[1e9, 100, 7, 0], [np.inf, 100, 7, 0]]))
    assert far[0, 0] == 4
    assert abs(far[1, 0]) < 0.2
    again = Standardiser.from_arrays(scaler.to_arrays(), inputs=4)
    np.testing.assert_array_equal(again(x), found)
