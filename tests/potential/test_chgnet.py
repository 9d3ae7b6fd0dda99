from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk

from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.chgnet import Chgnet, energy_per_atom, evaluate
from wyckforge.potential.contract import PotentialError
from wyckforge.symmetry.crystal import Crystal


def zinc_sulphide():
    atoms = bulk("ZnS", "wurtzite", a=3.9, c=6.3)
    atoms.rattle(0.05, seed=1)
    return atoms


def test_energy_forces_and_stress_equal_those_of_chgnets_own_calculator() -> None:
    from chgnet.model.dynamics import CHGNetCalculator

    ours, theirs = zinc_sulphide(), zinc_sulphide()
    ours.calc, theirs.calc = PotentialCalculator(Chgnet()), CHGNetCalculator(use_device="cpu")
    assert ours.get_potential_energy() == pytest.approx(float(theirs.get_potential_energy()), abs=1e-5)
    np.testing.assert_allclose(ours.get_forces(), theirs.get_forces(), atol=1e-5)
    np.testing.assert_allclose(ours.get_stress(), theirs.get_stress(), atol=1e-6)
    assert ours.calc.calls == 1


def test_rock_salt_has_the_corrected_energy() -> None:
    crystal = Crystal(5.69 * (np.ones((3, 3)) - np.eye(3)) / 2, np.array([11, 17]), np.array([[0] * 3, [0.5] * 3]))
    # Raw PBE is 3.38; the MP2020 correction of the chloride makes the difference.
    assert energy_per_atom(crystal) == pytest.approx(-3.667, abs=0.005)


def test_what_the_potential_cannot_describe_is_refused() -> None:
    with pytest.raises(PotentialError, match="isolated"):
        evaluate(20 * np.eye(3), np.array([11]), np.zeros((1, 3)))
    with pytest.raises(PotentialError):
        evaluate(4 * np.eye(3), np.array([110]), np.zeros((1, 3)))


def test_loading_and_evaluating_says_nothing() -> None:
    program = (
        "import numpy as np\n"
        "from wyckforge.potential.chgnet import evaluate\n"
        "evaluate(4 * np.eye(3), np.array([11]), np.zeros((1, 3)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == ""
    assert done.stderr == ""
