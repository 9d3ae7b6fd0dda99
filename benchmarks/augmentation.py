"""Do the published gains of Wyckoff augmentation come from the augmentation, or from the updates that it brings along?

    python benchmarks/augmentation.py            # four trainings of the published model, 40 minutes on one core
    python benchmarks/augmentation.py --resume   # after a kill, or to write the page anew

The paper shows every description of a crystal in every epoch, 2.9 on average, so that its augmented models make about
three times the updates of the plain ones. Here both are trained with once and three times the updates of
``benchmarks/table2.py``, whose runs, cache and scores are used.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from table2 import CACHE, STRUCTURES, UPDATES, Ground, Run, finish_all
from table2_page import Score, comparisons, losses, rows_of
from wyckforge.errors import WyckforgeError
from wyckforge.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("docs/benchmarks/augmentation.md")
PAIRS = (
    ("target-orbit", "target-plain", "augmentation, at equal updates"),
    ("target-orbit-x3", "target-plain-x3", "augmentation, at 3 × updates"),
    ("target-plain-x3", "target-plain", "updates alone"),
    ("target-orbit-x3", "target-plain", "augmentation and updates, as published"),
)


def runs_of(seeds: Sequence[int]) -> list[Run]:
    """Plain and augmented, with once and three times the updates."""
    return [Run("target", orbit, seed, times) for seed in seeds for times in (1, 3) for orbit in (False, True)]


def page_of(scores: Sequence[Score], seeds: Sequence[int], updates: int, n_test: int) -> str:
    """The page, Markdown; its words are in ``augmentation.md.j2``."""
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return words.get_template("augmentation.md.j2").render(
        seeds=", ".join(map(str, seeds)),
        updates=f"{updates:,}",
        n_test=n_test,
        table=rows_of(scores, "target"),
        comparisons=comparisons(scores, PAIRS),
        losses=losses(scores),
    )


def main() -> None:
    """Train what is still to be trained and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the shorter trainings")
    parser.add_argument("--resume", action="store_true", help="go on with the runs in the cache")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    torch.set_flush_denormal(True)
    runs = runs_of(options.seeds)
    if not options.resume and any((options.cache / run.name).exists() for run in runs):
        sys.exit(f"error: {options.cache} holds some of these runs; go on with --resume, or give another --cache")
    try:
        ground = Ground.prepare(data, options.cache)
        scores = finish_all(runs, ground, options.cache, options.updates)
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    page = page_of(scores, options.seeds, options.updates, len(ground.sets("test")["target"]))
    write_atomically(options.page, page.encode())
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
