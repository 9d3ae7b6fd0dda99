"""Figure 2 of the paper: the latent space of TL-WyCryst+, and what conditional sampling does to the properties.

    python benchmarks/figure2.py      # after table2.py, whose cache holds the model; a few minutes

The figures are drawn by :mod:`plots`, the page is written by :mod:`figure2_page`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from figure2_page import Account, page_of
from plots import draw_densities, draw_latent
from wyckforge.data.split import Split
from wyckforge.data.table import GeneTable
from wyckforge.design.sampling import sample
from wyckforge.design.seeds import Seeds, select_seeds
from wyckforge.errors import WyckforgeError
from wyckforge.evaluate.metrics import Rate
from wyckforge.files import write_atomically
from wyckforge.models.representation import Rejection
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY, describe
from wyckforge.records import Candidate, Interval, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, crystal_system
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.run import CHECKPOINT

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(".cache/table2")
PAGE = Path("docs/benchmarks/figure2.md")
DRAWS = 10_000
GAP_MARGIN_EV = 0.5
"""How far from the wanted gap a sample still counts."""


@dataclass(frozen=True)
class Condition:
    """What is asked for: a gap, an upper bound on the formation energy, and a lower one on the space group."""

    name: str
    gap_ev: float
    energy_ev_per_atom: float
    space_group: int

    @property
    def seeds(self) -> Target:
        """What seeds are chosen by; the errors of the model widen it."""
        return self._target(Interval(self.gap_ev, self.gap_ev))

    @property
    def hit(self) -> Target:
        """What a sample is judged by."""
        return self._target(Interval(self.gap_ev, self.gap_ev).widened(GAP_MARGIN_EV))

    @property
    def asked(self) -> str:
        """What is asked for, in words."""
        return (
            f"gap {self.gap_ev:g} ± {GAP_MARGIN_EV:g} eV, E<sub>f</sub> ≤ {self.energy_ev_per_atom:g} eV/atom, "
            f"space group ≥ {self.space_group}"
        ).replace("-", "−")

    def _target(self, gap: Interval) -> Target:
        return Target(
            properties={BAND_GAP: gap, FORMATION_ENERGY: Interval(high=self.energy_ev_per_atom)},
            space_groups=frozenset(range(self.space_group, 231)),
        )


CONDITIONS = (Condition("Condition 1", 1.5, -1.5, 195), Condition("Condition 2", 4.0, -2.5, 143))


@dataclass(frozen=True)
class Samples:
    """What some draws led to.

    Attributes:
        draws: latent points decoded.
        genes: the valid ones among them, repeats included.
        values: (n,) of each property and of ``space_group`` for these genes.
    """

    draws: int
    genes: tuple[WyckoffGene, ...]
    values: dict[str, NDArray[np.float64]]


def draw(checkpoint: Checkpoint, seeds: Seeds, draws: int, rng: np.random.Generator) -> Samples:
    """Draw around seeds as published (20 per seed and pass, scale 1.4), in as many passes as needed, unconstrained."""
    found: list[Candidate | Rejection] = []
    while len(found) < draws:
        found += sample(checkpoint, seeds, Target(), rng=rng)
    # A pass goes through the seeds in random order, so that cutting the last one favours none.
    kept = [item for item in found[:draws] if isinstance(item, Candidate)]
    values = {name: np.array([item.predictions[name] for item in kept]) for name in checkpoint.targets}
    groups = np.array([item.gene.space_group for item in kept], np.float64)
    return Samples(draws, tuple(item.gene for item in kept), values | {"space_group": groups})


def judged(samples: Samples, judge: Checkpoint) -> Samples:
    """The same genes with the properties that another model predicts for them."""
    distinct = list(dict.fromkeys(samples.genes))
    place = {gene: i for i, gene in enumerate(distinct)}
    rows = [place[gene] for gene in samples.genes]
    predicted = {name: values[rows] for name, values in judge.predict(distinct).items()}
    return Samples(samples.draws, samples.genes, samples.values | predicted)


def shares(samples: Samples, target: Target, known: Sequence[bool]) -> dict[str, Rate]:
    """How many of the draws meet each part of a target, all of it, and all of it with a new gene.

    A draw that is no valid gene meets nothing.

    Args:
        samples: what was drawn.
        target: what is asked for.
        known: whether each gene is in the table of the model.
    """
    met = {name: _inside(samples.values[name], interval) for name, interval in target.properties.items()}
    met["space_group"] = np.isin(samples.values["space_group"], list(target.space_groups))
    both = np.logical_and.reduce(list(met.values()))
    met |= {"all": both, "new": both & ~np.asarray(known, bool)}
    counts = {"valid": len(samples.genes)} | {name: int(mask.sum()) for name, mask in met.items()}
    return {name: Rate(count, samples.draws) for name, count in counts.items()}


def _inside(values: NDArray[np.float64], interval: Interval) -> NDArray[np.bool_]:
    return (values >= interval.low) & (values <= interval.high)


def principal_components(points: NDArray[np.floating], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (n, count) on the first principal components of points (n, d), and the share of variance of each."""
    centred = points - points.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * singular[:count], (singular**2 / (singular**2).sum())[:count]


def explained(points: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Share of the variance of values, (n,) or one-hot (n, k), that a linear function of points (n, d) explains."""
    with_offset = np.column_stack([points, np.ones(len(points))])
    fitted = with_offset @ np.linalg.lstsq(with_offset, values, rcond=None)[0]
    return float(1 - ((values - fitted) ** 2).sum() / ((values - values.mean(axis=0)) ** 2).sum())


def main() -> None:
    """Draw both figures and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that table2.py filled")
    parser.add_argument("--model", default="transfer-orbit-0", help="run whose model samples")
    parser.add_argument("--judge", default="transfer-orbit-1", help="run whose model judges a second time")
    parser.add_argument("--draws", type=int, default=DRAWS, help="decodes per condition")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    os.chdir(ROOT)
    try:
        page = make(options)
    except WyckforgeError as error:
        sys.exit(f"error: {error} (python benchmarks/table2.py makes the models)")
    write_atomically(options.page, page.encode())
    print(f"wrote {options.page}")


def make(options: argparse.Namespace) -> str:
    """Sample, draw, and return the page."""
    table, split = GeneTable.read(options.cache / "table.parquet"), Split.read(options.cache / "split.json")
    split.check_belongs_to(table)
    model, judge = (Checkpoint.load(options.cache / run / CHECKPOINT) for run in (options.model, options.judge))
    learnt = table.select(split.train[table.label(BAND_GAP)[split.train] > 0])

    latent = model.encode(learnt.genes)
    points, variance = principal_components(latent, 2)
    draw_latent(options.page.with_name("figure2_latent.png"), points, variance, learnt)

    seeds = {condition.name: select_seeds(model, learnt, condition.seeds) for condition in CONDITIONS}
    seeds["unconditional"] = select_seeds(model, learnt, Target(), unconditional=True)
    rng = np.random.default_rng(options.seed)
    drawn = {name: draw(model, chosen, options.draws, rng) for name, chosen in seeds.items()}
    draw_densities(
        options.page.with_name("figure2_densities.svg"),
        [(condition.name, condition.hit, drawn[condition.name].values) for condition in CONDITIONS],
        drawn["unconditional"].values,
    )
    account = Account(
        draws=options.draws,
        asked={condition.name: condition.asked for condition in CONDITIONS},
        seeds={name: len(chosen.table) for name, chosen in seeds.items()},
        variance=tuple(variance.tolist()),
        structure=_structure(points, latent, learnt),
        errors=model.errors,
        shares=_all_shares(drawn, model, judge),
    )
    return page_of(account)


def _structure(
    points: NDArray[np.float64], latent: NDArray[np.float32], learnt: GeneTable
) -> dict[str, tuple[float, float]]:
    systems = list(CRYSTAL_SYSTEMS)
    one_hot = np.eye(len(systems))[[systems.index(crystal_system(group)) for group in learnt.space_groups.tolist()]]
    labels = {describe(name).label: learnt.label(name) for name in (BAND_GAP, FORMATION_ENERGY)}
    return {
        name: (explained(points, values), explained(latent.astype(np.float64), values))
        for name, values in {**labels, "Crystal system (one-hot)": one_hot}.items()
    }


def _all_shares(
    drawn: dict[str, Samples], model: Checkpoint, judge: Checkpoint
) -> dict[tuple[str, str, str], dict[str, Rate]]:
    """Shares by condition, by who judges (``model`` or ``other``), and by way of sampling."""
    known = {name: [model.is_known_gene(gene) for gene in samples.genes] for name, samples in drawn.items()}
    judges = {"model": drawn, "other": {name: judged(samples, judge) for name, samples in drawn.items()}}
    return {
        (condition.name, who, way): shares(samples[key], condition.hit, known[key])
        for condition in CONDITIONS
        for who, samples in judges.items()
        for way, key in (("conditional", condition.name), ("unconditional", "unconditional"))
    }


if __name__ == "__main__":
    main()
