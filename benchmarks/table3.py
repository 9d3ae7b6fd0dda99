"""The paper's eight crystals beside what the package makes of their genes: hulls, modes at Γ, known analogues.

    python benchmarks/table3.py                 # an hour on one core
    python benchmarks/table3.py --minutes 30    # as far as time allows; repeat to go on
    python benchmarks/table3.py --minutes 0     # write the page anew

Of four crystals the paper prints the Wyckoff positions; of the others the genes that formula and space group allow are
tried, and the lowest by CHGNet is taken. Two more rows of Supplementary Table 1 have one possible gene and are treated
in the same way. What is done is a line in `.cache/table3/work.jsonl`, and not done again.
"""

from __future__ import annotations

import json
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import pandas as pd
from tqdm import tqdm

from sun import KnownCrystals
from table2 import STRUCTURES
from table3_analogues import analogues, phases_of
from table3_dft import SMALLEST
from table3_dft import compute as first_principles
from table3_page import VIBRATIONS, Made, page_of
from table3_published import BY_ID, SUPPLEMENTARY_1, Semiconductor
from table3_starts import PER_GENE, PRINTED, RANDOM, SEED, STARTS, TRIES, crystals, possible_genes, start_of, starts_of
from wyckforge.execute.run_stages import Stage, run_one
from wyckforge.files import write_atomically
from wyckforge.potential.contract import Potential
from wyckforge.realise.config import (
    BuildConfig,
    DesignRelaxConfig,
    RefineConfig,
    RelaxConfig,
    ScreeningPhononConfig,
    TightRelaxConfig,
)
from wyckforge.realise.csp.distinct import energy, is_relaxed
from wyckforge.realise.csp.stages import BuildNext
from wyckforge.realise.phonon.stage import GAMMA, Phonons
from wyckforge.realise.reference import ReferenceTable, bundled_tables
from wyckforge.realise.refine import REFINED, Refine
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.realise.stages import Hull, Relax, Symmetry
from wyckforge.records import Candidate
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = ROOT / ".cache" / "table3", ROOT / "docs" / "benchmarks" / "table3.md"
RELAX = RelaxConfig(max_seconds=900)
BUILD = BuildConfig(tries=3, timeout_s=5)
"""Some of the genes leave no room for anything but a higher symmetry: PyXtal is not to try for long."""

AT_RANDOM = BUILD.model_copy(update={"source": "pyxtal"})

SLACK_EV_PER_ATOM, FINALISTS = 0.02, 3
"""Genes within so much of the lowest by CHGNet, so many at most, are left to SevenNet-0 to choose from."""

ANY = 10.0
"""In eV/atom, and the most that may be asked for: SevenNet-0 relaxes whatever CHGNet says of the hull."""

VIBRATION_FMAX = 0.01
"""Largest force left before vibrations, in eV/Å. SevenNet has no parity: forces that an inversion centre forbids stay,
0.005 eV/Å in Cd2Ge2O3, and the default of 0.0001 is out of reach."""

Row = dict[str, Any]


class Log:
    """What is done, a line each, under the settings that it was done with.

    Args:
        path: JSON lines; the first holds the settings.
        identity: the settings.

    Raises:
        click.ClickException: the file was made with other settings.
    """

    def __init__(self, path: Path, identity: Row) -> None:
        self.path = path
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1] or json.dumps(identity) + "\n"  # a kill may have cut the last line short
        if whole != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, whole.encode())
        first, *rows = map(json.loads, whole.splitlines())
        if first != identity:
            raise click.ClickException(f"{path} was made with other settings; move it away, or give another --cache")
        self.found = {row["key"]: Candidate.from_dict(row["candidate"]) for row in rows}

    def add(self, key: str, candidate: Candidate) -> None:
        """Append a line."""
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key, "candidate": candidate.to_dict()}) + "\n")
        self.found[key] = candidate


def settings() -> Row:
    """What the results depend on."""
    return {
        "seed": SEED,
        "tries": TRIES,
        "starts": STARTS,
        "per_gene": PER_GENE,
        "random": RANDOM,
        "build": BUILD.model_dump(mode="json"),
        "relax": RELAX.model_dump(mode="json"),
        "finalists": FINALISTS,
        "slack": SLACK_EV_PER_ATOM,
        "vibration_fmax": VIBRATION_FMAX,
        "potentials": sorted(bundled_tables()),
    }


@dataclass(frozen=True, slots=True)
class RelaxBelow(Relax):
    """A relaxation that is given up once it is not expected to end below what other starts have reached.

    Attributes:
        below: that energy, in eV/atom.
    """

    below: float = math.inf

    def _relaxed(self, crystal: Crystal, potential: Potential, before: Sequence[Relaxation]) -> Relaxation:
        del before
        return relax(crystal, self.config, potential, below_ev_per_atom=self.below)


def tried(row: Semiconductor, log: Log) -> list[Candidate]:
    """What has been tried for a crystal, in the order of the tries."""
    names = [one.id for one in starts_of(row)] + [f"{row.id}-x{k:05d}" for k in range(1, RANDOM + 1)]
    return [log.found[name] for name in names if name in log.found]


def lowest(row: Semiconductor, log: Log) -> list[Candidate]:
    """The lowest converged crystal of every gene that has kept its space group, by energy by CHGNet."""
    kept = [one for one in tried(row, log) if is_relaxed(one) and passed(one, "symmetry")]
    found: dict[WyckoffGene, Candidate] = {}
    for one in sorted(kept, key=energy):
        found.setdefault(one.gene, one)
    return list(found.values())


def passed(candidate: Candidate, stage: str) -> bool:
    """Whether the last evidence of a stage is a pass."""
    found = candidate.find(stage)
    return found is not None and found.verdict == "pass"


def attempt(row: Semiconductor, start: Candidate, log: Log, build: BuildConfig = BUILD) -> None:
    """Build, relax and look at the symmetry."""
    below = min((energy(one) + SLACK_EV_PER_ATOM for one in lowest(row, log)), default=math.inf)
    relaxing = DesignRelaxConfig(**dict(RELAX), starts=1)
    stages: list[Stage] = [RelaxBelow(SEED, relaxing, below=below), Symmetry()]
    if start.crystal is None:
        stages.insert(0, BuildNext(SEED, build))
    log.add(start.id, run_one(start, stages))


def attempt_at_random(row: Semiconductor, number: int, log: Log) -> None:
    """The same with a random start of the gene that is lowest so far."""
    if front := lowest(row, log):
        attempt(row, start_of(row, front[0].gene, "x", number), log, AT_RANDOM)


def place(row: Semiconductor, log: Log) -> None:
    """Both hulls for the lowest crystals, of which the lowest by SevenNet-0 is kept."""
    front = lowest(row, log)
    if not front:
        return
    near = [one for one in front if energy(one) <= energy(front[0]) + SLACK_EV_PER_ATOM]
    refine = Refine(RefineConfig(within_ev_per_atom=ANY), RELAX)
    placed = [run_one(one, (Hull(), refine, Symmetry())) for one in near[:FINALISTS]]
    log.add(f"{row.id}/hulls", min(placed, key=_refined))


def _refined(candidate: Candidate) -> tuple[bool, float]:
    found = candidate.find(REFINED)
    good = passed(candidate, REFINED) and passed(candidate, "symmetry")
    return not good, math.inf if found is None or found.value is None else found.value


def shake(row: Semiconductor, log: Log, potential: str) -> None:
    """The modes at Γ of the crystal as it is on the second hull."""
    if placed := log.found.get(f"{row.id}/hulls"):
        config = ScreeningPhononConfig(relax=TightRelaxConfig(potential=potential, fmax_ev_per_angstrom=VIBRATION_FMAX))
        log.add(f"{row.id}/{potential}", run_one(placed, (Phonons(config),)))


def work(log: Log) -> list[Callable[[], None]]:
    """All that is still to do, in order: verdicts of the second potential last."""
    first, second = VIBRATIONS
    todo: list[tuple[str, Callable[[], None]]] = []
    for row in crystals():
        todo += [(start.id, partial(attempt, row, start, log)) for start in starts_of(row)]
        todo += [(f"{row.id}-x{k:05d}", partial(attempt_at_random, row, k, log)) for k in range(1, RANDOM + 1)]
        todo.append((f"{row.id}/hulls", partial(place, row, log)))
        todo.append((f"{row.id}/{first}", partial(shake, row, log, first)))
    todo += [(f"{row.id}/{second}", partial(shake, row, log, second)) for row in crystals()]
    return [step for key, step in todo if key not in log.found]


def summary(row: Semiconductor, log: Log, known: KnownCrystals, phases: pd.DataFrame) -> Made | None:
    """All that the page says of what was made of a crystal; ``None`` as long as there is nothing."""
    placed = log.found.get(f"{row.id}/hulls")
    if placed is None or placed.crystal is None:
        return None
    given = log.found.get(f"{row.id}-{PRINTED}")
    least = energy(lowest(row, log)[0])
    gene = detect(placed.crystal).gene.canonical()
    system = [symbol(number) for number in row.composition]
    shaken = [log.found.get(f"{row.id}/{potential}") for potential in VIBRATIONS]
    return Made(
        possible=possible_genes(row),
        tried=tried(row, log),
        placed=placed,
        gene=gene,
        printed_mev=None if given is None or not is_relaxed(given) else 1000 * (energy(given) - least),
        gamma=[None if one is None else one.find(GAMMA) for one in shaken],
        novel=known.lacks(placed),
        analogues=analogues(gene, phases_of(system, known.frame, phases)),
    )


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=STRUCTURES, help="The shared structures (Parquet).")
@click.option("--minutes", type=float, help="Time after which nothing more begins.")
@click.option("--dft/--no-dft", default=True, help="Whether to compute the smallest crystal by DFT (an hour).")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
def main(data: Path, minutes: float | None, dft: bool, cache: Path, page: Path) -> None:
    """Do what is missing and write the page."""
    warnings.simplefilter("ignore")
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    log = Log(cache / "work.jsonl", settings())
    for step in tqdm(work(log), unit="step"):
        if time.monotonic() > deadline:
            break
        step()
    known = KnownCrystals(pd.read_parquet(data))
    phases = ReferenceTable.read(next(iter(bundled_tables().values()))).rows
    made = {row.id: found for row in crystals() if (found := summary(row, log, known, phases))}
    possible = {row.id: possible_genes(row) for row in SUPPLEMENTARY_1}
    placed = log.found.get(f"{SMALLEST}/hulls")
    smallest = first_principles(BY_ID[SMALLEST], placed, cache) if dft and placed else None
    write_atomically(page, page_of(made, possible, len(known.frame), settings(), smallest).encode())
    click.echo(f"wrote {page}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
