"""How often a generator hits what it aims at: genes are made for each target and for none, and another model judges."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wyckforge.design.assessment import UNCONDITIONAL, Assessment, JudgeClaims, Sample
from wyckforge.design.claims import Forecast, distributions_of, joint, probabilities
from wyckforge.design.config import SamplingConfig
from wyckforge.design.experience import warnings_about
from wyckforge.design.sources import source_of
from wyckforge.errors import CheckpointError
from wyckforge.evaluate.generation import generation_metrics, mark
from wyckforge.evaluate.hits import PROPERTIES, Attempts, hit_rates
from wyckforge.evaluate.metrics import bootstrap_interval
from wyckforge.models.distribution import Distribution
from wyckforge.models.representation import Rejection
from wyckforge.records import Interval, Target
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.hashes import text_hash
from wyckforge.train.known import KnownCrystals
from wyckforge.train.model import GeneModel, ProbabilisticModel
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable

Floats = NDArray[np.float64]
Draws = Sequence[WyckoffGene | Rejection]
ByName = dict[str, Floats]


def assess(
    model: GeneModel,
    table: GeneTable,
    targets: Mapping[str, Target],
    judge: GeneModel | None,
    *,
    n: int,
    sampling: SamplingConfig | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Assessment:
    """Make n genes for every target and n for none, and measure them by METRICS.

    A gene hits a target if the judge's predictions lie in all its intervals and the hard constraints hold. The rate
    beside it is that of the same model without a target: the unconditional prior of an OrbitVAE, relatives of any known
    crystal for a model that can only perturb. Of what is hard, only the number of elements holds there too: it says
    what is compared, and which genes a judge can judge, rather than what is aimed at.

    Args:
        model: the generator.
        table: known crystals: seeds, and with what it has seen the reference of novelty of a model that keeps no
            templates of that.
        targets: by name; may be empty.
        judge: another model, for the properties; not needed without targets.
        n: decodes for each.
        sampling: how to draw; by default, as the model does best.
        seed: of everything random; what is made for a target does not depend on the other targets.
        progress: show progress on standard error.

    Raises:
        CheckpointError: targets without a judge, or the generator as its own judge.
        TargetError: a target that the model cannot aim at or the judge cannot judge.
    """
    _check_judge(model, judge, targets)
    sampling = sampling or SamplingConfig()
    known = _reference(model, table)
    samples: dict[str, Sample] = {}
    free = {_without(target): Target(n_elements=target.n_elements) for target in (Target(), *targets.values())}
    asked = {**free, **targets}
    with tqdm(total=2 * n * len(asked), unit=" genes", file=sys.stderr, disable=not progress) as bar:
        for name, target in asked.items():
            bar.set_description(f"making {name}")
            rng = np.random.default_rng([seed, text_hash(name)])
            settings = _unconditional(model, sampling) if name in free else sampling
            draws = _draw(model, table, target, settings, n, rng, bar.update)
            bar.set_description(f"judging {name}")
            samples[name] = _sample(model, judge, target, draws, known)
            bar.update(n)
    rng = np.random.default_rng(seed)
    hits, claims = {}, {}
    for name, target in targets.items():
        attempts = samples[name].attempts
        unconditional = samples[_without(target)].attempts
        hits[name] = hit_rates(target, attempts, unconditional, judge=judge.name if judge else "", rng=rng)
        if isinstance(judge, ProbabilisticModel) and target.properties:
            both = (_judge_claim(judge, target, made, rng) for made in (attempts, unconditional))
            claims[name] = JudgeClaims(*both)
    described = None if judge is None else _described(judge)
    method = _default_method(model) if sampling.method == "auto" else sampling.method
    return Assessment(model.name, method, described, samples, hits, claims, seed)


def _check_judge(model: GeneModel, judge: GeneModel | None, targets: Mapping[str, Target]) -> None:
    if judge is None:
        if targets:
            raise CheckpointError("targets given without a judge; name a model that did not generate with --oracle")
        return
    if judge is model or (judge.name, judge.errors, judge.provenance) == (model.name, model.errors, model.provenance):
        raise CheckpointError(f"{model.name} cannot judge what it generates itself; give another model with --oracle")
    if named := [name for name in targets if name.startswith(UNCONDITIONAL)]:
        raise CheckpointError(f"a target is named {named[0]!r}, as the samples without a target are; rename it")


def _reference(model: GeneModel, table: GeneTable) -> KnownCrystals:
    """What counts as known: the crystals that the model has seen; of an MPVAE, which keeps only their genes and
    formulas, these and the table.
    """
    if isinstance(model, ProbabilisticModel):
        return model.known
    known = KnownCrystals.from_genes(table.genes)
    if not isinstance(model, Checkpoint):
        return known
    genes, formulas = np.union1d(known.genes, model.known_genes), np.union1d(known.formulas, model.known_formulas)
    return replace(known, genes=genes, formulas=formulas)


def _without(target: Target) -> str:
    """Name of the sample without a target with which the hits of a target are compared."""
    return UNCONDITIONAL if target.n_elements == Interval() else f"{UNCONDITIONAL}, {target.n_elements} elements"


def _unconditional(model: GeneModel, sampling: SamplingConfig) -> SamplingConfig:
    return sampling.model_copy(update={"method": _default_method(model), "unconditional": True})


def _default_method(model: GeneModel) -> Literal["prior", "seeds"]:
    return "prior" if isinstance(model, OrbitCheckpoint) else "seeds"


def _draw(
    model: GeneModel,
    table: GeneTable,
    target: Target,
    sampling: SamplingConfig,
    n: int,
    rng: np.random.Generator,
    update: Callable[[], object],
) -> list[WyckoffGene | Rejection]:
    """n decodes, pass by pass."""
    forecast = Forecast(model, target) if isinstance(model, ProbabilisticModel) else None
    source = source_of(model, table, target, sampling, forecast)
    draws: list[WyckoffGene | Rejection] = []
    while len(draws) < n:
        for made in source.draw(min(source.per_pass, n - len(draws)), rng, len(draws)):
            draws.append(made if isinstance(made, Rejection) else made.gene)
            update()
    return draws


def _sample(model: GeneModel, judge: GeneModel | None, target: Target, draws: Draws, known: KnownCrystals) -> Sample:
    marks = mark(draws, known)
    rows, genes = _genes(draws)
    distributions = distributions_of(model, genes)
    predicted = {name: _spread(one.value(), rows, len(draws)) for name, one in distributions.items()}
    claimed = {name: _spread(values, rows, len(draws)) for name, values in _claims(distributions, target).items()}
    attempts = Attempts(draws, {} if judge is None else _judged(judge, draws), claimed, marks.new)
    warnings = warnings_about(model, target) if isinstance(model, OrbitCheckpoint) else []
    return Sample(target, attempts, predicted, marks, generation_metrics(marks, known), tuple(warnings))


def _claims(distributions: Mapping[str, Distribution], target: Target) -> ByName:
    """Probability of each property target, and of all at once; nothing without property targets."""
    found = probabilities(distributions, target)
    return found and {**found, PROPERTIES: joint(found, len(next(iter(found.values()))))}


def _judged(judge: GeneModel, draws: Draws) -> ByName:
    rows, genes = _genes(draws, judge)
    return {name: _spread(values, rows, len(draws)) for name, values in judge.predict(genes).items()}


def _judge_claim(
    judge: ProbabilisticModel, target: Target, attempts: Attempts, rng: np.random.Generator
) -> dict[str, Any]:
    """Mean over all attempted of the probability of a hit, by the distributions of the judge."""
    rows, genes = _genes(attempts.draws, judge)
    claims = _claims(judge.distributions(genes), target)[PROPERTIES]
    obeys = np.array([target.rejects(gene) is None for gene in genes], bool)
    chances = np.nan_to_num(_spread(np.where(obeys, claims, 0.0), rows, len(attempts.draws)))
    return {"value": float(chances.mean()), "interval": list(bootstrap_interval(chances, rng)), "n": len(chances)}


def _genes(draws: Draws, model: GeneModel | None = None) -> tuple[list[int], list[WyckoffGene]]:
    """Places and genes of the draws that are genes, and that a model can hold."""
    held = [
        (i, draw)
        for i, draw in enumerate(draws)
        if isinstance(draw, WyckoffGene) and (model is None or model.problem(draw) is None)
    ]
    return [i for i, _ in held], [gene for _, gene in held]


def _spread(values: Floats, rows: list[int], n: int) -> Floats:
    """(n,) values at their places, NaN elsewhere."""
    spread = np.full(n, np.nan)
    spread[rows] = values
    return spread


def _described(judge: GeneModel) -> dict[str, Any]:
    return {"name": judge.name, "data": judge.provenance.get("data"), "errors": dict(judge.errors)}
