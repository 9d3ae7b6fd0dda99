"""Every potential keeps the contract; one of another package is found by its entry point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from tests.packages import MetalsPackage

from wyckforge.errors import ConfigError, MissingDependencyError
from wyckforge.potential.ase_bridge import AsePotential, PotentialCalculator
from wyckforge.potential.catalogue import load_potential, names
from wyckforge.potential.checks import CHECKS
from wyckforge.potential.contract import Evaluation, Potential, PotentialError
from wyckforge.symmetry.crystal import Crystal


def rattled(kind: str) -> Crystal:
    """A strained cell without symmetry: copper and gold for EMT, else a nitride."""
    atoms = bulk("CuAu", "cesiumchloride", a=3.2) if kind == "emt" else bulk("AlN", "wurtzite", a=3.2, c=5.0)
    atoms.rattle(0.08, seed=3)
    strain = np.array([[0.02, 0.01, 0.0], [0.0, -0.02, 0.01], [0.0, 0.0, 0.03]])
    return Crystal(atoms.cell.array @ (np.eye(3) + strain), atoms.numbers, atoms.get_scaled_positions())


def emt() -> AsePotential:
    return AsePotential(EMT(), name="emt", tool="ASE EMT")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["emt", "chgnet", "sevennet-0", "sevennet-l3i5"])
def test_potentials_keep_the_contract(name: str, check: Callable[[Potential, Crystal], None]) -> None:
    check(emt() if name == "emt" else load_potential(name), rattled(name))


class _Wrong(Potential):
    """Keeps the contract except in one way."""

    name, tool = "wrong", "a wrong one"

    def __init__(self, flaw: str) -> None:
        self.flaw, self.right = flaw, emt()
        if flaw == "corrections":
            self.corrections = "some"  # type: ignore[assignment]

    def evaluate(self, lattice, numbers, frac_coords) -> Evaluation:
        try:
            found = self.right.evaluate(lattice, numbers, frac_coords)
        except PotentialError:
            if self.flaw not in ("isolated", "dense"):
                raise
            return Evaluation(0.0, np.zeros((1, 3)), np.zeros((3, 3)))
        energy, forces, stress = found.energy_ev, found.forces, found.stress
        if self.flaw == "shape":
            stress = stress[:2]
        elif self.flaw == "writes":
            frac_coords[0] += 0.1
        elif self.flaw == "axes":
            energy += lattice[0, 0]
        elif self.flaw == "per atom":
            energy /= len(numbers)
        elif self.flaw == "forces":
            forces = -forces
        elif self.flaw == "stress":
            stress = -stress
        return Evaluation(energy, forces, stress)


@pytest.mark.parametrize(
    ("flaw", "check"),
    [
        ("corrections", CHECKS[0]),
        *zip(("shape", "writes", "axes", "per atom", "forces", "stress", "isolated", "dense"), CHECKS, strict=True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_check_finds_what_breaks_it(flaw: str, check: Callable[[Potential, Crystal], None]) -> None:
    with pytest.raises(AssertionError):
        check(_Wrong(flaw), rattled("emt"))


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'chgnt' given; allowed are chgnet, sevennet-0, sevennet-l3i5"):
        load_potential("chgnt")


def test_elements_and_overlaps_that_a_potential_cannot_describe_are_refused() -> None:
    with pytest.raises(PotentialError):
        load_potential("sevennet-0").evaluate(3 * np.eye(3), np.array([110]), np.zeros((1, 3)))
    with pytest.raises(PotentialError):
        emt().evaluate(3 * np.eye(3), np.array([92]), np.zeros((1, 3)))


@pytest.mark.parametrize("name", ["chgnet", "sevennet-0"])
def test_unknown_elements_and_lone_atoms_are_told_in_our_words(name: str) -> None:
    potential = load_potential(name)
    with pytest.raises(PotentialError, match=r"^(CHGNet|SevenNet 0 .*) does not know Og$"):
        potential.evaluate(4 * np.eye(3), np.array([118]), np.zeros((1, 3)))
    with pytest.raises(PotentialError, match=r"isolated, nothing within [56] Å$"):
        potential.evaluate(30 * np.eye(3), np.array([11]), np.zeros((1, 3)))


def test_as_an_ase_calculator_calls_are_counted_and_answers_kept() -> None:
    atoms = bulk("Cu", a=3.5)
    atoms.calc = PotentialCalculator(emt())
    reference = bulk("Cu", a=3.5)
    reference.calc = EMT()
    assert atoms.get_potential_energy() == pytest.approx(reference.get_potential_energy())
    np.testing.assert_allclose(atoms.get_stress(), reference.get_stress(), atol=1e-12)
    assert atoms.calc.calls == 1


def test_a_package_offers_a_potential_by_entry_point(metals: MetalsPackage) -> None:
    metals.install("return EMT()")
    assert "metals" in names()
    found = load_potential("metals")
    assert found.tool == "metals (metals 1.5)"
    assert found.corrections == "none"
    CHECKS[0](found, rattled("emt"))


@pytest.mark.parametrize(
    ("function", "reason"),
    [("raise OSError('no weights')", "no weights"), ("return 3", "gave a int; it must give")],
)
def test_a_package_that_cannot_is_told(metals: MetalsPackage, function: str, reason: str) -> None:
    metals.install(function)
    with pytest.raises(MissingDependencyError, match=reason):
        load_potential("metals")
