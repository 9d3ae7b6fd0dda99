"""Three ways to condition, at equal numbers of decodes: seeds, conditional prior, gradient search; and none.

    python benchmarks/conditioning.py               # 1,000 decodes, seeds 0 1 2: some minutes on two cores
    python benchmarks/conditioning.py --n 200 --seeds 0 --page /tmp/look.md

Every gene that is decoded counts, whatever becomes of it. Hits are decided by a model that did not generate.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import per
from wyckforge.data.embedded import load_embedded
from wyckforge.data.table import GeneTable
from wyckforge.design.assess import assess
from wyckforge.design.assessment import UNCONDITIONAL, Assessment, JudgeClaims
from wyckforge.design.config import SamplingConfig
from wyckforge.evaluate.hits import JOINT, JOINT_NEW, Attempts, met
from wyckforge.evaluate.metrics import Rate, Ratio, rate_ratio
from wyckforge.evaluate.targets_file import read_targets
from wyckforge.files import write_atomically
from wyckforge.records import Target
from wyckforge.train.model import ORACLE, GeneModel, load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
PAGE = Path("docs/benchmarks/conditioning.md")
WAYS = {
    "unconditional": "unconditional prior",
    "paper": "paper's model, perturbed seeds",
    "seeds": "perturbed seeds",
    "prior": "conditional prior",
    "search": "gradient search",
}
HEADINGS = (
    "", "hits, %", "times unconditional", "claimed, %", "judge expects, %", "new hits per 1,000",
    "valid, %", "unique, %", "novel gene, %",
)  # fmt: skip


@dataclass(frozen=True)
class Score:
    """What one way of making genes amounts to on one target, all seeds together.

    Attributes:
        hits: decodes that meet the whole target.
        free: the same of the same model without a target.
        new_hits: those of them that are unique and novel.
        claimed: mean of the claimed probabilities; ``None`` without a claim.
        expected: mean of the probabilities of a hit that the judge states; ``None`` of one that states none.
        valid: decodes that are genes.
        unique: decodes that are the first of their class among those of their seed.
        novel: decodes that no known crystal equals.
    """

    hits: Rate
    free: Rate
    new_hits: Rate
    claimed: float | None
    expected: float | None
    valid: Rate
    unique: Rate
    novel: Rate


class Worth(NamedTuple):
    """How far the judge can be trusted on one target.

    Attributes:
        precision: of the crystals that the judge calls hits, those that are by their labels.
        recall: of the hits by their labels, those that the judge calls so.
        n: crystals.
    """

    precision: Rate
    recall: Rate
    n: int


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="decodes of every way, target and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--targets", type=Path, default=ROOT / "configs" / "targets.toml")
    parser.add_argument("--checkpoint", default="orbitvae")
    parser.add_argument("--oracle", default=ORACLE)
    parser.add_argument("--page", type=Path, default=ROOT / PAGE)
    options = parser.parse_args()
    targets = read_targets(options.targets)
    model, judge = load_checkpoint(options.checkpoint), load_checkpoint(options.oracle)
    found, spent = measure(model, judge, targets, options.n, options.seeds)
    worth = {name: judge_worth(judge, load_embedded(), target) for name, target in targets.items()}
    text = page_of(found, worth, spent, targets, model, judge, options.n, options.seeds)
    print(text)
    write_atomically(options.page, text.encode())


def measure(
    model: GeneModel, judge: GeneModel, targets: Mapping[str, Target], n: int, seeds: list[int]
) -> tuple[dict[tuple[str, str], Score], dict[str, float]]:
    """Scores by target and way, and seconds of making and judging by way."""
    table, assessed, spent = load_embedded(), {}, {}
    for way in (name for name in WAYS if name != "unconditional"):
        generator = load_checkpoint("mpvae") if way == "paper" else model
        sampling = SamplingConfig(method="seeds" if way == "paper" else way)
        start = time.monotonic()
        assessed[way] = [assess(generator, table, targets, judge, n=n, sampling=sampling, seed=seed) for seed in seeds]
        spent[way] = time.monotonic() - start
        print(f"{WAYS[way]}: {spent[way]:.0f} s", file=sys.stderr)
    scores = {(name, way): _score(runs, name) for way, runs in assessed.items() for name in targets}
    free = assessed["prior"]
    return scores | {(name, "unconditional"): _unconditional(free, name) for name in targets}, spent


def _score(runs: list[Assessment], name: str) -> Score:
    rates = [run.hits[name].rates for run in runs]
    made = [run.samples[name].generation for run in runs]
    claims = [one[JOINT].predicted for one in rates]
    return Score(
        hits=_pooled([one[JOINT].achieved for one in rates]),
        free=_pooled([one[JOINT].unconditional for one in rates]),
        new_hits=_pooled([one[JOINT_NEW].achieved for one in rates]),
        claimed=None if None in claims else sum(claim or 0.0 for claim in claims) / len(claims),
        expected=_mean([_claims(run, name).aimed for run in runs]),
        valid=_pooled([one.valid_gene for one in made]),
        unique=_pooled([one.unique for one in made]),
        novel=_pooled([one.novel_gene for one in made]),
    )


def _unconditional(runs: list[Assessment], name: str) -> Score:
    rates = [run.hits[name].rates for run in runs]
    made = [run.samples[UNCONDITIONAL].generation for run in runs]
    free = _pooled([one[JOINT].unconditional for one in rates])
    return Score(
        hits=free,
        free=free,
        new_hits=_pooled([one[JOINT_NEW].unconditional for one in rates]),
        claimed=None,
        expected=_mean([_claims(run, name).unconditional for run in runs]),
        valid=_pooled([one.valid_gene for one in made]),
        unique=_pooled([one.unique for one in made]),
        novel=_pooled([one.novel_gene for one in made]),
    )


def _claims(run: Assessment, name: str) -> JudgeClaims:
    return run.judge_claims.get(name, JudgeClaims(None, None))


def _mean(figures: Sequence[Mapping[str, Any] | None]) -> float | None:
    """Mean of figures that are means of equally many; ``None`` if there are none."""
    values = [figure["value"] for figure in figures if figure is not None]
    return float(np.mean(values)) if values else None


def _pooled(rates: list[Rate]) -> Rate:
    return Rate(sum(rate.hits for rate in rates), sum(rate.n for rate in rates))


def judge_worth(judge: GeneModel, table: GeneTable, target: Target) -> Worth:
    """How far a judge and labels agree on who hits a target, over the labelled crystals that the judge has not seen."""
    labels = {name: table.label(name) for name in target.properties}
    missing = np.any([np.isnan(values) for values in labels.values()], axis=0)
    rows = [
        row
        for row, gene in enumerate(table.genes)
        if not (missing[row] or judge.is_known_formula(gene)) and judge.problem(gene) is None
    ]
    genes = [table.genes[row] for row in rows]
    by_label = met(target, Attempts(genes, {name: values[rows] for name, values in labels.items()}))[JOINT]
    by_judge = met(target, Attempts(genes, judge.predict(genes)))[JOINT]
    return Worth(Rate.of(by_label[by_judge]), Rate.of(by_judge[by_label]), len(rows))


def page_of(
    scores: Mapping[tuple[str, str], Score],
    worth: Mapping[str, Worth],
    spent: Mapping[str, float],
    targets: Mapping[str, Target],
    model: GeneModel,
    judge: GeneModel,
    n: int,
    seeds: list[int],
) -> str:
    """The page, Markdown; its words are in ``conditioning.md.j2``."""
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True)
    return words.get_template("conditioning.md.j2").render(
        n=f"{n:,}",
        sampling=SamplingConfig(),
        seeds=", ".join(map(str, seeds)),
        model=model.name,
        judge=judge.name,
        errors=", ".join(f"{name} {error:.3f}" for name, error in judge.errors.items()),
        targets=[
            {
                "name": name,
                "asked": "; ".join(f"{key} {_words(value)}" for key, value in target.to_dict().items()),
                "table": table_of({way: scores[name, way] for way in WAYS}),
                "precision": per(worth[name].precision),
                "recall": per(worth[name].recall),
                "crystals": f"{worth[name].n:,}",
                "search": _times(rate_ratio(scores[name, "search"].new_hits, scores[name, "seeds"].new_hits)),
            }
            for name, target in targets.items()
        ],
        spent="; ".join(f"{WAYS[way]} {seconds:.0f} s" for way, seconds in spent.items()),
    )


def table_of(scores: Mapping[str, Score]) -> str:
    """One row for each way, Markdown."""
    rows = [
        (
            WAYS[way],
            per(score.hits),
            "1" if way == "unconditional" else _times(rate_ratio(score.hits, score.free)),
            "–" if score.claimed is None else f"{100 * score.claimed:.1f}",
            "–" if score.expected is None else f"{100 * score.expected:.1f}",
            per(score.new_hits, 1000),
            *(f"{100 * (rate.value or 0):.1f}" for rate in (score.valid, score.unique, score.novel)),
        )
        for way, score in scores.items()
    ]
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _times(ratio: Ratio) -> str:
    value, low, high = ("?" if part is None else f"{part:.1f}" for part in (ratio.value, ratio.low, ratio.high))
    return f"{value} ({low}–{high})"


def _words(value: object) -> str:
    return f"{value[0]} to {value[-1]}" if isinstance(value, list) and len(value) > 8 else str(value)


if __name__ == "__main__":
    main()
