"""What classifiers are worth on crystals they have not seen: order, rates at a threshold, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from judge import rank_area
from wyckforge.data.embedded import load_embedded
from wyckforge.data.table import GeneTable
from wyckforge.evaluate.metrics import Rate, calibration
from wyckforge.models.forward.electrons import primitive_cells
from wyckforge.properties import BAND_GAP
from wyckforge.train.classifier import Pool

HYPOTHETICAL = "wbm-val-"
"""How the names of crystals begin that nobody has made."""

SIZES = (3, 6, 11, 16, 21, 31, 41)
"""Atoms in the primitive cell from which on the next class of sizes begins."""

SMALL = 20
"""Atoms in the primitive cell up to which all sources have crystals: WBM and MP-20 have few or none above."""

ABOVE = 0.4
"""Score of synthesizability that the funnel asks for; as published."""

METAL = 0.5
"""Score from which on the funnel takes a gene for a metal; as published."""

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
RESAMPLES = 300
"""Draws of the bootstrap."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def score_metal(gap: Floats, scores: Floats, table: GeneTable) -> dict[str, Any]:
    """Precision, recall and order of a classifier of metals, on n crystals with a gap (eV; 0 for a metal)."""
    metal = gap == 0
    hypothetical = made_up(table)
    ternary = np.array([len(gene.elements) == 3 for gene in table.genes])
    parts = {"all": np.ones(len(gap), bool), "ternary": ternary, "mp_20": ~hypothetical, "wbm": hypothetical}
    return {
        "auc": area(metal, scores),
        "parts": {
            name: told(metal[rows], scores[rows] >= METAL) | {"auc": area(metal[rows], scores[rows])}
            for name, rows in parts.items()
        },
        "thresholds": {f"{cut:g}": told(metal, scores >= cut) for cut in THRESHOLDS},
        "calibration": calibration(scores, metal).to_dict(),
    }


def another_calculation(table: GeneTable) -> dict[str, Any]:
    """Metals of MP-20 as another PBE calculation of the same crystals, that of MEGNet's labels, tells them."""
    other = load_embedded()
    at = {name: row for row, name in enumerate(other.ids)}
    rows = np.array(
        [
            (row, at[name])
            for row, (name, source) in enumerate(zip(table.ids, table.column(BAND_GAP).sources, strict=True))
            if source == "mp_20" and name in at and np.isfinite(other.label(BAND_GAP)[at[name]])
        ],
        np.int64,
    ).reshape(-1, 2)
    return told(table.label(BAND_GAP)[rows[:, 0]] == 0, other.label(BAND_GAP)[rows[:, 1]] == 0)


def same_gene(table: GeneTable, gap: Floats) -> dict[str, Any]:
    """How often crystals of one gene, which no classifier of genes can tell apart, are not all metals or all not."""
    kinds: dict[str, list[bool]] = {}
    for row in np.flatnonzero(np.isfinite(gap)):
        kinds.setdefault(str(table.genes[row]), []).append(bool(gap[row] == 0))
    shared = [kind for kind in kinds.values() if len(kind) > 1]
    return {
        "genes": Rate.of(np.array([len(set(kind)) > 1 for kind in shared], bool)).to_dict(),
        "lost": sum(min(sum(kind), len(kind) - sum(kind)) for kind in shared),
        "crystals": sum(map(len, kinds.values())),
    }


def score_synthesizability(known: Mask, scores: Floats, table: GeneTable, pool: Pool) -> dict[str, Any]:
    """Order, rates and, of crystals drawn as for learning, calibration: known against unlabelled ones, n in all."""
    hypothetical, small = made_up(table), atoms(table) <= SMALL
    kinds = {"known": known, "unlabelled, Materials Project": ~known & ~hypothetical, "WBM": hypothetical}
    against = {"unlabelled": ~known, "WBM": hypothetical}
    drawn = pool.bag(np.arange(len(known)), known, np.random.default_rng(0))
    return {
        "auc": {
            f"{name}{words}": area(known[rows], scores[rows])
            for name, other in against.items()
            for words, part in (("", np.ones(len(known), bool)), (", small cells", small))
            for rows in [(known | other) & part]
        },
        "passed": {
            f"{name}{words}": Rate.of(scores[mask & part] > ABOVE).to_dict()
            for name, mask in kinds.items()
            for words, part in (("", np.ones(len(known), bool)), (", small cells", small))
        },
        "thresholds": {
            f"{cut:g}": {name: Rate.of(scores[mask] > cut).to_dict() for name, mask in kinds.items()}
            for cut in THRESHOLDS
        },
        "calibration": calibration(scores[drawn], known[drawn]).to_dict(),
    }


def score_years(known: Mask, year: Floats, scores: Floats, table: GeneTable, last: int) -> dict[str, Any]:
    """What a classifier that knows nothing after a year says of what came later, n crystals of all times."""
    hypothetical, small = made_up(table), atoms(table) <= SMALL
    later, before = known & (year > last), known & (year <= last)
    kinds = {
        **{str(one): later & (year == one) for one in sorted({int(each) for each in year[later]})},
        "later": later,
        "later, small cells": later & small,
        f"up to {last}, held out": before,
        f"up to {last}, held out, small cells": before & small,
        "WBM": hypothetical,
    }
    rows = later | hypothetical
    return {
        "last": last,
        "passed": {name: Rate.of(scores[mask] > ABOVE).to_dict() for name, mask in kinds.items()},
        "auc": {"WBM": area(later[rows], scores[rows])},
    }


def made_up(table: GeneTable) -> Mask:
    """(n,) whether crystals are hypothetical entries of WBM."""
    return np.array([name.startswith(HYPOTHETICAL) for name in table.ids], bool)


def atoms(table: GeneTable) -> NDArray[np.int64]:
    """(n,) atoms in the primitive cells."""
    return np.array([gene.n_atoms // primitive_cells(gene.space_group) for gene in table.genes], np.int64)


def size_classes(table: GeneTable) -> NDArray[np.int64]:
    """(n,) number of the class of sizes of :data:`SIZES` that primitive cells belong to."""
    return np.digitize(atoms(table), SIZES)


def told(yes: Mask, said: Mask) -> dict[str, Any]:
    """Precision and recall of a yes, n cases."""
    return {
        "precision": Rate.of(yes[said]).to_dict(),
        "recall": Rate.of(said[yes]).to_dict(),
        "right": Rate.of(yes == said).to_dict(),
    }


def area(yes: Mask, scores: Floats) -> dict[str, Any] | None:
    """Area under the receiver operating characteristic of n cases, with its bootstrap interval; or ``None``."""
    if not 0 < yes.sum() < len(yes):
        return None
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(yes), size=len(yes)) for _ in range(RESAMPLES)]
    found = [rank_area(yes[draw], scores[draw]) for draw in draws if 0 < yes[draw].sum() < len(draw)]
    return {
        "value": rank_area(yes, scores),
        "interval": np.percentile(found, [2.5, 97.5]).tolist(),
        "n": len(yes),
        "yes": int(yes.sum()),
    }
