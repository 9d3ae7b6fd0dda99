"""The two classifiers of the funnel: is a gene like crystals known to experiment, and is it a metal?

    python benchmarks/classifiers.py            # a quarter of an hour on one core
    python benchmarks/classifiers.py --resume   # after a kill, or to write the page anew
    python benchmarks/classifiers.py --bundle   # the classifiers of the split by formula into the package, too

Tables, classifiers and scores are kept under ``.cache/classifiers``. A tenth of the crystals is held out before
anything is learned, whole formulas or whole chemical systems; the five folds of an ensemble divide the rest. Scores are
made by :mod:`classifiers_scores`, the page by :mod:`classifiers_page`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifiers_page import card_of, page_of
from classifiers_scores import (
    another_calculation,
    made_up,
    same_gene,
    score_metal,
    score_synthesizability,
    score_years,
    size_classes,
)
from table2 import STRUCTURES
from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.split import chemical_system, split_table
from wyckforge.data.table import GeneTable
from wyckforge.data.vintages import VINTAGES
from wyckforge.errors import ConfigError, MissingDependencyError, WyckforgeError
from wyckforge.files import write_atomically
from wyckforge.properties import BAND_GAP
from wyckforge.train.artefact import INDEX, bundled
from wyckforge.train.classifier import FOLDS, GeneClassifier, Growth, Pool, describe, grow

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/classifiers"), Path("docs/benchmarks/classifiers.md")
EXPERIMENTAL, YEAR = "experimental", "year"
SEED = 7
LAST_YEAR = 2009
"""Last year of first publication that the classifier of the test on later years learns from."""

OLDER = 0.5
"""Weight of a gap of an older vintage beside one of the vintage that is tested."""

HYPOTHETICAL_SHARE = 0.75
"""Of the unlabelled crystals of a bag; the others may have been made."""

GROWTH = {"metal": Growth(400, 0.08), "synthesizability": Growth(60, 0.15, bags=2)}

By = Literal["formula", "chemical_system", "year"]
Question = Literal["synthesizability", "metal"]
RUNS: tuple[tuple[Question, By], ...] = (
    ("metal", "formula"),
    ("synthesizability", "formula"),
    ("metal", "chemical_system"),
    ("synthesizability", "year"),
    ("synthesizability", "chemical_system"),
)

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Crystals:
    """All crystals of the shared set as genes.

    Attributes:
        table: with the labels ``band_gap``, ``experimental`` and ``year``.
    """

    table: GeneTable

    @classmethod
    def prepare(cls, data: Path, cache: Path) -> Crystals:
        """Build the table, or read it.

        Raises:
            MissingDependencyError: neither table nor ``data`` is there.
        """
        path = cache / "table.parquet"
        if not path.exists():
            if not data.exists():
                raise MissingDependencyError(f"{data} is absent; give the shared structures with --data")
            rules = BuildRules(keep_structures=False)
            build_from_path(data, rules, labels=(BAND_GAP, EXPERIMENTAL, YEAR), progress=True)[0].write(path)
        return cls(GeneTable.read(path))

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether a crystal is in a database of experiments; the others are unlabelled."""
        return np.asarray(self.table.label(EXPERIMENTAL) == 1)

    @cached_property
    def gap(self) -> NDArray[np.float64]:
        """(n,) band gaps of the vintage that is tested, eV."""
        tested = {BAND_GAP: VINTAGES["modern_strict"][BAND_GAP]}
        return self.table.with_vintage(tested).label(BAND_GAP)

    @cached_property
    def older(self) -> NDArray[np.bool_]:
        """(n,) whether a crystal has a gap of an older vintage only."""
        return np.isnan(self.gap) & np.isfinite(self.table.label(BAND_GAP))

    def groups(self, by: By) -> list[str]:
        """What stays together, of every crystal."""
        return (
            [chemical_system(gene) for gene in self.table.genes] if by == "chemical_system" else [*self.table.formulas]
        )

    def parts(self, question: Question, by: By) -> tuple[Rows, Rows]:
        """Rows to learn from, and rows to measure on.

        In the split by year everything of the formulas that came later is measured on, together with what the split by
        formula holds out and is not of these years.
        """
        split = split_table(
            self.table,
            fractions=(0.9, 0.0, 0.1),
            seed=SEED,
            by="chemical_system" if by == "chemical_system" else "formula",
        )
        held = np.zeros(len(self.table), bool)
        held[split.test] = True
        if by == "year":
            later = self.table.label(YEAR) > LAST_YEAR
            formulas = {self.table.formulas[row] for row in np.flatnonzero(later)}
            touched = np.array([formula in formulas for formula in self.table.formulas])
            return np.flatnonzero(~held & ~touched), np.flatnonzero(later | (held & ~touched))
        if question == "synthesizability":
            return np.flatnonzero(~held), np.flatnonzero(held)
        known = np.isfinite(self.gap)
        return np.flatnonzero(~held & (known | self.older)), np.flatnonzero(held & known)


def finish(crystals: Crystals, question: Question, by: By, cache: Path) -> dict[str, Any]:
    """Grow and score one classifier, or go on where an earlier call was killed.

    Raises:
        ConfigError: the one in the cache was grown otherwise or on other crystals.
    """
    folder = cache / f"{question}-{by}"
    identity = {"growth": list(GROWTH[question]), "seed": SEED, "table": crystals.table.content_hash()}
    train, test = crystals.parts(question, by)
    if not (folder / "model" / INDEX).is_file():
        learned = learn(crystals, question, by, train)
        replace(learned, provenance={**learned.provenance, **identity}).save(folder / "model")
    classifier = GeneClassifier.load(folder / "model")
    if any(classifier.provenance.get(key) != value for key, value in identity.items()):
        raise ConfigError(f"{folder} was made with other settings or crystals; give another --cache")
    path = folder / "scores.json"
    if not path.exists():
        scores = classifier.scores([crystals.table.genes[row] for row in test])
        found = measure(crystals, question, by, test, scores) | {
            "train": len(train),
            "positives": int(positives(crystals, question)[train].sum()),
            "seconds": classifier.provenance["seconds"],
        }
        write_atomically(path, json.dumps(found, indent=1).encode())
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def positives(crystals: Crystals, question: Question) -> NDArray[np.bool_]:
    """(n,) what the answer yes is, by the labels of all vintages."""
    return crystals.known if question == "synthesizability" else crystals.table.label(BAND_GAP) == 0


def learn(crystals: Crystals, question: Question, by: By, train: Rows) -> GeneClassifier:
    """A classifier of some rows."""
    began = time.perf_counter()
    genes = [crystals.table.genes[row] for row in train]
    older = crystals.older[train] if question == "metal" else np.zeros(len(train), bool)
    trees = grow(
        describe(genes, older),
        positives(crystals, question)[train],
        np.array(crystals.groups(by))[train].tolist(),
        GROWTH[question],
        seed=SEED,
        pool=pool_of(crystals.table.select(train)) if question == "synthesizability" else None,
        weights=np.where(older, OLDER, 1.0) if question == "metal" else None,
        shown=True,
    )
    account = {"split": by, "folds": FOLDS, "seconds": time.perf_counter() - began}
    return GeneClassifier(question, trees, account)


def pool_of(table: GeneTable) -> Pool:
    """How crystals are drawn that are not known to experiment, with sizes evened out."""
    hypothetical = made_up(table)
    unknown = ~hypothetical & ~(table.label(EXPERIMENTAL) == 1)
    chance = HYPOTHETICAL_SHARE * hypothetical / max(hypothetical.sum(), 1)
    return Pool(chance + (1 - HYPOTHETICAL_SHARE) * unknown / max(unknown.sum(), 1), size_classes(table))


def measure(crystals: Crystals, question: Question, by: By, test: Rows, scores: NDArray[np.float64]) -> dict[str, Any]:
    """Scores of a classifier on the rows that it has not seen."""
    part = crystals.table.select(test)
    if question == "metal":
        return score_metal(crystals.gap[test], scores, part) | {
            "another": another_calculation(crystals.table),
            "same_gene": same_gene(crystals.table, crystals.gap),
        }
    if by == "year":
        return score_years(crystals.known[test], part.label(YEAR), scores, part, LAST_YEAR)
    return score_synthesizability(crystals.known[test], scores, part, pool_of(part))


def main() -> None:
    """Grow and score all classifiers, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--resume", action="store_true", help="go on with what is in the cache")
    parser.add_argument("--bundle", action="store_true", help="write the classifiers that come with the package")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    try:
        if not (options.resume or options.bundle) and any(options.cache.glob("*/scores.json")):
            raise ConfigError(f"{options.cache} holds scores already; go on with --resume, or give another --cache")
        crystals = Crystals.prepare(data, options.cache)
        found = {(question, by): finish(crystals, question, by, options.cache) for question, by in RUNS}
        write_atomically(options.page, page_of(found).encode())
        if options.bundle:
            for question in GROWTH:
                model = GeneClassifier.load(options.cache / f"{question}-formula" / "model")
                replace(model, card=card_of(question, found)).save(bundled(question))
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
