"""Known crystals found again from formula, Z and space group: how many tries hit them, and at what cost.

    python benchmarks/structure_prediction.py                      # all ways, 20 tries each, hours on one core
    python benchmarks/structure_prediction.py --minutes 30         # as far as time allows; repeat to go on
    python benchmarks/structure_prediction.py --minutes 0          # write the page anew

Every try is a line under ``.cache/structure_prediction``; what is there is not repeated.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import islice, product
from pathlib import Path
from typing import Literal

import click
import numpy as np
import pyarrow.parquet as pq

from kept import Log, Row, require_same_settings
from structure_prediction_cases import CASES, Case
from structure_prediction_page import page_of
from table2 import CACHE as TABLE2
from table2 import STRUCTURES, Ground
from wyckforge.execute.inputs import hash_of
from wyckforge.execute.prediction_run import tries, try_stages, walkers
from wyckforge.execute.run_stages import run_one
from wyckforge.files import write_atomically
from wyckforge.potential.catalogue import load_potential
from wyckforge.realise.config import BuildConfig, RelaxConfig
from wyckforge.realise.csp.config import HopConfig, Method, PredictionConfig
from wyckforge.realise.csp.distinct import distinct, energy, same_structure
from wyckforge.realise.csp.hopping import Hop, hops
from wyckforge.realise.csp.space import SearchSpace, composition
from wyckforge.realise.relax import relax
from wyckforge.realise.stages import seed_of
from wyckforge.records import Candidate, Evidence
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.train.artefact import bundled

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = ROOT / ".cache" / "structure_prediction", ROOT / "docs" / "benchmarks" / "structure_prediction.md"
SEED, TRIES = 7, 20
WALKERS = 2


@dataclass(frozen=True, slots=True)
class Way:
    """How a structure is looked for.

    Attributes:
        method: order of the genes, or ``hopping`` from the best of the first half of the sequential tries.
        starts: ``model`` or ``pyxtal``.
    """

    method: str
    starts: Literal["model", "pyxtal"]

    @property
    def name(self) -> str:
        """Key of the way in the records."""
        return f"{self.method}/{self.starts}"


WAYS = tuple(Way(method, starts) for method in ("sequential", "hopping", "random") for starts in ("pyxtal", "model"))


def log_of(case: Case) -> Log:
    """Tries of a case, a line each."""
    return Log(CACHE / f"{case.formula}.jsonl")


def of_way(log: Log, name: str) -> list[Row]:
    """The tries of a way, in their order."""
    return [row for row in log.rows if row["way"] == name]


def crystal_of(case: Case, data: Path) -> Crystal:
    """The known crystal, as DFT gives it."""
    table = pq.read_table(data, filters=[("material_id", "=", case.id)]).to_pylist()
    row = table[0]
    return Crystal(np.array(row["lattice"]), np.array(row["numbers"]), np.array(row["frac_coords"]))


def config_of(case: Case, way: Way, n: int) -> PredictionConfig:
    """Settings of the tries; hopping begins with the sequential ones."""
    method: Method = "random" if way.method == "random" else "sequential"
    return PredictionConfig(
        formula=case.formula, z=str(case.z), space_group=str(case.space_group), method=method, tries=n, seed=SEED,
        build=BuildConfig(source=way.starts),
    )  # fmt: skip


def settings(n: int) -> Row:
    """All that the tries depend on, beside the formula and the way."""
    each = {"formula", "z", "space_group", "method"}
    return {
        **config_of(CASES[0], WAYS[0], n).model_dump(mode="json", exclude=each | {"build"}),
        "build": BuildConfig().model_dump(mode="json", exclude={"source"}),
        "walkers": WALKERS,
        "geometry": hash_of(bundled("geometry")),
        "versions": {name: version(name) for name in ("chgnet", "pyxtal")},
    }


def space_of(case: Case) -> SearchSpace:
    """The genes of the one setting that is told."""
    return SearchSpace.of(case.formula, range(case.z, case.z + 1), frozenset({case.space_group}))


def account(way: Way, candidate: Candidate, seconds: float, known: Crystal) -> Row:
    """The line of a try."""
    relaxed, crystal = candidate.find("relax"), candidate.crystal
    match = relaxed is not None and relaxed.value is not None and crystal is not None and same_structure(crystal, known)
    return {"way": way.name, "seconds": round(seconds, 2), "candidate": candidate.to_dict(), "match": match}


def enumerate_tries(case: Case, way: Way, n: int, log: Log, known: Crystal) -> Iterator[None]:
    """Do the tries that are not in the log; gives back control after each."""
    config = config_of(case, way, n)
    stages = try_stages(config)[:2]
    for candidate in tries(space_of(case), config)[len(of_way(log, way.name)) :]:
        begin = time.monotonic()
        done = run_one(candidate, stages)
        log.add(account(way, done, time.monotonic() - begin, known))
        yield


def hop_on(way: Way, n: int, log: Log, known: Crystal) -> Iterator[None]:
    """Walks from the best of the first half of the sequential tries, a log entry for each hop of a finished walk."""
    sequential = of_way(log, f"sequential/{way.starts}")
    tried = [Candidate.from_dict(row["candidate"]) for row in sequential[: n // 2]]
    each = (n - n // 2) // WALKERS
    for number, walker in enumerate(walkers(tried, WALKERS)):
        if len(of_way(log, way.name)) >= (number + 1) * each or walker.crystal is None:
            continue
        walk = hops(
            walker.crystal, energy(walker), load_potential(), np.random.default_rng(seed_of(walker, SEED)),
            hop=HopConfig(), relaxation=RelaxConfig(),
        )  # fmt: skip
        rows, begin = [], time.monotonic()
        for step, hop in enumerate(islice(walk, each)):
            now = time.monotonic()
            rows.append(account(way, hop_candidate(walker, step, hop), now - begin, known))
            begin = now
        log.add(*rows)
        yield


def hop_candidate(walker: Candidate, step: int, hop: Hop) -> Candidate:
    """A hop in the form of a try."""
    candidate = replace(walker, id=f"{walker.id}h{step:03d}", crystal=None, evidence=())
    judged = Evidence("hop", "pass" if hop.accepted else "fail", reason=hop.reason)
    if (found := hop.found) is None:
        return candidate.with_evidence(judged)
    return candidate.with_evidence(
        judged,
        Evidence("relax", "pass" if found.converged else "unknown", found.energy_ev_per_atom, "eV/atom", found.reason),
        Evidence("relax_cost", "pass", found.calls, "calls"),
        crystal=found.crystal,
    )


def measure(case: Case, way: Way, n: int, known: Crystal) -> Iterator[None]:
    """All that is still to be done of a case in a way."""
    log = log_of(case)
    if way.method == "hopping":
        yield from hop_on(way, n, log, known)
    else:
        yield from enumerate_tries(case, way, n, log, known)


def relax_known(case: Case, known: Crystal) -> None:
    """The energy of the known crystal by the potential."""
    log = log_of(case)
    if not of_way(log, "known"):
        found = relax(detect(known).crystal)
        log.add(
            {"way": "known", "energy": found.energy_ev_per_atom, "calls": found.calls, "converged": found.converged}
        )


def outcome(case: Case, way: Way, n: int, log: Log) -> Row | None:
    """What a way gave for a case; ``None`` unless all of it is done."""
    rows = of_way(log, way.name)
    if way.method == "hopping":
        first = of_way(log, f"sequential/{way.starts}")
        tried = [Candidate.from_dict(row["candidate"]) for row in first[: n // 2]]
        wanted = len(walkers(tried, WALKERS)) * ((n - n // 2) // WALKERS)
        complete = len(first) >= min(n // 2, len(tries(space_of(case), config_of(case, way, n // 2))))
        rows, wanted = [*first[: n // 2], *rows], min(n // 2, len(first)) + wanted
    else:
        wanted, complete = len(tries(space_of(case), config_of(case, way, n))), True
    if not complete or len(rows) < wanted:
        return None
    rows = rows[:wanted]
    hits = [k for k, row in enumerate(rows) if row["match"]]
    candidates = [Candidate.from_dict(row["candidate"]) for row in rows]
    matched = {one.id for one, row in zip(candidates, rows, strict=True) if row["match"]}
    structures = distinct(candidates)
    rank = next((k for k, found in enumerate(structures) if matched & set(found.hits)), None)
    calls = [sum(e.value or 0 for e in one.evidence if e.stage == "relax_cost") for one in candidates]
    first_hit = hits[0] if hits else None
    return {
        "tries": len(rows), "hits": len(hits), "first": None if first_hit is None else first_hit + 1,
        "calls_to_first": None if first_hit is None else sum(calls[: first_hit + 1]), "calls": sum(calls),
        "seconds": sum(row["seconds"] for row in rows), "rank": None if rank is None else rank + 1,
        "structures": len(structures),
        "above": None if rank is None else energy(structures[rank].candidate) - energy(structures[0].candidate),
    }  # fmt: skip


def part_of(case: Case, ground: Ground) -> str:
    """The part of the formula split that the compound is in, as the geometry model learned from it."""
    unit = composition(case.formula)
    for part in ("test", "val"):
        if any(ground.table.genes[row].reduced_composition == unit for row in getattr(ground.split, part)):
            return part
    return "train"


def summary(case: Case, ground: Ground, n: int, known: Crystal) -> Row:
    """All that the page says of a case."""
    log, space = log_of(case), space_of(case)
    gene = detect(known).gene.canonical()
    found = next(iter(of_way(log, "known")), None)
    return {
        "id": case.id, "name": case.name, "formula": case.formula, "z": case.z, "space_group": case.space_group,
        "symbol": gene.table.symbol, "gene": str(gene), "part": part_of(case, ground), "genes": space.distinct,
        "place": space.rank_of(gene, 10_000), "free": gene.degrees_of_freedom,
        "known_energy": found and found["energy"],
        "ways": {way.name: outcome(case, way, n, log) for way in WAYS},
    }  # fmt: skip


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=STRUCTURES, help="The shared structures (Parquet).")
@click.option("--tries", "n", default=TRIES, show_default=True, help="Tries of every way.")
@click.option("--minutes", type=float, help="Time after which no further try begins.")
@click.option("--only", multiple=True, metavar="FORMULA", help="Measure these alone; the page has all that is there.")
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(data: Path, n: int, minutes: float | None, only: tuple[str, ...], page: Path) -> None:
    """Measure what is missing and write the page."""
    warnings.simplefilter("ignore")
    deadline = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    require_same_settings(CACHE / "settings.json", settings(n))
    known = {case.id: crystal_of(case, data) for case in CASES}
    chosen = [case for case in CASES if not only or case.formula in only]
    for way, case in product(WAYS, chosen):
        if time.monotonic() > deadline:
            break
        relax_known(case, known[case.id])
        click.echo(f"{way.name} {case.formula}", err=True)
        for _ in measure(case, way, n, known[case.id]):
            if time.monotonic() > deadline:
                break
    ground = Ground.prepare(data, ROOT / TABLE2)
    rows = [summary(case, ground, n, known[case.id]) for case in CASES]
    write_atomically(page, page_of(rows, n, SEED).encode())
    click.echo(f"wrote {page}")


if __name__ == "__main__":
    main()
