"""The paper's case from seeds to candidates: what every filter lets through, and why the rest stops.

    python benchmarks/funnel.py                # genes only: minutes on one core
    python benchmarks/funnel.py --realise 100  # builds, relaxes and compares with the hull a sample of what is left
    python benchmarks/funnel.py --resume       # after a kill, or to write the page anew

Known crystals with a gap of 0.5 to 2.0 eV, a formation energy below -0.5 eV/atom and a space group from 143 on are
perturbed 20 times each, by the paper's network and by the default one, and their relatives go through the paper's
filters. The table of known crystals is that of Table 2. Everything is kept under ``.cache/funnel``; the page is written
by :mod:`funnel_page`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from funnel_page import PUBLISHED, WORDS, page_of, steps_of
from kept import require_same_settings
from plots import draw_funnel
from table2 import CACHE as TABLE2
from table2 import STRUCTURES, Ground
from wyckforge.data.table import GeneTable
from wyckforge.design.claims import Forecast
from wyckforge.design.config import FunnelConfig, RankingConfig, SamplingConfig
from wyckforge.design.generate import generate
from wyckforge.design.sources import source_of
from wyckforge.errors import ConfigError, WyckforgeError
from wyckforge.evaluate.metrics import Rate
from wyckforge.execute.executors import LocalPool
from wyckforge.execute.folder import read_candidates, write_candidates
from wyckforge.execute.inputs import hash_of
from wyckforge.execute.run_stages import run_stages
from wyckforge.files import write_atomically
from wyckforge.properties import FORMATION_ENERGY
from wyckforge.realise.config import BuildConfig, DesignRelaxConfig
from wyckforge.realise.stages import Build, Hull, Relax, Symmetry
from wyckforge.records import Candidate
from wyckforge.targets import TargetConfig, parse_target
from wyckforge.train.artefact import bundled
from wyckforge.train.classifier import bundled_classifier
from wyckforge.train.model import ProbabilisticModel, load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
CACHE, PAGE = Path(".cache/funnel"), Path("docs/benchmarks/funnel.md")
MODELS = {"mpvae": "the paper's network", "orbitvae": "OrbitVAE"}
TARGET = TargetConfig(
    properties={"band_gap": "0.5:2.0", "formation_energy": ":-0.5"}, space_group="143:", n_elements="3"
)
SAMPLING = SamplingConfig(method="seeds", per_seed=20)
FUNNEL = FunnelConfig(target="off", metallic=True)
"""The paper's filters: what is predicted of a gene is not among them."""

EVERY = RankingConfig(per_formula=10**9, near_hull_ev_per_atom=0)
"""Keeps all genes of a formula."""

SEED, TIMED = 7, 300

STARTS = DesignRelaxConfig().starts
LIMIT_S = 2 * STARTS * (DesignRelaxConfig().max_seconds + BuildConfig().timeout_s)
"""Twice what the stages allow themselves."""


def draw(name: str, table: GeneTable, folder: Path) -> dict[str, Any]:
    """One pass over the seeds of a model through the funnel, or what an earlier call found.

    Raises:
        ConfigError: the earlier call had other settings, crystals or classifiers.
    """
    identity = {
        "target": TARGET.model_dump(mode="json"),
        "sampling": SAMPLING.model_dump(mode="json"),
        "funnel": FUNNEL.model_dump(mode="json"),
        "table": table.content_hash(),
        "classifiers": [bundled_classifier(one).tool for one in ("synthesizability", "metal")],
    }
    path = folder / "genes.json"
    if not path.exists():
        model, target = load_checkpoint(name), parse_target(TARGET)
        forecast = Forecast(model, target) if isinstance(model, ProbabilisticModel) else None
        source = source_of(model, table, target, SAMPLING, forecast)
        once = SAMPLING.model_copy(update={"max_draws": source.per_pass})
        began = time.process_time()
        found = generate(
            model,
            table,
            target,
            wanted=once.max_draws,
            rng=np.random.default_rng(SEED),
            sampling=once,
            funnel=FUNNEL,
            ranking=EVERY,
            progress=True,
        )
        seconds = time.process_time() - began
        asked = target.properties.items()
        inside = [all(wanted.contains(one.predictions[key]) for key, wanted in asked) for one in found.candidates]
        write_candidates(folder / "candidates.jsonl", found.candidates)
        account = found.to_dict() | {
            "identity": identity,
            "seconds": seconds,
            "inside": Rate.of(np.array(inside, bool)).to_dict(),
            "asked_per_s": asked_per_second(found.candidates),
        }
        write_atomically(path, json.dumps(account, indent=1).encode())
    kept: dict[str, Any] = json.loads(path.read_text())
    if kept["identity"] != json.loads(json.dumps(identity)):
        raise ConfigError(f"{path} was made with other settings, crystals or classifiers; give another --cache")
    return kept


def asked_per_second(candidates: Sequence[Candidate]) -> float:
    """Genes per second of processor time of which both classifiers are asked, one after the other as in the funnel."""
    genes = [candidate.gene for candidate in candidates[:TIMED]]
    both = [bundled_classifier("synthesizability"), bundled_classifier("metal")]
    began = time.process_time()
    for gene in genes:
        for classifier in both:
            classifier.scores([gene])
    return len(genes) / max(time.process_time() - began, 1e-9)


def realise(n: int, folder: Path, workers: int) -> list[Candidate]:
    """A random sample of the survivors, built, relaxed and compared with the hull; the larger holds the smaller.

    Raises:
        ConfigError: some were realised before, with other settings.
    """
    survivors = sorted(read_candidates(folder / "candidates.jsonl"), key=lambda one: one.id)
    order = np.random.default_rng(SEED).permutation(len(survivors))[:n]
    energy = parse_target(TARGET).properties[FORMATION_ENERGY]
    stages = (Build(SEED), Relax(SEED), Symmetry(), Hull(formation_energy=energy))
    require_same_settings(
        folder / "realised.settings.json",
        {
            "genes": hash_of(folder / "candidates.jsonl"),
            "stages": [repr(stage) for stage in stages],
            "geometry": hash_of(bundled("geometry")),
            "versions": {name: version(name) for name in ("chgnet", "pyxtal")},
        },
    )
    chosen = [survivors[place] for place in order]
    with LocalPool(workers) as executor:
        return run_stages(chosen, stages, out=folder / "realised.jsonl", executor=executor, timeout_s=LIMIT_S)


def outcomes(realised: Sequence[Candidate]) -> dict[str, Any]:
    """Rates of the steps over all realised: found a value, converged, near the hull."""
    rates = {
        stage: Rate.of(np.array([_passed(candidate, stage) for candidate in realised], bool)).to_dict()
        for stage in ("build", "relax", "symmetry", "hull")
    }
    both = [_passed(one, "relax") and _passed(one, "symmetry") and _passed(one, "hull") for one in realised]
    return rates | {"all": Rate.of(np.array(both, bool)).to_dict()}


def _passed(candidate: Candidate, stage: str) -> bool:
    found = candidate.find(stage)
    return found is not None and found.verdict == "pass"


def main() -> None:
    """Send both models' genes through the funnel, realise a sample, draw, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES, help="the shared structures (Parquet)")
    parser.add_argument("--checkpoint", nargs="+", choices=sorted(MODELS), default=list(MODELS))
    parser.add_argument("--realise", type=int, default=0, metavar="N", help="survivors of each model to realise")
    parser.add_argument("--workers", type=int, default=2, help="processes that realise")
    parser.add_argument("--resume", action="store_true", help="go on with what is in the cache")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    data = options.data.resolve()
    os.chdir(ROOT)
    try:
        if not options.resume and any(options.cache.glob("*/genes.json")):
            raise ConfigError(f"{options.cache} holds genes already; go on with --resume, or give another --cache")
        table = Ground.prepare(data, TABLE2).table
        found = {}
        for name in options.checkpoint:
            folder = options.cache / name
            found[name] = draw(name, table, folder)
            if options.realise:
                found[name]["realised"] = outcomes(realise(options.realise, folder, options.workers))
        figure = options.page.with_suffix(".svg")
        draw_funnel(figure, {MODELS[name]: steps_of(run) for name, run in found.items()}, PUBLISHED, WORDS)
        write_atomically(options.page, page_of(found, MODELS, figure.name, len(table), STARTS).encode())
    except WyckforgeError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
