"""The page about S.U.N. crystals: rates with intervals, and what a success costs."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from rates import rate
from wyckforge.config import RunConfig
from wyckforge.realise.judge import JUDGED
from wyckforge.realise.phonon.stage import GAMMA
from wyckforge.realise.refine import REFINED_HULL
from wyckforge.records import Candidate

HERE = Path(__file__).parent
WAYS = ("ours", "one", "three")
"""Ours, and PyXtal with FIRE from one start and from three."""

WORKERS = 2

CHOSEN_ON, CHOSEN_FIRST = {"seed": 8, "count": 1000}, 160
"""The genes on which it was chosen when a further start is worth its while: a list, and how many of its first."""


OTHER_SEEDS = (9, 10, 11)
"""Of further lists, realised our way alone."""


@dataclass(frozen=True)
class Outcome:
    """A gene that was realised in one way.

    Attributes:
        way: name of the way.
        candidate: with all evidence.
        novel: no known crystal of its formula matches it.
    """

    way: str
    candidate: Candidate
    novel: bool

    def passed(self, stage: str) -> bool:
        """Whether the evidence of a stage is a pass."""
        found = self.candidate.find(stage)
        return found is not None and found.verdict == "pass"

    @property
    def gene(self) -> str:
        """Its text form."""
        return str(self.candidate.gene)

    @property
    def seconds(self) -> float:
        """Wall time of a worker."""
        found = self.candidate.find("seconds")
        return found.value or 0.0 if found is not None else 0.0

    @property
    def stable(self) -> bool:
        """Near both hulls, each relaxation converged."""
        return self.passed("hull") and self.passed(REFINED_HULL)


STEPS: tuple[tuple[str, Callable[[Outcome], bool]], ...] = (
    ("built with the gene's symmetry", lambda one: one.passed("build")),
    ("relaxed, force and stress converged", lambda one: one.passed("relax")),
    ("space group kept (0.01 Å)", lambda one: one.passed("symmetry")),
    ("within 0.1 eV/atom of the hull of CHGNet", lambda one: one.passed("hull")),
    ("within 0.1 eV/atom of both hulls", lambda one: one.stable),
)


def page_of(
    outcomes: Sequence[Outcome],
    fresh: Sequence[Outcome],
    record: Mapping[str, Any],
    config: RunConfig,
    known: int,
    chosen_on: Container[str],
) -> str:
    """The page, Markdown; its words are in `sun.md.j2`.

    Args:
        outcomes: of every gene in every way.
        fresh: of the genes of further lists on which nothing was chosen, our way.
        record: of the run that drew the genes.
        config: of that run.
        known: crystals that a novel one differs from.
        chosen_on: genes on which settings were chosen.
    """
    ways = {way: [one for one in outcomes if one.way == way] for way in WAYS}
    sun = {way: suns(some) for way, some in ways.items()}
    judged = {way: list(zip(ways[way], sun[way], strict=True)) for way in WAYS}
    others = {way: [(one, good) for one, good in some if one.gene not in chosen_on] for way, some in judged.items()}
    half = len(ways["ours"]) // 2
    proven = [good and one.passed(GAMMA) for one, good in judged["ours"]]
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True)
    return (
        words.get_template("sun.md.j2").render(
            config=config,
            draws=f"{record['draws']:,}",
            survivors=f"{record['funnel'][-1]['passed']:,}",
            drawing=f"{record['timings_s']['draw']:.0f}",
            known=f"{known:,}",
            chosen_on=CHOSEN_ON,
            chosen_first=CHOSEN_FIRST,
            n=len(ways["ours"]),
            steps=[(name, [rate([test(one) for one in ways[way]]) for way in WAYS]) for name, test in STEPS],
            sun=[rate(sun[way]) for way in WAYS],
            other_seeds=OTHER_SEEDS,
            n_fresh=len(fresh),
            fresh=rate(suns(fresh)),
            n_others=len(others["ours"]),
            of_others=[rate([good for _, good in others[way]]) for way in WAYS],
            halves=[rate(some) for some in (sun["ours"][:half], sun["ours"][half:])],
            of_built=rate([good for one, good in judged["ours"] if one.passed("build")]),
            proven=rate(proven),
            on_target=rate([good and one.passed(JUDGED) for one, good in zip(ways["ours"], proven, strict=True)]),
            seconds=[f"{np.mean([one.seconds for one in ways[way]]):.1f}" for way in WAYS],
            price=[per_success(judged[way]) for way in WAYS],
            whole_price=[per_success(judged[way], record["timings_s"]["draw"]) for way in WAYS],
            cheaper={way: cheaper(judged["ours"], judged[way]) for way in WAYS[1:]},
            cheaper_for_others={way: cheaper(others["ours"], others[way]) for way in WAYS[1:]},
        )
        + "\n"
    )


def suns(outcomes: Sequence[Outcome]) -> list[bool]:
    """Which are stable by both potentials, novel, and the first of their kind in the list."""
    matcher, found = StructureMatcher(), []
    seen: list[Structure] = []
    for one in outcomes:
        crystal = one.candidate.crystal
        good = one.stable and one.novel and crystal is not None
        if good and crystal is not None:
            mine = Structure(crystal.lattice, crystal.numbers, crystal.frac_coords)
            good = not any(matcher.fit(mine, other) for other in seen)
            seen.append(mine)
        found.append(good)
    return found


def per_success(some: Sequence[tuple[Outcome, bool]], before_s: float = 0.0) -> str:
    """Wall time of two workers for one S.U.N. crystal, with what went before."""
    good = sum(flag for _, flag in some)
    return f"{(before_s + sum(one.seconds for one, _ in some) / WORKERS) / good:.1f}" if good else "no success"


def cheaper(ours: Sequence[tuple[Outcome, bool]], baseline: Sequence[tuple[Outcome, bool]]) -> str:
    """How many times less time a success takes, over the same genes, with a bootstrap interval over genes."""
    spent = np.array([[one.seconds for one, _ in some] for some in (ours, baseline)])
    good = np.array([[flag for _, flag in some] for some in (ours, baseline)], dtype=float)
    rows = np.random.default_rng(0).integers(spent.shape[1], size=(2000, spent.shape[1]))

    def ratio(chosen: np.ndarray) -> float:
        price = spent[:, chosen].sum(1) / good[:, chosen].sum(1)
        return float(price[1] / price[0])

    with np.errstate(divide="ignore", invalid="ignore"):
        found, drawn = ratio(np.arange(spent.shape[1])), [ratio(some) for some in rows]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{found:.1f} [{low:.1f}, {high:.1f}]"
