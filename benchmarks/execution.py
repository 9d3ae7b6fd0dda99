"""Many candidates: what a second worker brings, what a task costs beside its work, and what stays in memory.

    python benchmarks/execution.py            # ten minutes on two cores that do nothing else

Every comparison is interleaved, so that both sides meet the same machine. The constants then say on paper what a
million candidates cost.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import execution_work
from wyckforge.config import RunConfig
from wyckforge.data.embedded import load_embedded
from wyckforge.execute.executors import Executor, InProcess, LocalPool
from wyckforge.execute.journal import Journal
from wyckforge.execute.parsl_executor import ParslExecutor
from wyckforge.execute.parsl_settings import ParslSettings
from wyckforge.execute.run_stages import Stage, run_stages, work_through
from wyckforge.files import write_atomically
from wyckforge.records import Candidate, Evidence, Origin
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.targets import parse_target

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks" / "execution.md"
ENGINES: dict[str, Callable[[Path], Executor]] = {
    "in_process": lambda _: InProcess(),
    "local": lambda _: LocalPool(2),
    "parsl": lambda logs: ParslExecutor(
        ParslSettings(
            provider="local",
            workers_per_node=2,
            options={"worker_init": f"export PYTHONPATH={HERE}:{HERE.parent / 'src'}:$PYTHONPATH"},
        ),
        logs,
    ),
}
MAX_SITES = 40
MILLION = 1_000_000


@dataclass(frozen=True)
class Pass:
    """The same candidates, once.

    Attributes:
        wall_s: time it took.
        cpu_s: processor time that the workers got.
        busy: share of the time that workers spent in the stage, and not waiting for a candidate.
    """

    wall_s: float
    cpu_s: float
    busy: float


@dataclass(frozen=True)
class Memory:
    """Resident memory during a run, in MB.

    Attributes:
        records: finished by then.
        parent: of the process that gives calls out.
        workers: of all processes that it has started.
    """

    records: int
    parent: float
    workers: float


@dataclass(frozen=True)
class Cost:
    """What the steps from gene to hull take, per candidate.

    Attributes:
        n: candidates.
        calls: calls of the potential.
        cpu_s: processor time in seconds.
        line_bytes: length of the line in the journal.
        read_s: time to read a line when a run is resumed.
        id_bytes: memory that an id takes.
    """

    n: int
    calls: float
    cpu_s: float
    line_bytes: float
    read_s: float
    id_bytes: float


@dataclass(frozen=True)
class Figures:
    """All that was measured.

    Attributes:
        pairs: one worker and two.
        overheads_ms: time per empty task, by engine, a figure per round.
        memory: by engine, in the course of a run.
        cost: of real candidates.
        load: mean number of other processes that wanted a processor at the beginning.
    """

    pairs: list[tuple[Pass, Pass]]
    overheads_ms: dict[str, list[float]]
    memory: dict[str, list[Memory]]
    cost: Cost
    load: float


def scaling(pairs: int, count: int, calls: int) -> list[tuple[Pass, Pass]]:
    """One and two workers that are already up, in turn, the first one alternating."""
    stage = execution_work.Emt(calls)
    found = []
    with LocalPool(1) as one, LocalPool(2) as two:
        for executor, workers in ((one, 1), (two, 2)):
            passed(executor, workers, 4 * workers, stage)
        for turn in range(pairs):
            if turn % 2:
                found.append((passed(one, 1, count, stage), passed(two, 2, count, stage)))
            else:
                second = passed(two, 2, count, stage)
                found.append((passed(one, 1, count, stage), second))
    return found


def overheads(rounds: int, count: int) -> dict[str, list[float]]:
    """Milliseconds per empty task, claims and synced lines included, of engines that are already up."""
    found: dict[str, list[float]] = {name: [] for name in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        executors = {name: make(Path(folder)) for name, make in ENGINES.items()}
        try:
            for executor in executors.values():
                passed(executor, 2, 20, execution_work.nothing)
            for _ in range(rounds):
                for name, executor in executors.items():
                    found[name].append(1000 * passed(executor, 2, count, execution_work.nothing).wall_s / count)
        finally:
            for executor in executors.values():
                executor.close()
    return found


def memory(engine: str, count: int) -> list[Memory]:
    """Resident memory while records of 20 atoms pass through."""
    samples: list[Memory] = []
    rng = np.random.default_rng(0)

    def sampled() -> Iterator[Candidate]:
        crystal = Crystal(8 * np.eye(3), np.arange(20) + 1, rng.random((20, 3)))
        for number, candidate in enumerate(candidates(count + 1)):
            if number % (count // 10) == 0 and number:
                workers = sum(one.memory_info().rss for one in started_by(folder))
                samples.append(Memory(number, psutil.Process().memory_info().rss / 1e6, workers / 1e6))
            yield candidate.with_evidence(Evidence("build", "pass"), crystal=crystal)

    with tempfile.TemporaryDirectory() as folder, ENGINES[engine](Path(folder) / "logs") as executor:
        work_through(sampled(), [execution_work.nothing], out=Path(folder) / "out.jsonl", executor=executor)
    return samples


def cost(count: int) -> Cost:
    """Genes of known ternaries through all steps, in this process."""
    from wyckforge.execute.design_run import stages_of  # it loads PyTorch, which the memory above is measured without

    table = load_embedded()
    small = [row for row, gene in enumerate(table.genes) if gene.n_atoms <= MAX_SITES]
    chosen = np.random.default_rng(7).choice(small, size=count + 1, replace=False)
    genes = [Candidate(table.ids[row], table.genes[row], Origin("seed")) for row in chosen]
    config = RunConfig.from_dict({"seed": 7, "stop_after": "hull"}, source="the benchmark")
    stages = stages_of(config, parse_target(config.target))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        run_stages(genes[:1], stages, out=out, executor=InProcess(), progress=False)  # imports, weights, the hull
        out.unlink()
        start = time.process_time()
        done = run_stages(genes[1:], stages, out=out, executor=InProcess())
        cpu = time.process_time() - start
        lines = out.read_text(encoding="utf-8").splitlines()
    calls = [found.value for one in done if (found := one.find("relax_cost")) is not None and found.value is not None]
    size = sum(len(line.encode()) + 1 for line in lines) / count
    return Cost(count, float(np.sum(calls)) / count, cpu / count, size, *resumption(lines))


def resumption(lines: list[str], count: int = 20_000) -> tuple[float, float]:
    """Seconds and bytes of memory per line when a journal is opened again, of lines like these with other ids."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        many = ({**json.loads(lines[number % len(lines)]), "id": f"candidate-{number}"} for number in range(count))
        out.write_text("".join(json.dumps(data) + "\n" for data in many), encoding="utf-8")
        start = time.perf_counter()
        with Journal(out):
            seconds = time.perf_counter() - start
        tracemalloc.start()
        with Journal(out):
            size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return seconds / count, size / count


def passed(executor: Executor, workers: int, count: int, stage: Stage) -> Pass:
    """Candidates through one stage into a new journal."""
    before = workers_cpu_s()
    with tempfile.TemporaryDirectory(dir=HERE.parent) as folder:  # on a disk, which a memory of files is not
        start = time.perf_counter()
        done = run_stages(candidates(count), [stage], out=Path(folder) / "out.jsonl", executor=executor, progress=False)
        wall = time.perf_counter() - start
    inside = sum(value for one in done if (value := one.evidence[-1].value) is not None)
    return Pass(wall, workers_cpu_s() - before, inside / (workers * wall))


def candidates(count: int) -> list[Candidate]:
    """Candidates of one gene."""
    gene = WyckoffGene.parse("225|Na:a|Cl:b")
    return [Candidate(f"c{number}", gene, Origin("seed")) for number in range(count)]


def workers_cpu_s() -> float:
    """Processor time of all processes started from here."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return float(sum(one.user + one.system for one in times))


def started_by(folder: str) -> list[psutil.Process]:
    """Processes started from here, and those that name the folder and have left the family, as Parsl's workers do."""
    strangers = [one for one in psutil.process_iter(["cmdline"]) if folder in " ".join(one.info["cmdline"] or ())]
    roots = [psutil.Process(), *strangers]
    found = {one for root in roots for one in [root, *root.children(recursive=True)]}
    return list(found - {psutil.Process()})


def page_of(figures: Figures) -> str:
    """The page, Markdown; its words are in ``execution.md.j2``."""
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True)
    local = figures.memory["local"]
    growth = {
        name: 1e6 * (samples[-1].parent - samples[0].parent) / (samples[-1].records - samples[0].records)
        for name, samples in figures.memory.items()
    }
    return words.get_template("execution.md.j2").render(
        figures=figures,
        median=median,
        ratios=[one.wall_s / two.wall_s for one, two in figures.pairs],
        sides=[sides_of([pair[side] for pair in figures.pairs]) for side in (0, 1)],
        growth=growth,
        memory={name: [one[0], one[len(one) // 2], one[-1]] for name, one in figures.memory.items()},
        parent_gb=local[0].parent / 1000 + figures.cost.id_bytes * MILLION / 1e9,
        records=f"{local[-1].records:,}",
        core_hours=figures.cost.cpu_s * MILLION / 3600,
        fed=1000 / median(figures.overheads_ms["parsl"]),
        machine=f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def sides_of(passes: list[Pass]) -> dict[str, float]:
    """Medians over passes."""
    return {
        "wall_s": median(one.wall_s for one in passes),
        "cpu_s": median(one.cpu_s for one in passes),
        "got": median(one.cpu_s / one.wall_s for one in passes),
        "busy": median(one.busy for one in passes),
    }


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="of one and two workers")
    parser.add_argument("--rounds", type=int, default=5, help="of all engines with empty tasks")
    parser.add_argument("--records", type=int, default=10_000, help="for the memory")
    parser.add_argument("--candidates", type=int, default=20, help="real ones, from gene to hull")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    figures = Figures(
        scaling(options.pairs, count=40, calls=20),
        overheads(options.rounds, count=200),
        {name: memory(name, options.records) for name in ("local", "parsl")},
        cost(options.candidates),
        load,
    )
    write_atomically(options.page, page_of(figures).encode())
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
