"""Build the bundled reference hull: CHGNet energies of the known stable crystals.

Three passes, each resumable (finished entries are kept, one JSON line each, in ``--work``):

1. select the entries on or within 0.02 eV/atom of the DFT hull, each label vintage by itself, and the crystals of the
   embedded table in chemical systems that the data lacks;
2. CHGNet energy of every one at its DFT geometry;
3. full CHGNet relaxation of the elements, then of the lowest entry of every formula, fewest elements and smallest
   cells first, until ``--relax-minutes`` are spent.

The lowest energy of every formula goes into the table. Each is an upper bound of the relaxed ground state.
Beside it, the volume that an atom of each element takes in these crystals, from which trial cells get their size.

    python tools/build_reference_hull.py --data ../shared/data/materials_project_structures.parquet
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import moyopy
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols, reference_states
from ase.filters import UnitCellFilter
from ase.optimize import BFGS
from ase.spacegroup import crystal
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition
from scipy.optimize import nnls
from tqdm import tqdm

from wyckforge.data.embedded import load_embedded
from wyckforge.potential.ase_bridge import PotentialCalculator
from wyckforge.potential.chgnet import TOOL, Chgnet, evaluate
from wyckforge.potential.contract import PotentialError
from wyckforge.symmetry.elements import symbol

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("WYCKFORGE_SHARED", ROOT.parent / "shared" / "data"))
DATA = SHARED / "materials_project_structures.parquet"
OUT = ROOT / "src" / "wyckforge" / "realise" / "reference_hull.parquet"
VOLUMES = ROOT / "src" / "wyckforge" / "data" / "atomic_volumes.json"

NEAR_HULL_EV = 0.02
MAX_ATOMS = 50
FMAX_EV_PER_ANGSTROM = 0.05
MAX_STEPS = 40
MAX_STEPS_ELEMENT = 150
ELEMENT_WINDOW_EV = 0.1
RELAX_WINDOW_EV = 0.03
SEED, SAMPLE = 7, 120
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


def distances_to_hull(formulas: list[str], energies: np.ndarray, *, elements_at_zero: bool) -> np.ndarray:
    """Energy above hull (eV/atom) of every entry, against all entries of its chemical system.

    Args:
        formulas: n formulas.
        energies: (n,) energies per atom, or formation energies per atom.
        elements_at_zero: add the elements with energy zero, as formation energies need.
    """
    compositions = [Composition(formula) for formula in formulas]
    members: dict[frozenset[str], list[int]] = {}
    for index, composition in enumerate(compositions):
        members.setdefault(frozenset(map(str, composition.elements)), []).append(index)
    above = np.full(len(formulas), np.nan)
    for system, own in tqdm(members.items(), desc="phase diagrams", mininterval=10):
        sizes = range(1, len(system) + 1)
        subsets = (part for size in sizes for part in itertools.combinations(system, size))
        inside = [index for part in subsets for index in members.get(frozenset(part), ())]
        entries = {i: PDEntry(compositions[i], energies[i] * compositions[i].num_atoms) for i in inside}
        zeros = [PDEntry(Composition(element), 0.0) for element in system] if elements_at_zero else []
        present = {str(e.composition.elements[0]) for e in [*entries.values(), *zeros] if e.composition.is_element}
        if system <= present:
            diagram = PhaseDiagram([*entries.values(), *zeros])
            for index in own:
                above[index] = diagram.get_e_above_hull(entries[index], allow_negative=True)
    return above


def select(frame: pd.DataFrame) -> pd.Series:
    """Mask of the entries to compute: all elements, and what the data or its own vintage's hull puts near the hull."""
    above = frame["energy_above_hull"].copy()
    vintage = frame["formation_energy_source"].map(lambda source: VINTAGES.get(source, source))
    for name, rows in frame[frame["formation_energy_per_atom"].notna()].groupby(vintage):
        if not rows["energy_above_hull"].isna().any():
            continue
        computed = distances_to_hull(
            rows["formula"].tolist(), rows["formation_energy_per_atom"].to_numpy(), elements_at_zero=True
        )
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


def single_point(entry: Entry) -> dict[str, object]:
    """CHGNet energy at the given geometry."""
    atoms = entry.atoms
    energy = float(evaluate(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions(), task="e")["e"])
    return {"energy_per_atom": energy, "method": "single-point"}


def relaxed(entry: Entry) -> dict[str, object]:
    """CHGNet energy after relaxing cell and positions; the lowest energy met, should the search stop early.

    BFGS, since the start is a DFT minimum: a third fewer calls than FIRE for the same energy.
    """
    atoms = entry.atoms.copy()
    atoms.calc = PotentialCalculator(Chgnet())
    search = BFGS(UnitCellFilter(atoms), logfile=None)
    volume, energies, converged = atoms.get_volume(), [], False
    steps = MAX_STEPS_ELEMENT if entry.n_elements == 1 else MAX_STEPS
    for converged in search.irun(fmax=FMAX_EV_PER_ANGSTROM, steps=steps):  # noqa: B007 - read after the loop
        # Outside this window the network extrapolates, and its energies are no evidence.
        if not 0.5 < atoms.get_volume() / volume < 2.0:
            break
        energies.append(atoms.get_potential_energy() / len(atoms))
    return {
        "energy_per_atom": min(energies),
        "method": "relaxed",
        "converged": bool(converged),
        "calls": atoms.calc.calls,
        "volume_ratio": atoms.get_volume() / volume,
    }


def compute(
    entries: list[Entry], work: Callable[[Entry], dict[str, object]], log: Path, *, minutes: float = float("inf")
) -> pd.DataFrame:
    """Apply ``work`` to the entries that ``log`` does not hold yet, within the time; returns all lines of ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    done = {line["id"] for line in _read(log)}
    deadline = time.monotonic() + 60 * minutes
    with log.open("a", encoding="utf-8") as stream:
        for entry in tqdm([e for e in entries if e.id not in done], desc=log.stem, mininterval=10):
            if time.monotonic() > deadline:
                break
            try:
                found = work(entry)
            except PotentialError as error:
                found = {"method": "failed", "reason": str(error)}
            print(json.dumps({"id": entry.id, "formula": entry.formula, **found}), file=stream, flush=True)
    return pd.DataFrame(_read(log))


def _read(log: Path) -> list[dict[str, object]]:
    """The complete lines of a log; a kill may have cut the last one."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8")
    log.write_text(lines[: lines.rfind("\n") + 1], encoding="utf-8")
    return [json.loads(line) for line in lines[: lines.rfind("\n") + 1].splitlines()]


def atomic_volumes(entries: list[Entry]) -> dict[str, float]:
    """Volume in Å³ that an atom of each element takes in compounds: least squares on relative errors, never negative.

    An element that is in no compound takes the volume it has in an elementary crystal.
    """
    volumes = {
        entry.formula.rstrip("0123456789"): entry.atoms.get_volume() / len(entry.atoms)
        for entry in entries
        if entry.n_elements == 1
    }
    compounds = [entry for entry in entries if entry.n_elements > 1]
    shares = np.zeros((len(compounds), 119))
    for row, entry in enumerate(compounds):
        np.add.at(shares[row], entry.atoms.numbers, 1 / entry.atoms.get_volume())
    used = np.flatnonzero(shares.any(axis=0))
    fitted, _ = nnls(shares[:, used], np.ones(len(compounds)))
    volumes |= dict(zip((chemical_symbols[z] for z in used), fitted.tolist(), strict=True))
    return {symbol: round(volume, 2) for symbol, volume in sorted(volumes.items())}


def lowest(frame: pd.DataFrame) -> pd.DataFrame:
    """The row of least energy of every formula."""
    return frame.loc[frame.groupby("formula")["energy_per_atom"].idxmin()].reset_index(drop=True)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Parquet of known structures.")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".cache" / "hull", help="Folder of the logs.")
@click.option("--relax-minutes", default=60.0, help="Time for relaxations of compounds.")
@click.option("--out", type=click.Path(path_type=Path), default=OUT)
def main(data: Path, work: Path, relax_minutes: float, out: Path) -> None:
    """Compute the reference hull and write it to OUT."""
    if not data.exists():
        sys.exit(f"{data} is absent; give the structures with --data, or their folder in WYCKFORGE_SHARED")
    frame = pd.read_parquet(data)
    frame["formula"] = [Composition.from_dict(_counts(numbers)).reduced_formula for numbers in frame["numbers"]]
    chosen = work / "selection.json"
    if not chosen.exists():
        work.mkdir(parents=True, exist_ok=True)
        chosen.write_text(json.dumps(frame.loc[select(frame), "material_id"].tolist()), encoding="utf-8")
    rows = frame[frame["material_id"].isin(json.loads(chosen.read_text(encoding="utf-8")))]
    cells = tqdm(rows.itertuples(), desc="cells", total=len(rows), mininterval=10)
    entries = [
        Entry(row.material_id, row.formula, _primitive(row.lattice, row.numbers, row.frac_coords)) for row in cells
    ]
    systems = set(frame["chemical_system"])
    entries += embedded(systems)
    entries += prototypes({element for system in systems for element in system.split("-")})
    entries = sorted(
        (e for e in entries if len(e.atoms) <= MAX_ATOMS), key=lambda e: (e.n_elements, len(e.atoms), e.id)
    )
    known = {entry.id: entry for entry in entries}
    VOLUMES.write_text(json.dumps(atomic_volumes(entries), indent=0) + "\n", encoding="utf-8")
    points = compute(entries, single_point, work / "single_points.jsonl")

    points = points[points["id"].isin(known)].dropna(subset="energy_per_atom")
    least = points.groupby("formula")["energy_per_atom"].transform("min")
    elements = [
        known[name]
        for name in points.loc[
            (points["energy_per_atom"] <= least + ELEMENT_WINDOW_EV) | points["id"].str.startswith(PROTOTYPE), "id"
        ]
        if known[name].n_elements == 1
    ]
    compute(elements, relaxed, work / "relaxed.jsonl")
    phases = lowest(points)
    above = distances_to_hull(phases["formula"].tolist(), phases["energy_per_atom"].to_numpy(), elements_at_zero=False)
    compounds = [known[name] for name in phases.loc[above <= RELAX_WINDOW_EV, "id"] if known[name].n_elements > 1]
    compounds.sort(key=lambda entry: (entry.n_elements, len(entry.atoms), entry.id))
    # A random sample first: it measures how far relaxation lowers an energy.
    sample = np.random.default_rng(SEED).permutation(len(compounds))[:SAMPLE]
    compounds = [compounds[i] for i in sample] + [e for i, e in enumerate(compounds) if i not in set(sample)]
    drawn = {entry.id for entry in compounds[:SAMPLE]}
    relaxations = compute(compounds, relaxed, work / "relaxed.jsonl", minutes=relax_minutes)
    write(pd.concat([points, relaxations], ignore_index=True), drawn, out)


def write(energies: pd.DataFrame, sample: set[str], out: Path) -> None:
    """Write the lowest energy of every formula, with what the table is and how it leans as metadata."""
    energies = energies.dropna(subset="energy_per_atom")
    # A relaxed energy that equals the one before it to rounding still is a relaxed one.
    order = energies.assign(rank=energies["energy_per_atom"] - 1e-5 * (energies["method"] == "relaxed"))
    energies = order.sort_values("rank", kind="stable")
    table = energies.drop_duplicates("formula").sort_values("formula")[["formula", "energy_per_atom", "method", "id"]]
    drawn = energies[energies["id"].isin(sample)]
    both = drawn.pivot_table(index="id", columns="method", values="energy_per_atom").dropna()
    lowering = (both["single-point"] - both["relaxed"]).to_numpy()
    notes = {
        "potential": TOOL,
        "unit": "eV/atom; MP2020 corrections are part of the energies",
        "selection": f"elements, and entries within {NEAR_HULL_EV} eV/atom of the DFT hull, "
        f"of at most {MAX_ATOMS} atoms in the primitive cell; embedded crystals of further chemical systems",
        "relaxed": f"{int((table['method'] == 'relaxed').sum())} of {len(table)} formulas",
        "lowering_by_relaxation": f"random sample of {len(lowering)}: median {np.median(lowering):.4f}, "
        f"mean {lowering.mean():.4f}, 95th percentile {np.quantile(lowering, 0.95):.4f} eV/atom",
        "bias": "single-point energies are upper bounds; energies above hull against them come out too low",
    }
    schema = pa.Table.from_pandas(table, preserve_index=False)
    schema = schema.replace_schema_metadata({"wyckforge": json.dumps(notes)})
    pq.write_table(schema, out, compression="zstd")
    click.echo(f"{out}: {json.dumps(notes, indent=2)}", err=True)


def _counts(numbers: np.ndarray) -> dict[str, int]:
    symbols, counts = np.unique(Atoms(numbers=numbers).get_chemical_symbols(), return_counts=True)
    return dict(zip(symbols.tolist(), map(int, counts), strict=True))


if __name__ == "__main__":
    main()
