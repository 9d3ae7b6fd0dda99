"""Energies above the reference hulls against DFT, and how probable it is that DFT finds a crystal stable.

    python benchmarks/hull.py --sevennet-0 s0.npz --sevennet-l3i5 s1.npz    # energies of tools/batch_energies.py
    python benchmarks/hull.py ... --bundle                                  # the fits into the package, too

Compounds with labels of the modern vintage are split by formula. Those of WBM in the validation part, which no
potential has learned from, fit the probabilities, those of the test part are judged; the formulas of the part are taken
out of the tables of the package first. CHGNet energies come from its cache (``WYCKFORGE_CACHE``), or are computed,
which takes hours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition
from scipy.optimize import minimize
from scipy.special import expit
from tqdm import tqdm

from hull_page import page_of
from table2 import STRUCTURES
from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.material import Material
from wyckforge.data.split import split_table
from wyckforge.data.table import GeneTable
from wyckforge.evaluate.metrics import Rate, bootstrap_interval, calibration
from wyckforge.files import write_atomically
from wyckforge.potential.cache import environments
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.realise.corrections import mp2020_correction
from wyckforge.realise.hull import ReferenceHull, composition_of
from wyckforge.realise.reference import ReferenceTable, bundled_table, bundled_tables
from wyckforge.realise.stability import LIMITS, Stability, features
from wyckforge.symmetry.elements import symbol

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/hull"), ROOT / "docs" / "benchmarks" / "hull.md"
STABILITY = ROOT / "src" / "wyckforge" / "realise" / "stability.json"
SEED = 7
ROUNDING_EV = 1e-6

DFT = "DFT with MP2020 corrections"
ORIGINS = {"mp_20": "Materials Project", "mpts_52": "Materials Project", "wbm": "WBM"}
TOOLS = {path.stem: tool for tool, path in bundled_tables().items()}
"""What the energies of a potential are called, by its name."""

SETS = (("chgnet",), ("sevennet-0",), ("sevennet-l3i5",), ("chgnet", "sevennet-0"))
"""Potentials whose energies above hull are judged together."""

Floats = NDArray[np.float64]


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=STRUCTURES, help="Parquet of known structures.")
@click.option("--sevennet-0", "first", required=True, type=click.Path(path_type=Path), help="Energies, npz.")
@click.option("--sevennet-l3i5", "second", required=True, type=click.Path(path_type=Path), help="Energies, npz.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE)
@click.option("--bundle", is_flag=True, help="Write the fits into the package.")
def main(data: Path, first: Path, second: Path, cache: Path, bundle: bool) -> None:
    """Measure the hulls, fit the probabilities, judge them, and write the page."""
    table = gene_table(data, cache / "crystals.parquet")
    split = split_table(table, seed=SEED)
    batches = {"sevennet-0": first, "sevennet-l3i5": second}
    parts = {}
    for name in ("val", "test"):
        kept = cache / f"{name}.parquet"
        if not kept.exists():
            judged(table.select(getattr(split, name)), table, batches).to_parquet(kept)
        parts[name] = pd.read_parquet(kept)
    unseen = parts["val"][parts["val"]["origin"] == "WBM"]
    fits = [fitted(unseen, names) for names in SETS]
    found = scores(parts["test"], fits) | {"fitted_on": len(unseen)}
    write_atomically(cache / "scores.json", json.dumps(found, indent=1).encode())
    PAGE.write_text(page_of(found, TOOLS), encoding="utf-8")
    if bundle:
        STABILITY.write_text(json.dumps([fit.to_dict() for fit in fits], indent=1) + "\n", encoding="utf-8")


def gene_table(data: Path, path: Path) -> GeneTable:
    """All compounds with a formation energy of the modern vintage."""
    if not path.exists():
        rules = BuildRules(min_elements=2, vintage="modern", require=(FORMATION_ENERGY,))
        table, report = build_from_path(data, rules, progress=True)
        click.echo(report.to_text(), err=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write(path)
    return GeneTable.read(path)


def judged(part: GeneTable, table: GeneTable, batches: Mapping[str, Path]) -> pd.DataFrame:
    """What DFT and the potentials say of the crystals of a part that all of them have an answer for.

    Args:
        part: n crystals.
        table: all crystals, whose formation energies make the DFT hull.
        batches: files of raw energies, by potential.

    Returns:
        Of every crystal ``formula``, ``origin``, ``dft`` (DFT energy above hull), and by the name of every potential
        its energy above hull and (``formation_…``) how far its formation energy is off; all in eV/atom.
    """
    cells = [Material.of_crystal(crystal).known_structure.primitive for crystal in part.crystals or () if crystal]
    rows = described(part).assign(dft=dft_above_hull(part, table))
    seen = environments(cells, shown=True)
    energies = {"chgnet": np.array([np.nan if one is None else one.energy for one in seen])}
    correction = [mp2020_correction(cell) for cell in tqdm(cells, desc="corrections", mininterval=10)]
    for name, path in batches.items():
        with np.load(path, allow_pickle=False) as stored:
            total = pd.Series(stored["energy"], index=stored["ids"]).reindex(list(part.ids)).to_numpy()
        energies[name] = total / [len(cell) for cell in cells] + correction
    answered = rows["dft"].notna() & pd.DataFrame(energies).notna().all(axis=1)
    rows = rows[answered].reset_index(drop=True)
    for name, values in energies.items():
        above, formation = above_hull(rows["formula"].tolist(), values[answered], name)
        rows[name], rows[f"formation_{name}"] = above, formation - rows["formation"]
    return rows.dropna(subset=list(TOOLS), ignore_index=True)


def described(table: GeneTable) -> pd.DataFrame:
    """Formula, origin and formation energy."""
    column = table.column(FORMATION_ENERGY)
    return pd.DataFrame(
        {
            "formula": [reduced(gene.composition) for gene in table.genes],
            "origin": [ORIGINS[source] for source in column.sources.tolist()],
            "formation": column.values,
        }
    )


def dft_above_hull(part: GeneTable, table: GeneTable) -> Floats:
    """As labelled, of the Materials Project; of WBM by the formation energies of all crystals, elements at zero."""
    known, rows = described(table), described(part)
    elements = sorted({symbol(z) for gene in table.genes for z in gene.elements})
    energies = np.append(known["formation"].to_numpy(), np.zeros(len(elements)))
    hull = ReferenceHull([*known["formula"], *elements], energies, tool=DFT)
    above = np.array(part.label("energy_above_hull"))
    hypothetical = np.flatnonzero(rows["origin"] == "WBM")
    formulas = rows["formula"][hypothetical].tolist()
    above[hypothetical] = distances(hull, formulas, rows["formation"].to_numpy()[hypothetical])[0]
    return above


def above_hull(formulas: list[str], energies: Floats, name: str) -> tuple[Floats, Floats]:
    """Energies above hull and formation energies (n,) by the table of a potential without these formulas.

    Of crystals of one formula, those that are not its lowest lie above the lowest, too.
    """
    reference = ReferenceTable.read(bundled_table(TOOLS[name])).rows
    left = reference[~reference["formula"].isin(formulas)]
    hull = ReferenceHull(left["formula"].tolist(), left["energy_per_atom"].to_numpy(), tool=TOOLS[name])
    above, formation = distances(hull, formulas, energies)
    over = energies - pd.Series(energies).groupby(formulas).transform("min").to_numpy()
    return np.where(over > 0, np.fmax(above, over), above), formation


def distances(hull: ReferenceHull, formulas: list[str], energies: Floats) -> tuple[Floats, Floats]:
    """Energies above hull and formation energies (n,), NaN where an element has no reference."""
    compositions = [composition_of(formula) for formula in formulas]
    found = np.full((2, len(formulas)), np.nan)
    # one chemical system after the other, since the hull remembers the last diagrams
    order = sorted(range(len(formulas)), key=lambda row: sorted(compositions[row]))
    for row in tqdm(order, desc=f"hull of {hull.tool}", mininterval=10):
        result = hull.energy_above_hull(compositions[row], energies[row], tool=hull.tool)
        if result.value is not None:
            found[:, row] = result.value, result.formation_energy
    return found[0], found[1]


def reduced(composition: Mapping[int, int]) -> str:
    """The reduced formula as the tables have it."""
    return str(Composition({symbol(z): count for z, count in composition.items()}).reduced_formula)


def fitted(part: pd.DataFrame, names: tuple[str, ...]) -> Stability:
    """The logistic regressions of a set of potentials on a part: the likeliest weights of which none is positive."""
    seen = np.column_stack([np.ones(len(part)), features(part[list(names)].to_numpy())])
    bounds = [(None, None)] + [(None, 0.0)] * (seen.shape[1] - 1)
    weights = {}
    for limit in LIMITS:
        side = np.where(stable(part, limit), 1.0, -1.0)[:, None] * seen
        found = minimize(
            _loss, np.zeros(seen.shape[1]), args=(side,), jac=True, bounds=bounds, options={"maxiter": 10_000}
        )
        weights[limit] = tuple(map(float, found.x))
    return Stability(tuple(TOOLS[name] for name in names), weights, f"{len(part)} crystals of WBM")


def _loss(weights: Floats, side: Floats) -> tuple[float, Floats]:
    """Mean negative log-likelihood and its gradient, for rows (n, m) of what is seen, with the sign of what is true."""
    odds = side @ weights
    return float(np.logaddexp(0, -odds).mean()), -(expit(-odds)[:, None] * side).mean(axis=0)


def stable(part: pd.DataFrame, limit: float) -> NDArray[np.bool_]:
    """(n,) whether DFT puts a crystal at most so far above its hull."""
    return np.asarray(part["dft"] <= limit + ROUNDING_EV)


def scores(part: pd.DataFrame, fits: list[Stability]) -> dict[str, Any]:
    """Everything that the page tells, by origin."""
    rng = np.random.default_rng(SEED)
    origins = {origin: part[part["origin"] == origin] for origin in dict.fromkeys(ORIGINS.values())} | {"all": part}
    return {
        "seed": SEED,
        "limit": LIMITS[0],
        "limits": [str(limit) for limit in LIMITS],
        "hull": {origin: {name: hull_scores(rows, name, rng) for name in TOOLS} for origin, rows in origins.items()},
        "probability": {
            origin: {
                " + ".join(names): {str(limit): probability_scores(rows, names, fit, limit, rng) for limit in LIMITS}
                for names, fit in zip(SETS, fits, strict=True)
            }
            for origin, rows in origins.items()
        },
    }


def hull_scores(rows: pd.DataFrame, name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Errors and classification at 0.1 eV/atom of a potential; what lies below the hull counts as on it."""
    above, dft = np.maximum(rows[name].to_numpy(), 0), rows["dft"].to_numpy()
    predicted, true = above <= LIMITS[0], stable(rows, LIMITS[0])
    return {
        "n": len(rows),
        "mae": mean(np.abs(above - dft), rng),
        "bias": mean(above - dft, rng),
        "formation_mae": mean(np.abs(rows[f"formation_{name}"].to_numpy()), rng),
        "precision": Rate.of(true[predicted]).to_dict(),
        "recall": Rate.of(predicted[true]).to_dict(),
        "unstable_called_so": Rate.of(~predicted[~true]).to_dict(),
        "base": Rate.of(true).to_dict(),
        "claimed": Rate.of(predicted).to_dict(),
    }


def probability_scores(
    rows: pd.DataFrame, names: tuple[str, ...], fit: Stability, limit: float, rng: np.random.Generator
) -> dict[str, Any]:
    """What the probabilities are worth: Brier score, calibration, and the mean claim beside the share of the stable."""
    claimed, true = fit.probability(rows[list(names)].to_numpy(), limit), stable(rows, limit)
    base = true.mean()
    return {
        "brier": mean((claimed - true) ** 2, rng),
        "brier_of_the_base_rate": float(base * (1 - base)),
        "claimed": float(claimed.mean()),
        "achieved": Rate.of(true).to_dict(),
        "calibration": calibration(claimed, true).to_dict(),
    }


def mean(values: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """A mean with its interval."""
    return {"value": float(values.mean()), "interval": list(bootstrap_interval(values, rng))}


if __name__ == "__main__":
    main()
