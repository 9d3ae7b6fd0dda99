"""Building and relaxing the genes of known ternaries: success, cost, and how often the known crystal is found again."""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from tqdm import tqdm

from wyckforge.data.embedded import load_embedded
from wyckforge.evaluate.metrics import wilson_interval
from wyckforge.realise.config import DesignRelaxConfig
from wyckforge.realise.stages import Build, Hull, Relax, Symmetry
from wyckforge.records import Candidate, Origin
from wyckforge.symmetry.crystal import Crystal


def main() -> None:
    """Print rates with 95 % intervals over all attempted, and the mean cost in calls and CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=int, default=200, help="genes to build")
    parser.add_argument("--relax", type=int, default=20, help="genes to relax, of those")
    parser.add_argument("--max-sites", type=int, default=40, help="atoms in the conventional cell")
    parser.add_argument("--starts", type=int, default=1, help="structures relaxed per gene")
    options = parser.parse_args()
    table = load_embedded()
    small = [i for i, gene in enumerate(table.genes) if gene.n_atoms <= options.max_sites]
    chosen = np.random.default_rng(7).choice(small, size=options.build, replace=False)
    start = time.process_time()
    built = [Build(7)(Candidate(table.ids[i], table.genes[i], Origin("seed"))) for i in tqdm(chosen, desc="build")]
    seconds = (time.process_time() - start) / len(built)
    rate("built", [one.crystal is not None for one in built])
    for one in built:
        if one.crystal is None:
            print(f"  {one.gene}: {one.evidence[-1].reason}")
    print(f"{'':24}{seconds:.3f} CPU s per gene")

    stages = (Relax(7, DesignRelaxConfig(starts=options.starts)), Symmetry(), Hull())
    start = time.process_time()
    relaxed = []
    for candidate in tqdm(built[: options.relax], desc="relax"):
        for stage in stages if candidate.crystal is not None else ():
            candidate = stage(candidate)
        relaxed.append(candidate)
    seconds = (time.process_time() - start) / len(relaxed)
    calls = [cost.value for one in relaxed if (cost := one.find("relax_cost")) is not None and cost.value is not None]
    for name in ("relax", "symmetry", "hull"):
        rate(name, [(found := one.find(name)) is not None and found.verdict == "pass" for one in relaxed])
    matcher = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10)
    matches = []
    for candidate, i in zip(relaxed, chosen, strict=False):
        found, known = candidate.crystal, table.crystals[i] if table.crystals is not None else None
        matches.append(found is not None and known is not None and matcher.fit(structure(found), structure(known)))
    rate("match", matches)
    print(f"{'':24}{np.mean(calls):.0f} calls (median {np.median(calls):.0f}), {seconds:.1f} CPU s per gene")
    for one in relaxed:
        found, hull = one.find("relax"), one.find("hull")
        if found is not None and hull is not None:
            print(f"  {one.gene!s:32} {hull.value or np.nan:+.3f} eV/atom above hull; {found.reason}", file=sys.stderr)


def rate(name: str, outcomes: list[bool]) -> None:
    """One line: share, interval and number."""
    low, high = wilson_interval(sum(outcomes), len(outcomes))
    share = sum(outcomes) / len(outcomes)
    print(f"{name:10} {share:6.1%}  [{low:.1%}, {high:.1%}]  n = {len(outcomes)}", flush=True)


def structure(crystal: Crystal) -> Structure:
    """The same crystal for pymatgen."""
    return Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)


if __name__ == "__main__":
    main()
