"""A structure prediction: from a formula to a folder of ranked crystals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from wyckforge.config import ExecutionConfig
from wyckforge.errors import TargetError
from wyckforge.execute import folder
from wyckforge.execute.engines import open_executor
from wyckforge.execute.executors import Executor
from wyckforge.execute.inputs import prediction_inputs, versions
from wyckforge.execute.journal import read_latest
from wyckforge.execute.outputs import write_results
from wyckforge.execute.run_stages import Stage, run_stages, time_limit
from wyckforge.realise.config import DesignRelaxConfig
from wyckforge.realise.csp.config import PredictionConfig
from wyckforge.realise.csp.distinct import Found, distinct
from wyckforge.realise.csp.space import SearchSpace, units
from wyckforge.realise.csp.stages import VISIT, BuildNext, Walk
from wyckforge.realise.stages import Hull, Relax, Symmetry
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.targets import parse_space_groups

TRIES, WALKS = "tries.jsonl", "walks.jsonl"


@dataclass(frozen=True)
class Prediction:
    """What a prediction gave.

    Attributes:
        candidates: the distinct converged structures, the lowest energy first; evidence ``found`` counts the tries
            that led there.
        record: the content of ``run.json``.
    """

    candidates: tuple[Candidate, ...]
    record: dict[str, Any]


def run_prediction(
    config: PredictionConfig, out: Path, execution: ExecutionConfig | None = None, *, progress: bool = True
) -> Prediction:
    """Try the genes of a formula, hop on from the best structures, rank by energy, and write it all to a folder.

    On the folder of a run that was stopped it goes on with the tries that are not finished; on that of a run that is
    going on it takes a part of them.

    Args:
        config: everything the result depends on.
        out: a new or empty folder, or that of an earlier run with the same configuration.
        execution: where the tries run; the defaults if omitted.
        progress: show progress on standard error.

    Raises:
        ConfigError: the folder holds something else, there is no potential of that name, or the engine cannot be had.
        MissingDependencyError: the potential cannot be loaded.
        TableError: the table of reference energies cannot be read, or is not of the potential.
        TargetError: the formula, Z or the space groups are malformed, no gene fits, or no try gave a relaxed structure;
            the message says why not, and what there was is in the folder.
    """
    execution = execution or ExecutionConfig()
    z, groups = units(config.z), parse_space_groups(config.space_group) if config.space_group else None
    inputs = prediction_inputs(config)
    space = SearchSpace.of(config.formula, z, groups)
    executor = open_executor(execution, out / folder.LOGS)  # a wrong engine is told before anything is made
    folder.make_folder(out)
    with folder.alone(out):
        identity = {"config": config.to_dict(), "inputs": inputs, folder.FUNNEL: []}  # no gene is filtered
        record = folder.open_folder(out, identity)
        begin = time.monotonic() - record.get("seconds", 0.0)
        record |= {"execution": execution.model_dump(mode="json"), "versions": versions(), "settings": _settings(space)}
        record |= {"genes": space.distinct, "status": "running"}
        folder.write_json(out / folder.RUN, record)
    tried, walked = _search(space, config, executor, out, progress)
    record["seconds"] = round(time.monotonic() - begin, 1)
    with folder.alone(out):
        return _finish(tried, walked, out, record)


def tries(space: SearchSpace, config: PredictionConfig) -> list[Candidate]:
    """The genes to try, as many as are asked for unless there are fewer, with ids in their order."""
    sequential = config.method == "sequential"
    genes = space.sequential() if sequential else space.random(np.random.default_rng(config.seed))
    visits: Counter[WyckoffGene] = Counter()
    found = []
    for k, gene in enumerate(islice(genes, config.tries), start=1):
        visits[gene] += 1
        visit = Evidence(VISIT, "pass", visits[gene], reason="which start of its gene")
        found.append(Candidate(f"t{k:05d}", gene, Origin(config.method), evidence=(visit,)))
    return found


def try_stages(config: PredictionConfig) -> tuple[Stage, ...]:
    """What is done with every gene; a further start of a gene is another try."""
    return (
        BuildNext(config.seed, config.build),
        Relax(config.seed, DesignRelaxConfig(**dict(config.relax), starts=1), config.build),
        Symmetry(),
        Hull(config.hull, potential=config.relax.potential),
    )


def walk_stages(config: PredictionConfig) -> tuple[Stage, ...]:
    """What is done with the best structures."""
    return Walk(config.seed, config.hop, config.relax), Symmetry(), Hull(config.hull, potential=config.relax.potential)


def walkers(tried: Sequence[Candidate], count: int) -> list[Candidate]:
    """The lowest distinct structures with free coordinates, as new candidates from which walks begin.

    Their ids are those of the tries, not places in the order: a later start may find a lower structure.
    """
    able = [found.candidate for found in distinct(tried) if found.candidate.gene.degrees_of_freedom]
    return [
        replace(
            one,
            id=_walk_of(one),
            origin=Origin("hopping", one.id, one.gene.formula),
            evidence=tuple(found for found in one.evidence if found.stage in ("build", "relax")),
        )
        for one in able[:count]
    ]


def _walk_of(one: Candidate) -> str:
    """Id of the walk from the structure of a try."""
    return f"w-{one.id}"


def _has_walked(candidate: Candidate) -> bool:
    """Whether a walk came to its end; one that was cut off has the structure that it began at, and found nothing."""
    return candidate.find("relax_cost") is not None


def _search(
    space: SearchSpace, config: PredictionConfig, executor: Executor, out: Path, progress: bool
) -> tuple[list[Candidate], list[Candidate]]:
    """All tries and all walks, those of earlier and of other processes included."""

    def send(todo: Sequence[Candidate], stages: tuple[Stage, ...], name: str, relaxations: int) -> list[Candidate]:
        limit = time_limit(config.build.timeout_s + relaxations * config.relax.max_seconds)
        return run_stages(todo, stages, out=out / name, executor=executor, timeout_s=limit, progress=progress)

    with executor:
        tried = send(tries(space, config), try_stages(config), TRIES, 1)
        chosen = walkers(tried, config.hop.walkers) if config.hop.hops else []
        send(chosen, walk_stages(config), WALKS, config.hop.hops)
    walks = dict.fromkeys(map(_walk_of, tried))
    found = read_latest(out / WALKS, walks)  # also from structures that are no longer among the lowest
    return tried, [found[name] for name in walks if name in found and _has_walked(found[name])]


def _finish(tried: Sequence[Candidate], walked: Sequence[Candidate], out: Path, record: dict[str, Any]) -> Prediction:
    """Rank, write everything, and close the record."""
    ranked = tuple(map(_ranked, distinct([*tried, *walked])))
    write_results(out, ranked)
    record |= {**_account(tried, walked, ranked), "status": "complete"}
    folder.write_json(out / folder.RUN, record)
    if not ranked:
        raise TargetError(_nothing_found(tried, record))
    return Prediction(ranked, record)


def _ranked(found: Found) -> Candidate:
    reason = f"by {', '.join(found.hits[:10])}{' …' if len(found.hits) > 10 else ''}"
    return found.candidate.with_evidence(Evidence("found", "pass", len(found.hits), "times", reason))


def _nothing_found(tried: Sequence[Candidate], record: Mapping[str, Any]) -> str:
    """What came of the tries, and what most of them met, in words."""
    doubts = (next(found for found in one.evidence if found.verdict != "pass") for one in tried)
    [((stage, reason), count)] = Counter((found.stage, found.reason) for found in doubts).most_common(1)
    return (
        f"none of {record['tries']} tries gave a relaxed structure, {record['built']} were built; {count} ended at the "
        f"step {stage!r} with: {reason}; give more --tries, another --z or --space-group, or other settings"
    )


def _settings(space: SearchSpace) -> list[dict[str, Any]]:
    return [
        {"space_group": one.space_group, "z": one.z, "share": round(one.share, 6), "genes": one.genes.distinct}
        for one in space.settings
    ]


def _account(tried: Sequence[Candidate], walked: Sequence[Candidate], ranked: Sequence[Candidate]) -> dict[str, Any]:
    costs = [found.value or 0.0 for one in (*tried, *walked) for found in one.evidence if found.stage == "relax_cost"]
    built, relaxed = (
        sum((found := one.find(stage)) is not None and found.verdict == "pass" for one in tried)
        for stage in ("build", "relax")
    )
    return {
        "tries": len(tried), "built": built, "relaxed": relaxed, "walks": len(walked), "calls": int(sum(costs)),
        "structures": len(ranked),
    }  # fmt: skip
