"""Starts of the geometry model against PyXtal's, on held-out genes whose crystal is known: as drawn, and relaxed.

    python benchmarks/starts.py                        # as drawn: 210 genes and those of new templates, minutes
    python benchmarks/starts.py --relax 210 --relax-longer 100 --resume   # relaxed until the crystal is found: hours
    python benchmarks/starts.py --resume               # go on after a kill, or write the page anew

The genes are of the test part that the geometry model never saw: 10 to 40 atoms in the conventional cell, free
coordinates, as many from every crystal system. What was measured is kept under ``.cache/starts``, a line for each gene.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from tqdm import tqdm

from kept import Log, require_same_settings
from starts_page import page_of
from table2 import CACHE as TABLE2
from table2 import STRUCTURES, Ground
from wyckforge.errors import ConfigError, StructureError, WyckforgeError
from wyckforge.execute.inputs import hash_of
from wyckforge.files import write_atomically
from wyckforge.potential.contract import PotentialError
from wyckforge.realise.build import BuildFailure, build
from wyckforge.realise.config import BuildConfig, RelaxConfig
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.realise.starts import geometry_model, starts
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, LETTERS
from wyckforge.train.artefact import bundled
from wyckforge.train.geometry.examples import TRAIN, Examples

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = Path(".cache/geometry/examples.safetensors")
CACHE, PAGE = Path(".cache/starts"), Path("docs/benchmarks/starts.md")
SEED = 7
SMALLEST, LARGEST = 10, 40
PER_SYSTEM = 30
FEW, TRIES = 5, 20
MATCHER = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)


@dataclass(frozen=True)
class Case:
    """A held-out crystal.

    Attributes:
        id: of the database.
        gene: what the starts are made from.
        crystal: the crystal to be found.
        system: its crystal system.
        known: whether a crystal with the same template, of other elements, was learned from.
        drawn: whether it is of the stratified sample; the others are there for their new templates.
        turn: its place among those of its crystal system.
    """

    id: str
    gene: WyckoffGene
    crystal: Crystal
    system: str
    known: bool
    drawn: bool
    turn: int

    @property
    def volume(self) -> float:
        """Of the conventional cell, in Å³."""
        return self.crystal.volume * self.gene.n_atoms / len(self.crystal)


def templates_learned(examples: Examples) -> set[str]:
    """Templates of all crystals that the model learned from."""
    found, start = set(), 0
    for group, n, part in zip(examples.group.tolist(), examples.n_orbits.tolist(), examples.part, strict=True):
        orbits = zip(examples.element[start : start + n].tolist(), examples.letter[start : start + n], strict=True)
        start += n
        if part == TRAIN:
            found.add(WyckoffGene(group + 1, tuple((z, LETTERS[letter]) for z, letter in orbits)).template())
    return found


def cases(ground: Ground, learned: set[str], per_system: int) -> list[Case]:
    """As many genes of every crystal system, and besides as many with templates that no crystal learned from has."""
    table, split = ground.table, ground.split
    rows: dict[str, list[int]] = defaultdict(list)
    for row in split.test:
        gene = table.genes[row]
        if SMALLEST <= gene.n_atoms <= LARGEST and gene.degrees_of_freedom:
            rows[gene.table.crystal_system].append(row)
    rng, found = np.random.default_rng(SEED), []
    for system in CRYSTAL_SYSTEMS:
        order = rng.permutation(rows[system])
        others = [row for row in order[per_system:] if table.genes[row].template() not in learned]
        chosen = [*((row, True) for row in order[:per_system]), *((row, False) for row in others[:per_system])]
        for turn, (row, drawn) in enumerate(chosen):
            gene, crystal = table.genes[row], (table.crystals or ())[row]
            if crystal is not None:
                found.append(Case(table.ids[row], gene, crystal, system, gene.template() in learned, drawn, turn))
    return found


def by_model(gene: WyckoffGene, n: int) -> Iterator[Crystal]:
    """Starts of the geometry model, PyXtal's behind them."""
    return (start.crystal for start in starts(gene, seed=SEED, n=n))


def by_pyxtal(gene: WyckoffGene, n: int) -> Iterator[Crystal]:
    """Starts of PyXtal alone; a seed at which it fails gives none."""
    for k in range(n):
        with suppress(BuildFailure):
            yield build(gene, seed=SEED + 1000 * k, config=BuildConfig())


SOURCES: dict[str, Callable[[WyckoffGene, int], Iterator[Crystal]]] = {"model": by_model, "pyxtal": by_pyxtal}


def as_drawn(case: Case, source: str) -> dict[str, Any]:
    """Which of the starts is the crystal already, and how good the first volume is."""
    known, begin = structure(case.crystal), time.process_time()
    try:
        made = list(islice(SOURCES[source](case.gene, TRIES), TRIES))
    except BuildFailure as error:
        made, reason = [], str(error)
    else:
        reason = ""
    seconds = time.process_time() - begin
    match, distance = None, None
    for k, crystal in enumerate(made):
        if (found := MATCHER.get_rms_dist(structure(crystal), known)) is not None:
            match, distance = k, float(found[0])
            break
    return {
        "starts": len(made),
        "match": match,
        "rmsd": distance,
        "volume": made[0].volume / case.volume if made else None,
        "cpu_seconds": seconds,
        "reason": reason,
    }


UNTRIED: dict[str, Any] = {"match": None, "rmsd": None, "calls": [], "converged": [], "wall_seconds": [], "reason": ""}


def relaxed(case: Case, source: str, before: dict[str, Any] | None, *, tries: int) -> dict[str, Any]:
    """Starts relaxed one after the other until one is the crystal: which, and what each of them cost.

    Goes on after those that were tried before.
    """
    row = {key: [*value] if isinstance(value, list) else value for key, value in (before or UNTRIED).items()}
    known, tried = structure(case.crystal), len(row["calls"])
    made = SOURCES[source](case.gene, tries)
    try:
        for _ in islice(made, tried):
            pass  # made and paid for before
        begin = time.monotonic()
        for k, start in enumerate(made, start=tried):
            try:
                found: Relaxation | None = relax(start, RelaxConfig())
            except (PotentialError, StructureError) as error:
                found, row["reason"] = None, str(error)
            fit = found and MATCHER.get_rms_dist(structure(found.crystal), known)
            row["calls"].append(found.calls if found else 0)
            row["converged"].append(bool(found and found.converged))
            row["wall_seconds"].append(time.monotonic() - begin)
            begin = time.monotonic()
            if fit:
                row["match"], row["rmsd"] = k, float(fit[0])
                break
    except BuildFailure as error:
        row["reason"] = str(error)
    return row | {"allowed": tries}


def is_done(row: dict[str, Any] | None, *, tries: int) -> bool:
    """Whether nothing is left to do for a gene."""
    return row is not None and (row["match"] is not None or row["allowed"] >= tries)


def structure(crystal: Crystal) -> Structure:
    """The same crystal for pymatgen."""
    return Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)


def account(case: Case) -> dict[str, Any]:
    """What is said of a case on the page, and the volume that the model expects."""
    model = geometry_model()
    expected = None if model.problem(case.gene) else model.expected_volume(case.gene) / case.volume
    return {
        "id": case.id, "gene": str(case.gene), "system": case.system, "known": case.known, "drawn": case.drawn,
        "atoms": case.gene.n_atoms, "expected_volume": expected,
    }  # fmt: skip


def settings() -> dict[str, Any]:
    """All that the starts and what becomes of them depend on."""
    return {
        "seed": SEED,
        "atoms": [SMALLEST, LARGEST],
        "matcher": [MATCHER.ltol, MATCHER.stol, MATCHER.angle_tol],
        "build": BuildConfig().model_dump(mode="json"),
        "relax": RelaxConfig().model_dump(mode="json"),
        "geometry": hash_of(bundled("geometry")),
        "versions": {name: version(name) for name in ("chgnet", "pyxtal")},
    }


def measure(
    todo: list[Case],
    one: Callable[[Case, str, dict[str, Any] | None], dict[str, Any]],
    is_done: Callable[[dict[str, Any] | None], bool],
    name: str,
    cache: Path,
    resume: bool,
) -> list[dict[str, Any]]:
    """Every case with starts of every source, unless it is in the cache; gives what is known of each case.

    A file for each source, so that PyXtal's need not be made again for another model. The sources take turns on a case,
    so that the drift of a shared machine meets both.

    Raises:
        ConfigError: there is such a file, and nobody said that it is to be resumed.
    """
    logs = {source: Log(cache / f"{name}-{source}.jsonl") for source in SOURCES}
    if not resume and any(log.rows for log in logs.values()):
        raise ConfigError(f"{cache} holds results already; go on with --resume, or give another --cache")
    found = {source: {row["id"]: row for row in log.rows} for source, log in logs.items()}
    for case in tqdm(todo, desc=name):
        for source, log in logs.items():
            before = found[source].get(case.id)
            if not is_done(before):
                found[source][case.id] = {"id": case.id, **one(case, source, before)}
                log.add(found[source][case.id])
    return [{**account(case), **{source: rows[case.id] for source, rows in found.items()}} for case in todo]


def known_that_stay(missed: Sequence[Case], cache: Path) -> list[bool]:
    """Of genes that no start led to: whether the known crystal, relaxed itself, is still the known crystal.

    Where it is not, the potential has its minimum elsewhere, and no start can be a match.
    """
    log = Log(cache / "known.jsonl")
    found = {row["id"]: bool(row["stays"]) for row in log.rows}
    for case in tqdm(missed, desc="known"):
        if case.id not in found:
            known = relax(case.crystal, RelaxConfig()).crystal
            found[case.id] = MATCHER.get_rms_dist(structure(known), structure(case.crystal)) is not None
            log.add({"id": case.id, "stays": found[case.id]})
    return [found[case.id] for case in missed]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--examples", type=Path, default=EXAMPLES, help="what `tools/train_geometry.py prepare` wrote")
    parser.add_argument("--per-system", type=int, default=PER_SYSTEM, help="genes of every crystal system")
    parser.add_argument("--relax", type=int, default=0, help="genes of the stratified sample to relax starts of")
    parser.add_argument("--relax-longer", type=int, default=0, help=f"of these, with {TRIES} starts instead of {FEW}")
    parser.add_argument("--resume", action="store_true", help="go on with what is in the cache")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    warnings.simplefilter("ignore")
    try:
        require_same_settings(options.cache / "settings.json", settings())
        learned = templates_learned(Examples.read(options.examples))
        todo = cases(Ground.prepare(data, TABLE2), learned, options.per_system)
        drawn = measure(
            todo,
            lambda case, source, _: as_drawn(case, source),
            lambda row: row is not None,
            "drawn",
            options.cache,
            options.resume,
        )
        # one of every system in turn, so that a part of the sample is stratified too
        sample = sorted((case for case in todo if case.drawn), key=lambda case: case.turn)
        later = {}
        for tries, n in ((FEW, options.relax), (TRIES, options.relax_longer)):
            later[tries] = measure(
                sample[:n],
                partial(relaxed, tries=tries),
                partial(is_done, tries=tries),
                "relaxed",
                options.cache,
                options.resume or tries > FEW,
            )
        missed = {row["id"] for row in later[TRIES] if all(row[source]["match"] is None for source in SOURCES)}
        kept = known_that_stay([case for case in sample if case.id in missed], options.cache)
        write_atomically(options.page, page_of(drawn, later, kept).encode())
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
