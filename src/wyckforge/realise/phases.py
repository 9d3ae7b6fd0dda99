"""Reference energies of a user's own phases: each computed once, kept as soon as it is there, and put into a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from wyckforge.errors import StructureError
from wyckforge.potential.workers import single_threaded
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.reference import ReferenceTable
from wyckforge.symmetry.crystal import Crystal


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """A known crystal.

    Attributes:
        id: by which the table remembers it.
        crystal: any cell of it.
    """

    id: str
    crystal: Crystal


@dataclass(frozen=True, slots=True)
class Computed:
    """What became of a phase.

    Attributes:
        key: of the structure, the potential and the method; with it, the phase is known again.
        id: of the phase.
        formula: reduced.
        energy_per_atom: in eV/atom; ``None`` where there is none.
        method: ``relaxed``; ``unconverged``, where the lowest energy met is an upper bound like any other;
            ``single-point``; or ``failed``.
        reason: why there is no energy.
    """

    key: str
    id: str
    formula: str
    energy_per_atom: float | None
    method: str
    reason: str = ""

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Inverse of ``json.dumps(asdict(...))``."""
        return cls(**json.loads(line))


def compute(phase: Phase, config: RelaxConfig, *, relaxed: bool) -> Computed:
    """The energy of a phase by the potential that the settings name, with the corrections that it lacks.

    Args:
        phase: the crystal.
        config: settings of the relaxation.
        relaxed: relax it, within its symmetry; else the energy is that of the structure as given.
    """
    from pymatgen.core import Composition

    from wyckforge.potential.catalogue import load_potential
    from wyckforge.potential.contract import PotentialError
    from wyckforge.realise.corrections import comparable_energy
    from wyckforge.realise.relax import relax
    from wyckforge.symmetry.detection import detect
    from wyckforge.symmetry.elements import symbol

    potential = load_potential(config.potential)
    numbers = phase.crystal.numbers.tolist()
    formula = Composition({symbol(z): numbers.count(z) for z in set(numbers)}).reduced_formula
    made = partial(Computed, key_of(phase, config, relaxed=relaxed), phase.id, formula)
    try:
        if relaxed:
            found = relax(phase.crystal, config, potential)
            energy = comparable_energy(found.energy_ev_per_atom, found.crystal, potential)
            return made(energy, "relaxed" if found.converged else "unconverged")
        cell = detect(phase.crystal).primitive
        energy = potential.evaluate(cell.lattice, cell.numbers, cell.frac_coords).energy_ev / len(cell)
        return made(comparable_energy(energy, cell, potential), "single-point")
    except (PotentialError, StructureError) as error:
        return made(None, "failed", str(error))


def compute_all(
    phases: Sequence[Phase], config: RelaxConfig, *, relaxed: bool, log: Path, workers: int = 1
) -> Iterator[Computed]:
    """Every phase as soon as it is done; those in the log come first, and are not done again.

    Args:
        phases: the crystals.
        config: settings of the relaxation, and the potential.
        relaxed: see :func:`compute`.
        log: file with one JSON line per phase that is done.
        workers: processes of one thread each.
    """
    done = _read(log)
    keys = [key_of(phase, config, relaxed=relaxed) for phase in phases]
    yield from (done[key] for key in keys if key in done)
    missing = [phase for phase, key in zip(phases, keys, strict=True) if key not in done]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        for found in _computed(missing, partial(compute, config=config, relaxed=relaxed), workers):
            print(json.dumps(asdict(found)), file=stream, flush=True)
            yield found


def key_of(phase: Phase, config: RelaxConfig, *, relaxed: bool) -> str:
    """What the energy of a phase depends on, as a digest."""
    settings = config.model_dump_json() if relaxed else config.potential
    return sha256(settings.encode() + phase.crystal.content()).hexdigest()


def table_of(computed: Iterable[Computed], tool: str, name: str) -> ReferenceTable:
    """A table with the lowest energy of every formula."""
    import pandas as pd

    columns = ("formula", "energy_per_atom", "method", "id")
    found = [[getattr(one, column) for column in columns] for one in computed if one.energy_per_atom is not None]
    rows = pd.DataFrame(found, columns=list(columns)).sort_values("energy_per_atom", kind="stable")
    rows = rows.drop_duplicates("formula").sort_values("formula", ignore_index=True)
    return ReferenceTable(rows, tool, name, {"unit": "eV/atom"})


def _computed(phases: Sequence[Phase], work: Any, workers: int) -> Iterator[Computed]:
    if workers == 1 or len(phases) < 2:
        yield from map(work, phases)
        return
    with single_threaded(workers) as pool:
        yield from pool.map(work, phases)


def _read(log: Path) -> dict[str, Computed]:
    """What is done, by key; a line that a kill cut short is dropped."""
    if not log.exists():
        return {}
    text = log.read_text(encoding="utf-8")
    text = text[: text.rfind("\n") + 1]
    log.write_text(text, encoding="utf-8")
    return {one.key: one for one in map(Computed.from_line, text.splitlines())}
