"""Reference energies of a user's own phases: the energy of one as a stage, and the table of many.

The stages run where those of designs run, see :mod:`wyckforge.execute.hull_run`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from wyckforge.errors import StructureError
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.formulas import quiet
from wyckforge.realise.reference import ReferenceTable
from wyckforge.realise.stages import describe
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential

REFERENCE = "reference_energy"
"""Stage of the evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """A known crystal.

    Attributes:
        id: by which the table remembers it.
        crystal: any cell of it.
    """

    id: str
    crystal: Crystal


@dataclass(frozen=True, slots=True)
class Computed:
    """What became of a phase.

    Attributes:
        id: of the phase.
        formula: reduced.
        energy_per_atom: in eV/atom; ``None`` where there is none.
        method: ``relaxed``; ``unconverged``, where the lowest energy met is an upper bound like any other;
            ``single-point``; or ``failed``.
        reason: why there is no energy.
    """

    id: str
    formula: str
    energy_per_atom: float | None
    method: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceEnergy:
    """Evidence ``reference_energy`` (eV/atom): by the potential of the settings, with the corrections that it lacks.

    ``unknown`` where a relaxation has not converged, or, without a value, where there is no energy.

    Attributes:
        config: settings of the relaxation, and the potential.
        relaxed: relax within the symmetry; else the energy is that of the structure as given.
    """

    config: RelaxConfig
    relaxed: bool = True

    def __call__(self, candidate: Candidate) -> Candidate:
        """The phase with its energy and, where it was relaxed, the crystal that has it."""
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.potential.contract import PotentialError

        if candidate.crystal is None:
            return candidate.with_evidence(Evidence(REFERENCE, "unknown", reason="there is no structure"))
        potential = load_potential(self.config.potential)
        try:
            crystal, evidence = self._found(candidate.crystal, potential)
        except (PotentialError, StructureError) as error:
            return candidate.with_evidence(Evidence(REFERENCE, "unknown", reason=str(error), tool=potential.tool))
        return candidate.with_evidence(evidence, crystal=crystal)

    def _found(self, crystal: Crystal, potential: Potential) -> tuple[Crystal, Evidence]:
        from wyckforge.realise.corrections import comparable_energy, comparable_tool
        from wyckforge.realise.relax import relax
        from wyckforge.symmetry.detection import detect

        tool = comparable_tool(potential)
        if self.relaxed:
            found = relax(crystal, self.config, potential)
            energy = comparable_energy(found.energy_ev_per_atom, found.crystal, potential)
            return found.crystal, replace(describe(REFERENCE, found, tool), value=energy)
        cell = detect(crystal).primitive
        raw = potential.evaluate(cell.lattice, cell.numbers, cell.frac_coords).energy_ev / len(cell)
        energy = comparable_energy(raw, cell, potential)
        return crystal, Evidence(REFERENCE, "pass", energy, "eV/atom", "of the structure as given", tool)

    def candidate(self, phase: Phase) -> Candidate:
        """A phase as what stages take; its id tells whether the energy is the same.

        Raises:
            StructureError: the crystal has no symmetry that can be determined.
        """
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.symmetry.detection import detect

        settings = self.config.model_dump_json() if self.relaxed else ""
        key = sha256(f"{load_potential(self.config.potential).tool}\n{settings}\n".encode() + phase.crystal.content())
        gene = detect(phase.crystal).gene.canonical()
        return Candidate(key.hexdigest(), gene, Origin("phase", phase.id, gene.formula), crystal=phase.crystal)

    def outcome(self, phase: Phase, candidate: Candidate) -> Computed:
        """What became of a phase, by the candidate that went through the stage."""
        found = candidate.find(REFERENCE)
        if found is None or found.value is None:
            return failed(phase, candidate.evidence[-1].reason)
        method = "single-point" if not self.relaxed else "relaxed" if found.verdict == "pass" else "unconverged"
        return Computed(phase.id, formula_of(phase.crystal), found.value, method)


def failed(phase: Phase, reason: str) -> Computed:
    """A phase without an energy."""
    return Computed(phase.id, formula_of(phase.crystal), None, "failed", reason)


def table_of(computed: Iterable[Computed], tool: str, name: str) -> ReferenceTable:
    """A table with the lowest energy of every formula."""
    import pandas as pd

    columns = ("formula", "energy_per_atom", "method", "id")
    found = [[getattr(one, column) for column in columns] for one in computed if one.energy_per_atom is not None]
    rows = pd.DataFrame(found, columns=list(columns)).sort_values("energy_per_atom", kind="stable")
    rows = rows.drop_duplicates("formula").sort_values("formula", ignore_index=True)
    return ReferenceTable(rows, tool, name, {"unit": "eV/atom"})


@quiet()
def formula_of(crystal: Crystal) -> str:
    """The reduced formula of a crystal, as tables write it."""
    from pymatgen.core import Composition

    from wyckforge.symmetry.elements import symbol

    numbers = crystal.numbers.tolist()
    return str(Composition({symbol(z): numbers.count(z) for z in set(numbers)}).reduced_formula)
