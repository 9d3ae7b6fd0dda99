"""Build the bundled reference hulls: energies of the same known phases by each potential.

The phases are those of :mod:`known_phases`. Two passes, each resumable (finished entries are kept, one JSON line each,
in ``--work``):

1. the energy of every phase at its DFT geometry, or what ``batch_energies.py`` computed elsewhere (``--energies``);
2. full relaxation of the elements, then of a random sample, then of the lowest entry of every formula, fewest elements
   and smallest cells first, until ``--relax-minutes`` are spent.

The lowest energy of every formula goes into the table. Each is an upper bound of the relaxed ground state. With
``--volumes``, the volume that an atom of each element takes in these crystals is written, too, from which trial cells
get their size.

    python tools/build_reference_hull.py --potential chgnet
    python tools/build_reference_hull.py --potential sevennet-0 --energies sevennet-0.npz
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import numpy as np
import pandas as pd
from ase.data import chemical_symbols
from scipy.optimize import nnls
from tqdm import tqdm

from known_phases import MAX_ATOMS, NEAR_HULL_EV, PROTOTYPE, Entry, phases
from wyckforge.errors import StructureError
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import Potential, PotentialError
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.corrections import comparable_tool, mp2020_correction
from wyckforge.realise.reference import ReferenceTable
from wyckforge.realise.relax import relax
from wyckforge.symmetry.crystal import Crystal

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("WYCKFORGE_SHARED", ROOT.parent / "shared" / "data"))
DATA = SHARED / "materials_project_structures.parquet"
REALISE = ROOT / "src" / "wyckforge" / "realise"

LIMITS = RelaxConfig(max_steps=60)
ELEMENT_WINDOW_EV = 0.1
LEFT_EV = 0.1
"""A relaxation that lowers an energy by more has left the phase that DFT knows: potentials have minima of their own."""

SEED, SAMPLE = 7, 120


def crystal_of(entry: Entry) -> Crystal:
    """The primitive cell."""
    return Crystal(entry.atoms.cell.array, entry.atoms.numbers, entry.atoms.get_scaled_positions())


def single_point(entry: Entry, potential: Potential) -> dict[str, object]:
    """Energy at the given geometry."""
    cell = crystal_of(entry)
    energy = potential.evaluate(cell.lattice, cell.numbers, cell.frac_coords).energy_ev
    return {"energy_per_atom": energy / len(cell), "method": "single-point"}


def correction(entry: Entry, _: Potential) -> dict[str, object]:
    """What makes raw energies comparable with one another; relaxing does not change it."""
    return {"correction_per_atom": mp2020_correction(crystal_of(entry))}


def relaxed(entry: Entry, potential: Potential) -> dict[str, object]:
    """Energy after relaxing all that symmetry leaves free; the lowest sound one, should the search stop early."""
    found = relax(crystal_of(entry), LIMITS, potential)
    return {
        "energy_per_atom": found.energy_ev_per_atom,
        "method": "relaxed",
        "converged": found.converged,
        "calls": found.calls,
    }


def compute(
    entries: list[Entry],
    work: Callable[[Entry, Potential], dict[str, object]],
    potential: Potential,
    log: Path,
    *,
    minutes: float = float("inf"),
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
                found = work(entry, potential)
            except (PotentialError, StructureError) as error:
                found = {"method": "failed", "reason": str(error)}
            print(json.dumps({"id": entry.id, "formula": entry.formula, **found}), file=stream, flush=True)
    return pd.DataFrame(_read(log))


def _read(log: Path) -> list[dict[str, Any]]:
    """The complete lines of a log; a kill may have cut the last one."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8")
    log.write_text(lines[: lines.rfind("\n") + 1], encoding="utf-8")
    return [json.loads(line) for line in lines[: lines.rfind("\n") + 1].splitlines()]


def points_of(file: Path, known: dict[str, Entry]) -> pd.DataFrame:
    """Single points computed elsewhere: ``ids`` and ``energy`` (total, eV) of an npz file."""
    with np.load(file, allow_pickle=False) as stored:
        energies = dict(zip(stored["ids"].tolist(), stored["energy"].tolist(), strict=True))
    lines = [
        {"id": e.id, "formula": e.formula, "energy_per_atom": energies[e.id] / len(e.atoms), "method": "single-point"}
        for e in known.values()
        if e.id in energies
    ]
    click.echo(f"{file}: energies of {len(lines)} of {len(known)} phases", err=True)
    return pd.DataFrame(lines)


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


def lowering(sample: pd.DataFrame) -> str:
    """How far relaxation lowers energies at the DFT geometry, in words."""
    both = sample.pivot_table(index="id", columns="method", values="energy_per_atom")
    if "relaxed" not in both or (both := both.dropna()).empty:
        return "not measured"
    by = (both["single-point"] - both["relaxed"]).to_numpy()
    return (
        f"random sample of {len(by)}: median {np.median(by):.4f}, mean {by.mean():.4f}, "
        f"95th percentile {np.quantile(by, 0.95):.4f} eV/atom"
    )


@click.command()
@click.option("--potential", "name", default="chgnet", show_default=True, help="Name of the potential.")
@click.option("--data", type=click.Path(path_type=Path), default=DATA, help="Parquet of known structures.")
@click.option("--energies", type=click.Path(path_type=Path), help="Single points, of batch_energies.py.")
@click.option("--work", type=click.Path(path_type=Path), default=ROOT / ".cache" / "hull", help="Folder of the logs.")
@click.option("--relax-minutes", default=60.0, help="Time for relaxations.")
@click.option("--volumes", is_flag=True, help="Write the atomic volumes anew.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: the table of the package.")
def main(
    name: str, data: Path, energies: Path | None, work: Path, relax_minutes: float, volumes: bool, out: Path | None
) -> None:
    """Compute the reference hull of a potential and write it to OUT."""
    if not data.exists():
        sys.exit(f"{data} is absent; give the structures with --data, or their folder in WYCKFORGE_SHARED")
    potential = load_potential(name)
    entries = phases(data, work)
    known = {entry.id: entry for entry in entries}
    if volumes:
        text = json.dumps(atomic_volumes(entries), indent=0) + "\n"
        (ROOT / "src" / "wyckforge" / "data" / "atomic_volumes.json").write_text(text, encoding="utf-8")
    logs = work / name
    if energies is None:
        points = compute(entries, single_point, potential, logs / "single_points.jsonl")
    else:
        points = points_of(energies, known)
    points = points[points["id"].isin(known)].dropna(subset="energy_per_atom")

    elements, sample, others = worth_relaxing(points, known)
    first = [*elements, *sample, *others]
    relaxations = compute(first, relaxed, potential, logs / "relaxed.jsonl", minutes=relax_minutes)
    found = pd.concat([points, relaxations], ignore_index=True)
    if potential.corrections == "mp2020":
        corrections = compute(entries, correction, potential, work / "corrections.jsonl").set_index("id")
        found["energy_per_atom"] += found["id"].map(corrections["correction_per_atom"])
    table = table_of(found, {entry.id for entry in sample}, potential)
    out = out or REALISE / "hulls" / f"{name}.parquet"
    table.write(out)
    click.echo(f"{out}: {json.dumps(table.notes, indent=2)}", err=True)


def worth_relaxing(points: pd.DataFrame, known: dict[str, Entry]) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """The elements; a random sample of the compounds, which measures what relaxation does; the other compounds."""
    least = points.groupby("formula")["energy_per_atom"].transform("min")
    near = (points["energy_per_atom"] <= least + ELEMENT_WINDOW_EV) | points["id"].str.startswith(PROTOTYPE)
    elements = [known[name] for name in points.loc[near, "id"] if known[name].n_elements == 1]
    compounds = [known[name] for name in lowest(points)["id"] if known[name].n_elements > 1]
    compounds.sort(key=lambda entry: (entry.n_elements, len(entry.atoms), entry.id))
    drawn = set(np.random.default_rng(SEED).permutation(len(compounds))[:SAMPLE].tolist())
    sample = [entry for number, entry in enumerate(compounds) if number in drawn]
    return elements, sample, [entry for number, entry in enumerate(compounds) if number not in drawn]


def table_of(energies: pd.DataFrame, sample: set[str], potential: Potential) -> ReferenceTable:
    """The lowest energy of every formula, with what the table is and how it leans."""
    energies = energies.dropna(subset="energy_per_atom")
    given = energies[energies["method"] == "single-point"].set_index("id")["energy_per_atom"]
    lowered = energies["id"].map(given) - energies["energy_per_atom"]
    left = (energies["method"] == "relaxed") & (lowered > LEFT_EV) & ~energies["id"].str.startswith(PROTOTYPE)
    if left.any():
        click.echo(f"relaxed into another phase: {', '.join(energies.loc[left, 'id'])}", err=True)
    energies = energies[~left]
    # A relaxed energy that equals the one before it to rounding still is a relaxed one.
    order = energies.assign(rank=energies["energy_per_atom"] - 1e-5 * (energies["method"] == "relaxed"))
    energies = order.sort_values("rank", kind="stable")
    rows = energies.drop_duplicates("formula").sort_values("formula", ignore_index=True)
    notes = {
        "unit": "eV/atom; MP2020 corrections are part of the energies",
        "selection": f"elements, and entries within {NEAR_HULL_EV} eV/atom of the DFT hull, "
        f"of at most {MAX_ATOMS} atoms in the primitive cell; embedded crystals of further chemical systems",
        "relaxed": f"{int((rows['method'] == 'relaxed').sum())} of {len(rows)} formulas",
        "lowering_by_relaxation": lowering(energies[energies["id"].isin(sample)]),
        "bias": "single-point energies are upper bounds; energies above hull against them come out too low",
    }
    rows = rows[["formula", "energy_per_atom", "method", "id"]]
    return ReferenceTable(rows, comparable_tool(potential), notes=notes)


if __name__ == "__main__":
    main()
