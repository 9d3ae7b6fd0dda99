"""The known phases of the reference hulls: which crystals they are, the same for every potential.

On or within 0.02 eV/atom of the DFT hull, each label vintage by itself; the crystals of the embedded table in chemical
systems that the data lacks; and the elements in the lattices of their ground states.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import moyopy
import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk
from ase.data import reference_states
from ase.spacegroup import crystal
from pymatgen.core import Composition
from tqdm import tqdm

from wyckforge.data.embedded import load_embedded
from wyckforge.realise.hull import ReferenceHull
from wyckforge.symmetry.elements import symbol

NEAR_HULL_EV = 0.02
MAX_ATOMS = 50
PROTOTYPE = "prototype-"
# mp_20, mpts_52 and wbm carry the same corrections and agree on shared ids; the other vintages stand alone.
VINTAGES = {"mp_20": "modern", "mpts_52": "modern", "wbm": "modern"}
# Elements whose ground state may be missing from the data and that ASE cannot build:
# cell in Å and degrees, group, sites. Measured values: P black (Brown 1965), U alpha (Barrett 1963),
# Np alpha (Zachariasen 1952), Se (Cherin 1967), Te (Adenis 1989).
MEASURED = {
    "P": ((3.31, 10.48, 4.38, 90, 90, 90), 64, [(0.0, 0.1017, 0.0806)]),
    "Se": ((4.366, 4.366, 4.954, 90, 90, 120), 152, [(0.2254, 0.0, 1 / 3)]),
    "Te": ((4.456, 4.456, 5.921, 90, 90, 120), 152, [(0.2636, 0.0, 1 / 3)]),
    "U": ((2.854, 5.869, 4.955, 90, 90, 90), 63, [(0.0, 0.1025, 0.25)]),
    "Np": ((6.663, 4.723, 4.887, 90, 90, 90), 62, [(0.036, 0.25, 0.208), (0.319, 0.25, 0.842)]),
}
# Close-packed stand-ins: Pm (double hcp) and Sm (nine-layer) differ from hcp by a few meV; Pu is the delta phase.
NEAREST_LATTICE = {
    "Pm": {"crystalstructure": "hcp", "a": 3.65, "c": 5.83},
    "Sm": {"crystalstructure": "hcp", "a": 3.62, "c": 5.83},
    "Pu": {"crystalstructure": "fcc", "a": 4.64},
}


@dataclass(frozen=True)
class Entry:
    """A known crystal: identifier, pymatgen reduced formula, primitive cell."""

    id: str
    formula: str
    atoms: Atoms

    @property
    def n_elements(self) -> int:
        """Distinct elements."""
        return len(set(self.atoms.numbers))


def every_crystal(data: Path) -> list[Entry]:
    """All crystals of the data, and what completes them."""
    frame = pd.read_parquet(data)
    return _entries(frame, frame)


def phases(data: Path, work: Path) -> list[Entry]:
    """The phases of the reference hulls, fewest elements and smallest cells first.

    Args:
        data: Parquet of known structures.
        work: folder in which the selection is kept; it takes minutes to make.
    """
    frame = pd.read_parquet(data)
    chosen = work / "selection.json"
    if not chosen.exists():
        work.mkdir(parents=True, exist_ok=True)
        chosen.write_text(json.dumps(frame.loc[select(frame), "material_id"].tolist()), encoding="utf-8")
    near = frame["material_id"].isin(json.loads(chosen.read_text(encoding="utf-8")))
    entries = [entry for entry in _entries(frame[near], frame) if len(entry.atoms) <= MAX_ATOMS]
    return sorted(entries, key=lambda entry: (entry.n_elements, len(entry.atoms), entry.id))


def _entries(rows: pd.DataFrame, frame: pd.DataFrame) -> list[Entry]:
    """Crystals of some rows, embedded ones of systems that no row of the frame has, and lattices of the elements."""
    cells = tqdm(rows.itertuples(), desc="cells", total=len(rows), mininterval=10)
    entries = [
        Entry(row.material_id, _formula(row.numbers), _primitive(row.lattice, row.numbers, row.frac_coords))
        for row in cells
    ]
    systems = set(frame["chemical_system"])
    return [*entries, *embedded(systems), *prototypes({element for one in systems for element in one.split("-")})]


def distances_to_hull(formulas: list[str], energies: np.ndarray, tool: str) -> np.ndarray:
    """Energy above hull (eV/atom) of every entry against all of them; NaN where an element has no energy.

    Args:
        formulas: n formulas.
        energies: (n,) energies per atom, or formation energies per atom with the elements among them.
        tool: whose energies they are.
    """
    hull = ReferenceHull(formulas, energies, tool=tool)
    counts = [{element.Z: n for element, n in Composition(formula).items()} for formula in formulas]
    above = np.full(len(formulas), np.nan)
    # one chemical system after the other, since the hull remembers the last diagrams
    order = sorted(range(len(formulas)), key=lambda row: sorted(counts[row]))
    for row in tqdm(order, desc="energies above hull", mininterval=10):
        found = hull.energy_above_hull(counts[row], energies[row], tool=tool).value
        above[row] = np.nan if found is None else found
    return above


def select(frame: pd.DataFrame) -> pd.Series:
    """Mask of the entries to compute: all elements, and what the data or its own vintage's hull puts near the hull."""
    above = frame["energy_above_hull"].copy()
    vintage = frame["formation_energy_source"].map(lambda source: VINTAGES.get(source, source))
    for name, rows in frame[frame["formation_energy_per_atom"].notna()].groupby(vintage):
        if not rows["energy_above_hull"].isna().any():
            continue
        # formation energies count from the elements, which lie at zero
        elements = sorted({element for system in rows["chemical_system"] for element in system.split("-")})
        formulas = [*map(_formula, rows["numbers"]), *elements]
        energies = np.append(rows["formation_energy_per_atom"].to_numpy(), np.zeros(len(elements)))
        computed = distances_to_hull(formulas, energies, str(name))[: len(rows)]
        missing = above.loc[rows.index].isna()
        above.loc[rows.index[missing]] = computed[missing]
        click.echo(f"vintage {name}: {int(missing.sum())} energies above hull computed", err=True)
    unlabelled = int((above.isna() & (frame["nelements"] > 1)).sum())
    click.echo(f"{unlabelled} compounds without any label are left out", err=True)
    return (above <= NEAR_HULL_EV) | (frame["nelements"] == 1)


def _primitive(lattice: np.ndarray, numbers: np.ndarray, frac_coords: np.ndarray) -> Atoms:
    """The primitive cell at symprec 0.01; the given cell where no symmetry is found."""
    lattice, coords = np.reshape(lattice, (3, 3)), np.reshape(frac_coords, (-1, 3))
    cell = moyopy.Cell(lattice.tolist(), coords.tolist(), list(map(int, numbers)))
    with contextlib.suppress(ValueError):
        cell = moyopy.MoyoDataset(cell, symprec=0.01).prim_std_cell
    return Atoms(numbers=cell.numbers, cell=cell.basis, scaled_positions=cell.positions, pbc=True)


def embedded(systems: set[str]) -> Iterator[Entry]:
    """Crystals of the embedded table in chemical systems that the data lacks."""
    table = load_embedded()
    for name, gene, cell in zip(table.ids, table.genes, table.crystals or (), strict=True):
        counts = {symbol(number): count for number, count in gene.composition.items()}
        if cell is not None and "-".join(sorted(counts)) not in systems:
            atoms = _primitive(cell.lattice, cell.numbers, cell.frac_coords)
            yield Entry(name, Composition(counts).reduced_formula, atoms)


def prototypes(symbols: Iterable[str]) -> Iterator[Entry]:
    """Ground-state lattices of the elements from ASE's reference states, and measured ones."""
    for element in sorted(symbols):
        if element in MEASURED:
            cell, group, basis = MEASURED[element]
            atoms = crystal([element] * len(basis), basis, spacegroup=group, cellpar=cell, primitive_cell=True)
        elif element in NEAREST_LATTICE:
            atoms = bulk(element, **NEAREST_LATTICE[element])
        else:
            state = reference_states[Atoms(element).numbers[0]]
            if not state or state["symmetry"] not in {"fcc", "bcc", "hcp", "diamond", "sc"}:
                continue
            atoms = bulk(element)
        plain = Atoms(atoms.symbols, cell=atoms.cell, positions=atoms.positions, pbc=True)
        yield Entry(PROTOTYPE + element, element, plain)


def _formula(numbers: np.ndarray) -> str:
    """The reduced formula as pymatgen writes it."""
    kinds, counts = np.unique(numbers, return_counts=True)
    return str(Composition({symbol(int(z)): int(n) for z, n in zip(kinds, counts, strict=True)}).reduced_formula)
