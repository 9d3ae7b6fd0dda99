"""What the Materials Project adds to PBE energies, for potentials that learned them without.

PBE and PBE+U energies are not comparable as they are, and PBE binds O2 and its like too strongly. A potential says what
its energies lack (:attr:`Potential.corrections <wyckforge.potential.contract.Potential.corrections>`): CHGNet learned
energies with the corrections in them; SevenNet learned raw ones, which get them here. A corrected energy goes by
another name, which tables of reference energies keep, so that it is never compared with a raw one.

Source: Wang et al., Sci. Rep. 11, 15496 (2021); the corrections are those of pymatgen (MP2020).
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

from wyckforge.data.structures import to_pymatgen
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    from wyckforge.potential.contract import Potential

CORRECTED = " + MP2020"
"""Ending of the name of corrected energies."""


def comparable_tool(potential: Potential) -> str:
    """What the energies of a potential are called once they hold the corrections that they lack."""
    return potential.tool if potential.corrections == "none" else potential.tool + CORRECTED


def comparable_energy(energy_per_atom: float, crystal: Crystal, potential: Potential) -> float:
    """An energy that stands beside those of other compositions, in eV/atom.

    Args:
        energy_per_atom: in eV/atom, as the potential gives it.
        crystal: whose energy it is; peroxides and superoxides are told by their distances.
        potential: whose energy it is; it knows which corrections that lacks.
    """
    return energy_per_atom if potential.corrections == "none" else energy_per_atom + mp2020_correction(crystal)


def mp2020_correction(crystal: Crystal) -> float:
    """The MP2020 correction of a crystal in eV/atom."""
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    structure = to_pymatgen(crystal)
    elements = structure.composition.elements
    anion = max(elements, key=lambda element: element.X).symbol
    # The Materials Project adds U to some metals where oxygen or fluorine is the most electronegative element.
    with_u = _scheme().u_settings.get(anion, {}) if anion in ("O", "F") else {}
    hubbards = {element.symbol: with_u.get(element.symbol, 0) for element in elements}
    parameters = (
        {"run_type": "GGA+U", "hubbards": hubbards} if any(hubbards.values()) else {"run_type": "GGA", "hubbards": {}}
    )
    entry = ComputedStructureEntry(structure, 0.0, parameters=parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns wherever it cannot guess oxidation states, as of every alloy
        adjustments = _scheme().get_adjustments(entry)
    return float(sum(one.value for one in adjustments)) / len(crystal)


@cache
def _scheme() -> MaterialsProject2020Compatibility:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return MaterialsProject2020Compatibility(check_potcar=False)
