"""Fine-tuning on 200, 500 and 2,000 labels against learning from scratch, and what asking for the property does.

    python benchmarks/finetune.py            # two properties, three seeds: about half an hour on one core
    python benchmarks/finetune.py --resume   # after a kill, or to write the page anew

The labels are those of AFLOW with their published split: labels are drawn from its training part, errors are those on
its test part. Scores are kept in ``.cache/finetune``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from finetune_judge import Judge
from finetune_page import key_of, page_of
from wyckforge.data.build import BuildRules, build_from_path
from wyckforge.data.property_scale import PropertyScale
from wyckforge.data.table import GeneTable
from wyckforge.design.prior import draw_prior
from wyckforge.errors import CheckpointError, ConfigError, MissingDependencyError, WyckforgeError
from wyckforge.files import write_atomically
from wyckforge.models.orbitvae.predictor import Predictor, predictor_loss
from wyckforge.records import Interval, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.model import load_checkpoint
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.config import PredictorSettings
from wyckforge.train.orbitvae.data import Crystals
from wyckforge.train.orbitvae.finetune import FinetuneSettings, finetune, with_predictors
from wyckforge.train.orbitvae.finetune_predictor import descend
from wyckforge.train.orbitvae.labelled import Labelled, select_labelled
from wyckforge.train.orbitvae.loop import follow, n_batches, plan_batches, set_pace
from wyckforge.train.orbitvae.state import NetworkState

HERE = Path(__file__).parent
ROOT = HERE.parent
STRUCTURES = ROOT.parent / "shared" / "data" / "aflow_structures.parquet"
CACHE = Path(".cache/finetune")
PAGE = ROOT / "docs" / "benchmarks" / "finetune.md"
ASKED = "thermal_conductivity"
PROPERTIES = (ASKED, "bulk_modulus")
SCRATCH = {"batch_size": 64, "learning_rate": 2e-3, "average": 0.99}
SCRATCH_EPOCHS = {200: 100, 500: 60, 2000: 40}
DECODES = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aflow:
    """The labelled crystals with their published split."""

    table: GeneTable
    part: dict[str, NDArray[np.str_]]

    @classmethod
    def prepare(cls, data: Path) -> Aflow:
        """Build the gene table, or read that of an earlier call."""
        if not data.exists():
            raise MissingDependencyError(f"{data} is absent; give the shared structures with --data")
        path = CACHE / "aflow.parquet"
        if not path.exists():
            build_from_path(data, BuildRules(keep_structures=False), progress=True)[0].write(path)
        table = GeneTable.read(path)
        stored = pq.read_table(data, columns=["entry", *(f"split_{name}" for name in PROPERTIES)]).to_pydict()
        place = {str(entry): row for row, entry in enumerate(stored["entry"])}
        rows = [place[name] for name in table.ids]
        return cls(table, {name: np.array(stored[f"split_{name}"], object)[rows] for name in PROPERTIES})

    def labelled(self, base: OrbitCheckpoint, name: str, part: str, n: int | None = None, seed: int = 0) -> Labelled:
        """The labels of a part that the base can hold, or n of them."""
        found = select_labelled(self.table.select(self.part[name] == part), [name], base.problem)
        if n is None:
            return found
        rows = np.random.default_rng(seed).choice(len(found.genes), n, replace=False)
        return Labelled(tuple(found.genes[row] for row in rows), {name: found.labels[name][rows]}, {})


def tuned_scores(base: OrbitCheckpoint, aflow: Aflow, name: str, n: int, seed: int) -> dict[str, Any]:
    """Errors of the fine-tuned ensemble and of its members on the test part; for one property, what asking does."""
    labelled, test = aflow.labelled(base, name, "train", n, seed), aflow.labelled(base, name, "test")
    settings, begin = FinetuneSettings(seed=seed), time.process_time()
    asks = name == ASKED
    tuned = finetune(base, labelled, settings) if asks else with_predictors(base, labelled, settings)[0]
    seconds, true = time.process_time() - begin, test.labels[name]
    found, calibration = tuned.distributions(test.genes)[name], tuned.calibrations[name]
    low, high = calibration.interval(found)
    votes = tuned.votes(test.genes)[name]
    alone = [type(votes)(*(part[[member]] for part in votes)) for member in range(len(votes.location))]
    members = [calibration.distribution(vote, tuned.scales[name]).value() for vote in alone]
    scores = {
        "tuned": _mae(found.value(), true),
        "member": float(np.mean([_mae(said, true) for said in members])),
        "cross_validated": tuned.errors[name],
        "coverage": float(((low <= true) & (true <= high)).mean()),
        "seconds": seconds,
    }
    return scores | (_asked(tuned, base, aflow, seed) if asks else {})


def scratch_score(base: OrbitCheckpoint, aflow: Aflow, name: str, n: int, seed: int) -> dict[str, Any]:
    """Error of a network of the same sizes that has learned from the same labels and from nothing else."""
    labelled, test = aflow.labelled(base, name, "train", n, seed), aflow.labelled(base, name, "test")
    scale = PropertyScale.fit(name, labelled.labels[name])
    settings = PredictorSettings(epochs=SCRATCH_EPOCHS.get(n, 40), **SCRATCH)
    scaled = torch.from_numpy(scale.transform(labelled.labels[name]).astype(np.float32))[:, None]
    crystals, begin = Crystals.of(base.vocabulary.encode(labelled.genes), scaled), time.process_time()
    network = _learn(base.predictors[0], name, crystals, settings, seed)
    with torch.inference_mode():
        said = scale.inverse(network(base.vocabulary.encode(test.genes)).location[:, 0].double().numpy())
    said = np.exp(said) if scale.logarithmic else said
    return {"scratch": _mae(said, test.labels[name]), "seconds": time.process_time() - begin}


def _learn(like: Predictor, name: str, crystals: Crystals, settings: PredictorSettings, seed: int) -> Predictor:
    """All weights but the given chemistry of the elements begin at random, and all learn."""
    torch.manual_seed(seed)
    network = Predictor(replace(like.config, outputs=(name,))).train()
    network.embedding.element_features.copy_(like.embedding.element_features)
    state, source = NetworkState.begin(network, settings, averaged=True), torch.Generator().manual_seed(seed)
    learning, never_zero = list(network.parameters()), torch.tensor([False])
    updates, done = settings.epochs * n_batches(crystals.size, settings.batch_size), 0
    for _ in range(settings.epochs):
        for index in plan_batches(crystals.lengths, settings.batch_size, source):
            set_pace(state.optimiser, settings, done / updates)
            batch = crystals.rows(index)
            loss = predictor_loss(network(batch.orbits), batch.labels, never_zero, torch.ones(1))
            descend(state.optimiser, learning, loss, settings.clip)
            done += 1
            follow(state.result, network, min(settings.average, done / (done + 20)))
    return state.result.eval()


def _asked(tuned: OrbitCheckpoint, base: OrbitCheckpoint, aflow: Aflow, seed: int) -> dict[str, Any]:
    """Hits in the lowest and the highest tenth of the training labels: asked for, not asked for, and of the base."""
    everything = aflow.labelled(base, ASKED, "train")
    judge = Judge(everything.genes, everything.labels[ASKED])
    bounds = np.quantile(everything.labels[ASKED], [0.1, 0.9])
    found: dict[str, Any] = {}
    for side, interval in {"low": Interval(high=float(bounds[0])), "high": Interval(low=float(bounds[1]))}.items():
        target = Target(properties={ASKED: interval})
        for way, model, conditional in (("asked", tuned, True), ("unasked", tuned, False), ("base", base, False)):
            genes = draw_prior(model, target, DECODES, np.random.default_rng(seed), conditional=conditional)
            values = judge(genes)
            found[f"{side}_{way}"] = int(((values >= interval.low) & (values <= interval.high)).sum())
            found[f"{side}_{way}_unique"] = len({gene.without_hand() for gene in genes}) / DECODES
            found[f"{side}_{way}_new"] = float(np.mean([not model.is_known_gene(gene) for gene in genes]))
    test = aflow.labelled(base, ASKED, "test")
    exact = {"exact": tuned, "exact_base": base}
    return (
        found
        | {"bounds": bounds.tolist(), "judge": _mae(judge(test.genes), test.labels[ASKED])}
        | {key: _exact(model, test.genes) for key, model in exact.items()}
    )


def _exact(model: OrbitCheckpoint, genes: tuple[WyckoffGene, ...]) -> float:
    return float(np.mean([a == b for a, b in zip(model.decode(model.encode(genes)), genes, strict=True)]))


def _updates(n: int) -> int:
    return SCRATCH_EPOCHS.get(n, 40) * n_batches(n, int(SCRATCH["batch_size"]))


def _mae(said: Floats, true: Floats) -> float:
    return float(np.abs(said - true).mean())


def main() -> None:
    """Measure what is not measured yet, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=STRUCTURES)
    parser.add_argument("--checkpoint", default="orbitvae", help="base: name or folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 2000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--note", default="", help="what a reader of the page must know about the weights")
    parser.add_argument("--resume", action="store_true", help="keep the scores of an earlier call")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_checkpoint(options.checkpoint)
    if not isinstance(base, OrbitCheckpoint):
        raise CheckpointError(f"{base.name} is no OrbitVAE; give one with --checkpoint")
    aflow = Aflow.prepare(options.data)
    scores = _Scores(CACHE / "scores.json", _identity(base), keep=options.resume)
    for seed in options.seeds:
        for name in PROPERTIES:
            for n in options.sizes:
                scores.add("scratch", scratch_score, base, aflow, name, n, seed)
                scores.add("tuned", tuned_scores, base, aflow, name, n, seed)
    text = page_of(
        scores.found, PROPERTIES, ASKED, options.sizes, options.seeds, DECODES, base=base.name, note=options.note,
        train=f"{(aflow.part[ASKED] == 'train').sum():,}", test=f"{(aflow.part[ASKED] == 'test').sum():,}",
        batch=SCRATCH["batch_size"], scratch=" / ".join(f"{_updates(n):,}" for n in options.sizes),
    )  # fmt: skip
    print(text)
    write_atomically(options.page, text.encode())


def _identity(base: OrbitCheckpoint) -> str:
    """SHA-256 of the weights of the base and of the settings."""
    digest = sha256(FinetuneSettings().model_dump_json().encode() + json.dumps([SCRATCH, SCRATCH_EPOCHS]).encode())
    for network in (base.autoencoder, *base.predictors):
        for tensor in network.state_dict().values():
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


class _Scores:
    """Scores by kind, property, number of labels and seed, in a file that grows with every one.

    Raises:
        ConfigError: those that are to be kept are of another base or other settings.
    """

    def __init__(self, path: Path, identity: str, *, keep: bool) -> None:
        self.path, self.identity = path, identity
        kept: dict[str, Any] = {"of": identity, "scores": {}}
        if keep and path.exists():
            kept = json.loads(path.read_text())
        if kept.get("of") != identity:
            raise ConfigError(f"{path} holds scores of another base or other settings; leave out --resume")
        self.found: dict[str, dict[str, Any]] = kept["scores"]

    def add(
        self,
        kind: str,
        measure: Callable[[OrbitCheckpoint, Aflow, str, int, int], dict[str, Any]],
        base: OrbitCheckpoint,
        aflow: Aflow,
        name: str,
        n: int,
        seed: int,
    ) -> None:
        """Measure, unless it is there."""
        key = key_of(kind, name, n, seed)
        if key not in self.found:
            self.found[key] = measure(base, aflow, name, n, seed)
            kept = {"of": self.identity, "scores": self.found}
            write_atomically(self.path, json.dumps(kept, indent=1).encode())
            print(f"{key}: {json.dumps(self.found[key])}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except WyckforgeError as error:
        sys.exit(str(error))
