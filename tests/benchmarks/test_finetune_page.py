from __future__ import annotations

import numpy as np
from tests.train.conftest import crystals

from finetune_judge import Judge
from finetune_page import key_of, page_of

SIZES, SEEDS = (200, 2000), (0, 1)


def scores() -> dict[str, dict[str, object]]:
    """Errors that fall with the labels; asked for, every tenth and every fifth gene hits, else every fiftieth."""
    found: dict[str, dict[str, object]] = {}
    for name in ("thermal_conductivity", "bulk_modulus"):
        for n in SIZES:
            for seed in SEEDS:
                error = 400 / n + seed
                tuned = {
                    "tuned": error,
                    "member": error + 0.5,
                    "cross_validated": error + 1,
                    "coverage": 0.9 + seed / 50,
                }
                asked = {
                    f"{side}_{way}": hits
                    for side, hit in (("low", 100), ("high", 200))
                    for way, hits in (("asked", hit), ("unasked", 20), ("base", 20))
                }
                kept = {f"{side}_asked_{what}": 0.975 for side in ("low", "high") for what in ("unique", "new")}
                rest = {
                    "bounds": [0.9, 14.0],
                    "judge": 2.4,
                    "exact": 0.98,
                    "exact_base": 0.97,
                    "seconds": 90.0,
                    "coverage": 0.9 + seed / 50,
                }
                found[key_of("tuned", name, n, seed)] = tuned | asked | kept | rest
                found[key_of("scratch", name, n, seed)] = {"scratch": 2 * error}
    return found


def test_the_page_holds_means_spreads_and_pooled_rates():
    page = page_of(
        scores(), ("thermal_conductivity", "bulk_modulus"), "thermal_conductivity", SIZES, SEEDS, 1000,
        base="orbitvae", note="of old weights", train="3,426", test="735", batch=64, scratch="400 / 1,280",
    )  # fmt: skip
    assert "| 200 | **2.50 ± 0.71** | 3.00 ± 0.71 | 5.00 ± 1.41 | 3.50 ± 0.71 | 91.0 ± 1.4 % |" in page
    assert "| 2,000 | **0.70 ± 0.71** |" in page
    assert "| 200 | lowest | 10.0 (8.8–11.4) | 2.0 (1.5–2.7) | 2.0 (1.5–2.7) | 5.0 (" in page
    assert "| 2,000 | highest | 20.0 (" in page
    assert "200 labels 1.5, 2,000 labels 1.5." in page
    assert "98.0 to 98.0 %" in page
    assert "### Bulk modulus (GPa)" in page
    assert "    of old weights" in page


def test_the_judge_learns_and_extrapolates_no_further_than_its_labels():
    genes = crystals(36)
    values = np.array([10.0 if 8 in gene.elements else 1.0 for gene in genes])
    judged = Judge(genes, values)(genes)
    assert ((judged > 3) == (values > 3)).all()
    assert judged.min() >= 0.99
    assert judged.max() <= 10.01
