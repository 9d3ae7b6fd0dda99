"""ASE on both sides of the contract: any ASE calculator as a potential, and any potential as an ASE calculator."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorError, all_changes
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from wyckforge.potential.contract import (
    Array,
    Corrections,
    Evaluation,
    Potential,
    PotentialError,
    require_known,
    require_room,
)


class AsePotential(Potential):
    """An ASE calculator as a potential.

    Args:
        calculator: one that gives energies, forces and stresses of periodic cells.
        name: by which it is chosen.
        tool: name and version of the model, as evidence and hulls shall call it.
        cutoff_angstrom: an atom with no neighbour so near is refused, as the potential cannot see what holds it.
        corrections: what the energies lack, see :attr:`Potential.corrections`.
        elements: atomic numbers that the model knows, if it says so.
    """

    def __init__(
        self,
        calculator: Calculator,
        *,
        name: str,
        tool: str,
        cutoff_angstrom: float = 5.0,
        corrections: Corrections = "none",
        elements: frozenset[int] | None = None,
    ) -> None:
        self.name, self.tool, self.corrections, self.elements = name, tool, corrections, elements
        self._calculator, self._cutoff = calculator, cutoff_angstrom

    def evaluate(self, lattice: Array, numbers: NDArray[np.int64], frac_coords: Array) -> Evaluation:
        """See :meth:`Potential.evaluate`."""
        require_known(self.tool, self.elements, numbers)
        require_room(lattice, len(numbers))
        atoms = Atoms(numbers=numbers, cell=lattice, scaled_positions=frac_coords, pbc=True)
        if missing := set(range(len(atoms))) - set(neighbor_list("i", atoms, self._cutoff)):
            raise PotentialError(f"{self.tool}: atom {min(missing)} is isolated, nothing within {self._cutoff:g} Å")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                atoms.calc = self._calculator  # lets the calculator refuse elements that it does not know
                self._calculator.calculate(atoms, ["energy", "forces", "stress"], all_changes)
                found = self._calculator.results
                energy, forces = float(found["energy"]), np.array(found["forces"], np.float64)
                stress = np.array(found["stress"], np.float64)
        except (CalculatorError, ArithmeticError, LookupError, NotImplementedError, ValueError, RuntimeError) as error:
            if "memory" in str(error).lower():
                raise
            raise PotentialError(f"{self.tool} cannot describe the structure: {error}") from error
        if stress.shape == (6,):
            stress = voigt_6_to_full_3x3_stress(stress)
        if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
            raise PotentialError(f"{self.tool}: the answer is not finite")
        return Evaluation(energy, forces, stress)


class PotentialCalculator(Calculator):
    """A potential as an ASE calculator.

    Args:
        potential: what is asked.

    Attributes:
        calls: number of evaluations so far.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential, self.calls = potential, 0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill ``results`` with energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt order)."""
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        found = self.potential.evaluate(self.atoms.cell.array, self.atoms.numbers, self.atoms.get_scaled_positions())
        self.results = {
            "energy": found.energy_ev,
            "free_energy": found.energy_ev,
            "forces": found.forces,
            "stress": full_3x3_to_voigt_6_stress(found.stress),
        }
