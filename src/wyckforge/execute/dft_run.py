"""A calculation from first principles in a folder of its own: from a crystal to results, evidence and a page."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from wyckforge.dft.catalogue import load_engine
from wyckforge.dft.chain import RESULT, Chain
from wyckforge.dft.config import DftConfig, ThermoelectricConfig
from wyckforge.dft.descriptors import SUMMARY, Lattice, describe
from wyckforge.dft.evidence import evidence_of
from wyckforge.dft.thermoelectric import modelled_conductivity
from wyckforge.errors import ConfigError, StructureError, TableError
from wyckforge.execute import folder
from wyckforge.execute.inputs import versions
from wyckforge.execute.locks import LockFile
from wyckforge.execute.outputs import cif
from wyckforge.symmetry.crystal import Crystal
from wyckforge.train.artefact import bundled
from wyckforge.train.forward.model import ForwardModel

PRACTICAL = {"steps", "cores", "timeout_hours", "max_relax_steps", "max_scf_iterations", "thermoelectric"}
"""Settings on which no result of a step depends, so that a later call may change them; all steps but ``relax``, that
is. With more steps or iterations, what did not end before goes on; the ranking is made anew by every call."""

BUNDLED_MODEL = "conductivity"
"""Bundled forward model of lattice conductivities, asked unless the settings name another."""


def run_dft(name: str, crystal: Crystal, config: DftConfig, out: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Compute the steps of a configuration, or go on with them.

    Args:
        name: of the structure, as a user knows it.
        crystal: in any cell.
        config: what is computed, and how. Steps may be added in a later call.
        out: a new or empty folder, or that of an earlier call for the same crystal and settings.
        tell: is told of every step as it begins and ends.

    Returns:
        The content of ``run.json``, evidence included.

    Raises:
        ConfigError: no such engine; the folder holds something else, or another process is at work in it; more
            processes are asked for than there are cores.
        CheckpointError: the settings name a forward model that cannot be read.
        MissingDependencyError: the engine, or what it needs for an element, is absent.
        StructureError: atoms overlap, or the crystal has no standard primitive cell.
    """
    engine = load_engine(config.engine)
    numbers = crystal.numbers.tolist()
    engine.check(numbers)  # before anything is made
    _require_cores(config.cores)
    config = _with_earlier_steps(config, out)
    model = ForwardModel.load(config.thermoelectric.conductivity_model or bundled(BUNDLED_MODEL))
    folder.make_folder(out)
    with _only_here(out):
        record = folder.open_folder(out, _identity(crystal, config, engine.tool))
        if warning := _low_cutoff(config.cutoff_ev, engine.advised_cutoff_ev(numbers), engine.tool):
            tell(f"warning: {warning}")
        record |= {
            "name": name,
            "warnings": [warning] if warning else [],
            "steps": list(config.steps),
            "versions": versions(),
            "status": "running",
        }
        folder.write_json(out / folder.RUN, record)
        folder.write_text(out / "structure.cif", cif(crystal))
        begin = time.monotonic() - record.get("seconds", 0.0)
        found = Chain(engine, config, out, tell).run(crystal)
        record |= {
            "status": "incomplete" if found.problems else "complete",
            "seconds": round(time.monotonic() - begin, 1),
            "problems": found.problems,
            "evidence": [asdict(one) for one in evidence_of(found, config.bands)],
        }
        cell = found.relaxed.crystal if found.relaxed else crystal
        folder.write_json(out / SUMMARY, describe(name, found, config, _lattice(cell, model, config.thermoelectric)))
        if found.relaxed is not None:
            folder.write_text(out / "relaxed.cif", cif(found.relaxed.crystal))
        folder.write_json(out / folder.RUN, record)
    return record


def _lattice(crystal: Crystal, model: ForwardModel, settings: ThermoelectricConfig) -> Lattice:
    """What a forward model says; a crystal that it cannot be asked about is ranked without."""
    try:
        found = modelled_conductivity(crystal, model, settings.temperature_k)
    except (TableError, StructureError) as error:
        return Lattice(None, str(error))
    if found is None:
        return Lattice(None, f"{model.name} has no answer")
    low, high = found.interval
    said = f"forward model {model.name}, at {settings.temperature_k:g} K; 90 % interval {low:.2g} to {high:.2g}"
    return Lattice(found.w_per_m_k, said)


def _low_cutoff(asked: float | None, advised: float, tool: str) -> str:
    """What is to be known of a cutoff below the one that the engine advises; empty where it is not."""
    if asked is None or asked >= advised - 1:
        return ""
    return f"cutoff_ev {asked:g} is below the {advised:.0f} eV advised for these elements with {tool}; see dft converge"


def _require_cores(cores: int) -> None:
    """Pass if this machine has as many.

    Raises:
        ConfigError: it has fewer.
    """
    if cores > (there := os.cpu_count() or cores):
        raise ConfigError(f"cores {cores} given; this machine has {there}")


def _with_earlier_steps(config: DftConfig, out: Path) -> DftConfig:
    """With the steps that an earlier call in the folder ended, and with its relaxation: all others build on that."""
    try:
        earlier = json.loads((out / folder.RUN).read_text(encoding="utf-8"))["steps"]
        ended = [step for step in earlier if step == "relax" or (out / step / RESULT).is_file()]
        return DftConfig.from_dict(config.to_dict() | {"steps": [*ended, *config.steps]}, source=str(out))
    except (OSError, ValueError, KeyError, TypeError):
        return config


def _identity(crystal: Crystal, config: DftConfig, tool: str) -> dict[str, Any]:
    settings = {key: value for key, value in config.to_dict().items() if key not in PRACTICAL}
    return {
        "structure": {"sha256": sha256(crystal.content()).hexdigest()},
        "config": settings,
        "starts_from": "the relaxed crystal" if "relax" in config.steps else "the crystal as it is given",
        "inputs": {"engine": tool},
        folder.FUNNEL: [],
    }


@contextmanager
def _only_here(out: Path) -> Iterator[None]:
    """Keep a second process out: two engines in one folder would overwrite each other's files."""
    lock = LockFile(out / folder.LOCK)
    try:
        if not lock.try_lock(0):
            raise ConfigError(f"another process is at work in {out}; wait for it, or give another --out")
        yield
    finally:
        lock.close()
