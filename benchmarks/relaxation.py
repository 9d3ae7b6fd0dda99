"""The symmetric relaxer against FIRE with FixSymmetry and FrechetCellFilter, from the same starts in the same run.

Each start is relaxed by both before the next, in alternating order, so that the drift of a shared machine meets both.
The first of them are relaxed a third time, by FIRE with half its time step, to see how far one search agrees with
itself. A run that starts again goes on where it was (`.cache/relaxation`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tqdm import tqdm

from ase_relaxation import relax_with_ase
from kept import Log
from rates import rate
from wyckforge.data.embedded import load_embedded
from wyckforge.errors import StructureError
from wyckforge.evaluate.metrics import bootstrap_interval
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import PotentialError
from wyckforge.realise.build import BuildFailure, build
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks" / "relaxation.md"
WORK = HERE.parent / ".cache" / "relaxation"
SEED, SAME_EV_PER_ATOM, STEPS = 11, 0.001, 500
LEAST_ATOMS, MOST_ATOMS = 6, 40

WAYS = ("ours", "ase")

Outcome = dict[str, Any]


@click.command()
@click.option("--starts", default=100, show_default=True, help="Random starts, one of each gene.")
@click.option("--again", default=40, show_default=True, help="Of these, relaxed by FIRE with half its time step, too.")
@click.option("--potential", default="chgnet", show_default=True)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(starts: int, again: int, potential: str, page: Path) -> None:
    """Relax the same starts in both ways and write the page."""
    config, asked = RelaxConfig(max_steps=STEPS), load_potential(potential)
    ways = {"ours": partial(relax, config=config, potential=asked)}
    ways["ase"] = partial(relax_with_ase, config=config, potential=asked)
    half = {"half": partial(relax_with_ase, config=config, potential=asked, dt=0.05)}
    name = f"{potential}-{sha256(config.model_dump_json().encode()).hexdigest()[:8]}"
    rows = compared(ways, starts, Log(WORK / f"{name}.jsonl"))
    thirds = compared(half, again, Log(WORK / f"{name}-half.jsonl"))
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    text = words.get_template("relaxation.md.j2").render(
        potential=asked.tool,
        limits=RelaxConfig(),
        steps=STEPS,
        itself=agreement([{**row, **third} for row, third in zip(rows, thirds, strict=False)]),
        **summary(rows),
    )
    page.write_text(text + "\n", encoding="utf-8")


def compared(ways: Mapping[str, Callable[[Crystal], Relaxation]], starts: int, log: Log) -> list[dict[str, Outcome]]:
    """The first starts relaxed in every way, or what the log holds of them."""
    done = {row["gene"]: row for row in log.rows}
    found = []
    for number, (gene, crystal) in enumerate(tqdm(itertools.islice(random_starts(), starts), total=starts)):
        if str(gene) not in done:
            order = list(ways)[:: 1 if number % 2 else -1]
            done[str(gene)] = {"gene": str(gene), **{name: measured(ways[name], crystal) for name in order}}
            log.add(done[str(gene)])
        found.append({name: done[str(gene)][name] for name in ways})
    return found


def random_starts() -> Iterator[tuple[WyckoffGene, Crystal]]:
    """Genes of known ternaries with free coordinates, drawn at random, each with one structure by PyXtal."""
    genes = [
        gene for gene in load_embedded().genes if gene.degrees_of_freedom and LEAST_ATOMS <= gene.n_atoms <= MOST_ATOMS
    ]
    for index in np.random.default_rng(SEED).permutation(len(genes)):
        try:
            yield genes[index], build(genes[index], seed=SEED)
        except BuildFailure:
            continue


def measured(way: Callable[[Crystal], Relaxation], crystal: Crystal) -> Outcome:
    """What a relaxation gives, with its wall time."""
    begin = time.perf_counter()
    try:
        found = way(crystal)
    except (PotentialError, StructureError) as error:
        return {"energy": None, "calls": 0, "converged": False, "reason": str(error), "seconds": 0.0}
    return {
        "energy": found.energy_ev_per_atom,
        "calls": found.calls,
        "converged": found.converged,
        "reason": found.reason,
        "seconds": time.perf_counter() - begin,
    }


def summary(rows: list[dict[str, Outcome]]) -> dict[str, Any]:
    """Rates with intervals, costs and their ratios, and which of both finds the lower energy."""
    rng = np.random.default_rng(0)
    both = [row for row in rows if row["ours"]["converged"] and row["ase"]["converged"]]
    gaps = np.array([row["ours"]["energy"] - row["ase"]["energy"] for row in both])
    kinds = {
        "same": np.abs(gaps) <= SAME_EV_PER_ATOM,
        "ours": gaps < -SAME_EV_PER_ATOM,
        "ase": gaps > SAME_EV_PER_ATOM,
    }
    low, high = bootstrap_interval(gaps, rng)
    alike = [row for row, same in zip(both, kinds["same"], strict=True) if same]
    return {
        "n": len(rows),
        "n_both": len(both),
        "converged": {way: rate([row[way]["converged"] for row in rows]) for way in WAYS},
        "calls": {way: f"{total(rows, way, 'calls') / len(rows):.0f}" for way in WAYS},
        "seconds": {way: f"{total(rows, way, 'seconds') / len(rows):.1f}" for way in WAYS},
        "per_call": {way: f"{1000 * total(rows, way, 'seconds') / total(rows, way, 'calls'):.0f}" for way in WAYS},
        "fewer_calls": ratio(rows, "calls", rng),
        "less_time": ratio(rows, "seconds", rng),
        "all_same": bool(kinds["same"].all()),
        "lower": {kind: rate(list(mask)) for kind, mask in kinds.items()},
        "ended": {what: ratio(both, what, rng) for what in ("calls", "seconds")},
        "same_calls": ratio(alike, "calls", rng),
        "gap": f"{gaps.mean():+.4f} [{low:+.4f}, {high:+.4f}]",
        "reasons": {way: [row[way]["reason"] for row in rows if row[way]["reason"]] for way in WAYS},
    }


def agreement(rows: list[dict[str, Outcome]]) -> dict[str, str]:
    """Of starts that all three bring to an end: how often FIRE finds its energy again, and how often ours does."""
    ended = [row for row in rows if all(one["converged"] for one in row.values())]
    same = {
        way: [abs(row[way]["energy"] - row["ase"]["energy"]) <= SAME_EV_PER_ATOM for row in ended]
        for way in ("half", "ours")
    }
    return {way: rate(flags) for way, flags in same.items()} if ended else {}


def total(rows: list[dict[str, Outcome]], way: str, what: str) -> float:
    """Sum over all starts."""
    return float(sum(row[way][what] for row in rows))


def ratio(rows: list[dict[str, Outcome]], what: str, rng: np.random.Generator) -> str:
    """How many times as much ASE takes, over all of the same starts, with a bootstrap interval."""
    theirs, ours = (np.array([row[way][what] for row in rows], dtype=float) for way in ("ase", "ours"))
    drawn = [theirs[some].sum() / ours[some].sum() for some in rng.integers(len(ours), size=(1000, len(ours)))]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{theirs.sum() / ours.sum():.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
