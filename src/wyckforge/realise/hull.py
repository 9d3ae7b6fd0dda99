"""Energy above hull against reference energies of the same potential; an energy of another one is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.metadata import version
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from wyckforge.errors import InvalidGeneError, TableError
from wyckforge.realise.formulas import quiet, read_formula
from wyckforge.realise.reference import ENERGY_COLUMN, ReferenceTable, require_same_tool
from wyckforge.symmetry.elements import atomic_number, symbol

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

ROUNDING_EV_PER_ATOM = 1e-4
"""What a text file may take from an energy."""


@dataclass(frozen=True, slots=True)
class HullResult:
    """Where a composition and energy lie relative to the hull.

    Attributes:
        value: energy above hull in eV/atom, negative below the known hull; ``None`` where it cannot be known.
        formation_energy: from the elements of the same table, in eV/atom; ``None`` where it cannot be known.
        decomposition: the competing phases, ``(formula, share of atoms)``, largest share first.
        reason: why there is no value; empty if there is one.
    """

    value: float | None
    formation_energy: float | None = None
    decomposition: tuple[tuple[str, float], ...] = ()
    reason: str = ""


class ReferenceHull:
    """Reference energies by formula, and the phase diagrams made from them.

    Args:
        formulas: n formulas, ``NaCl``; any that pymatgen reads.
        energies: (n,) total energies in eV/atom.
        tool: name and version of the potential that gave them.
        name: what the table is called in messages.

    Raises:
        TableError: lengths differ, a formula holds no element, or an energy is not finite.
    """

    def __init__(self, formulas: list[str], energies: np.ndarray, *, tool: str, name: str = "reference") -> None:
        energies = np.asarray(energies, dtype=np.float64)
        if len(formulas) != len(energies):
            raise TableError(f"{name}: {len(formulas)} formulas and {len(energies)} energies; give one of each per row")
        if not np.isfinite(energies).all():
            row = int(np.flatnonzero(~np.isfinite(energies))[0])
            raise TableError(f"{name}: energy of {formulas[row]} is {energies[row]}; drop the row or give eV/atom")
        self.tool, self.name = tool, name
        self._rows: dict[frozenset[str], list[tuple[str, float]]] = {}
        for formula, energy in zip(formulas, energies.tolist(), strict=True):
            system = frozenset(re.findall(r"[A-Z][a-z]?", formula))
            if not system:
                raise TableError(f"{name}: {formula!r} is not a formula; write it like 'NaCl'")
            if system not in self._rows:
                _check_elements(system, formula, name)
            self._rows.setdefault(system, []).append((formula, energy))
        self._diagram = lru_cache(maxsize=64)(self._build_diagram)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table, see :meth:`ReferenceTable.read <wyckforge.realise.reference.ReferenceTable.read>`.

        Raises:
            TableError: the file is absent, is not such a table, lacks a column, or does not name one potential.
        """
        table = ReferenceTable.read(path)
        return cls(
            table.rows["formula"].tolist(), table.rows[ENERGY_COLUMN].to_numpy(), tool=table.tool, name=table.name
        )

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    @property
    def systems(self) -> frozenset[frozenset[str]]:
        """Chemical systems with a reference energy, as sets of elements."""
        return frozenset(self._rows)

    @cached_property
    def elements(self) -> frozenset[str]:
        """Elements with a reference energy of their own."""
        return frozenset(next(iter(system)) for system in self._rows if len(system) == 1)

    def covers(self, other: ReferenceHull) -> bool:
        """Whether every phase of another hull is here too, at an energy of the same tool that is no higher."""
        if self is other:
            return True
        mine, theirs = self._lowest, other._lowest
        return self.tool == other.tool and all(
            mine.get(formula, np.inf) <= energy + ROUNDING_EV_PER_ATOM for formula, energy in theirs.items()
        )

    @cached_property
    def _lowest(self) -> dict[str, float]:
        """The least energy of every formula, as the table writes it."""
        found: dict[str, float] = {}
        for formula, energy in chain.from_iterable(self._rows.values()):
            found[formula] = min(energy, found.get(formula, np.inf))
        return found

    @quiet()
    def energy_above_hull(self, composition: Mapping[int, float], energy_per_atom: float, *, tool: str) -> HullResult:
        """Distance of an energy from the hull of all references of the chemical system.

        Args:
            composition: atoms by atomic number.
            energy_per_atom: in eV/atom.
            tool: whose energy it is.

        Raises:
            TableError: it is of another potential than the table.
        """
        require_same_tool(tool, self.tool, self.name)
        from pymatgen.analysis.phase_diagram import PDEntry
        from pymatgen.core import Composition

        formula = Composition({symbol(number): count for number, count in composition.items()})
        system = frozenset(str(element) for element in formula.elements)
        if missing := sorted(system - self.elements):
            return HullResult(None, reason=f"no reference energy for {', '.join(missing)} in {self.name}")
        entry = PDEntry(formula, energy_per_atom * formula.num_atoms)
        diagram = self._diagram(system)
        phases, value = diagram.get_decomp_and_e_above_hull(entry, allow_negative=True)
        shares = sorted(
            ((phase.composition.reduced_formula, float(share)) for phase, share in phases.items()),
            key=lambda item: (-item[1], item[0]),
        )
        return HullResult(float(value), float(diagram.get_form_energy_per_atom(entry)), tuple(shares))

    def _build_diagram(self, system: frozenset[str]) -> PhaseDiagram:
        from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
        from pymatgen.core import Composition

        subsystems = (frozenset(part) for size in range(1, len(system) + 1) for part in combinations(system, size))
        rows = [row for subsystem in subsystems for row in self._rows.get(subsystem, ())]
        compositions = [Composition(formula) for formula, _ in rows]
        return PhaseDiagram(
            [
                PDEntry(formula, energy * formula.num_atoms)
                for formula, (_, energy) in zip(compositions, rows, strict=True)
            ]
        )


def _check_elements(system: frozenset[str], formula: str, name: str) -> None:
    for element in sorted(system):
        try:
            atomic_number(element)
        except InvalidGeneError as error:
            raise TableError(f"{name}: {formula!r} is not a formula ({error})") from None


@cache
def shared_hull(path: Path) -> ReferenceHull:
    """The hull of a table, one per process."""
    return ReferenceHull.load(path)


def composition_of(formula: str) -> dict[int, float]:
    """Atoms by atomic number.

    Raises:
        TableError: the formula cannot be read, holds no element, or has a coefficient that is not positive and finite.
    """
    try:
        return read_formula(formula)
    except ValueError as error:
        raise TableError(f"formula {formula!r} given ({error}); write it like 'NaCl'") from None


def tool() -> str:
    """Name and version of what draws the hull."""
    return f"pymatgen {version('pymatgen')}"
