"""Energy above hull against reference energies computed with the same potential.

CHGNet energies contain the MP2020 corrections, so nothing is corrected here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from wyckforge.errors import InvalidGeneError, TableError
from wyckforge.symmetry.elements import atomic_number, symbol

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

FORMULA_COLUMNS = ("formula", "composition")
ENERGY_COLUMN = "energy_per_atom"


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
        name: what the table is called in messages.

    Raises:
        TableError: lengths differ, a formula holds no element, or an energy is not finite.
    """

    def __init__(self, formulas: list[str], energies: np.ndarray, *, name: str = "reference") -> None:
        energies = np.asarray(energies, dtype=np.float64)
        if len(formulas) != len(energies):
            raise TableError(f"{name}: {len(formulas)} formulas and {len(energies)} energies; give one of each per row")
        if not np.isfinite(energies).all():
            row = int(np.flatnonzero(~np.isfinite(energies))[0])
            raise TableError(f"{name}: energy of {formulas[row]} is {energies[row]}; drop the row or give eV/atom")
        self.name = name
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
    def load(cls, path: Path | None = None) -> Self:
        """Read a Parquet or CSV table with columns ``formula`` (or ``composition``) and ``energy_per_atom`` (eV/atom).

        Args:
            path: the table; ``None`` for the bundled one (CHGNet).

        Raises:
            TableError: the file is absent, is not such a table, or lacks a column.
        """
        if path is None:
            with as_file(files("wyckforge.realise") / "reference_hull.parquet") as bundled:
                return cls.load(bundled)
        import pandas as pd

        try:
            frame = pd.read_csv(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise TableError(f"{path} cannot be read as a Parquet or CSV table: {error}") from None
        column = next((name for name in FORMULA_COLUMNS if name in frame.columns), None)
        if column is None or ENERGY_COLUMN not in frame.columns:
            raise TableError(
                f"{path} has columns {', '.join(map(str, frame.columns))}; a reference table needs "
                f"{' or '.join(FORMULA_COLUMNS)}, and {ENERGY_COLUMN} in eV/atom"
            )
        energies = pd.to_numeric(frame[ENERGY_COLUMN], errors="coerce").to_numpy()
        return cls(frame[column].astype(str).tolist(), energies, name=path.name)

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    @cached_property
    def elements(self) -> frozenset[str]:
        """Elements with a reference energy of their own."""
        return frozenset(next(iter(system)) for system in self._rows if len(system) == 1)

    def energy_above_hull(self, composition: Mapping[int, float], energy_per_atom: float) -> HullResult:
        """Distance of an energy from the hull of all references of the chemical system.

        Args:
            composition: atoms by atomic number.
            energy_per_atom: in eV/atom, from the potential of the table.
        """
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

        rows = [row for subsystem, rows in self._rows.items() if subsystem <= system for row in rows]
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


def tool() -> str:
    """Name and version of what draws the hull."""
    return f"pymatgen {version('pymatgen')}"
