from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.dft.qe.salts import FIELD, cubic, iron, model, silicon

from wyckforge.dft.engine import bands_wanted
from wyckforge.dft.qe import inputs
from wyckforge.dft.qe.inputs import Relaxation
from wyckforge.dft.units import RYDBERG_EV

GOLDEN = Path(__file__).parent / "data" / "inputs"

OXIDE = cubic(4.18, [28, 8], [0.0, 0.5])

K_POINTS = np.array([[0.0, 0.0, 0.0], [0.25, 0.0, 0.25], [0.5, 0.0, 0.5]])

TEXTS = {
    "relax": inputs.vc_relax(silicon(), model("Si"), FIELD, (6, 6, 6), Relaxation(1e-3, 0.05, 60)),
    "scf": inputs.scf(silicon(), model("Si"), FIELD, (8, 8, 8)),
    "magnetic": inputs.scf(OXIDE, model("Ni", "O", spin=True, hubbard_ev={"Ni": 6.2}), FIELD, (6, 6, 6)),
    "fixed": inputs.scf(
        OXIDE,
        model("Ni", "O", spin=True),
        replace(FIELD, smearing_ev=None, moment_bohr=2, from_saved=True),
        (6, 6, 6),
    ),
    "bands": inputs.bands(silicon(), model("Si"), FIELD, K_POINTS, 8),
    "phonon": inputs.phonon("Silicon", polar=True, modes=True),
}


@pytest.mark.parametrize("name", TEXTS)
def test_inputs_are_these_bytes(name: str) -> None:
    assert TEXTS[name].encode() == (GOLDEN / f"{name}.in").read_bytes()


@pytest.mark.parametrize(
    ("electrons", "n_bands"), [((8.0,), 8), ((28.0,), 18), ((7.0,), 8), ((13.0, 11.0), 17), ((40.0,), 25)]
)
def test_there_are_empty_bands_above_all_filled_ones(electrons: tuple[float, ...], n_bands: int) -> None:
    assert bands_wanted(electrons) == n_bands


def test_the_energy_tolerance_is_that_of_a_cell_in_rydberg() -> None:
    text = inputs.scf(iron(), model("Si"), replace(FIELD, tolerance_ev=RYDBERG_EV * 1e-7), (1, 1, 1))

    assert "conv_thr = 1e-07\n" in text


def test_noise_behind_the_twelfth_digit_changes_nothing() -> None:
    crystal = silicon()
    noisy = replace(crystal, frac_coords=crystal.frac_coords - 1e-15)

    assert inputs.scf(noisy, model("Si"), FIELD, (2, 2, 2)) == inputs.scf(crystal, model("Si"), FIELD, (2, 2, 2))
