"""How results change with the cutoff or the k mesh: what makes a choice of them trustworthy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wyckforge.dft.config import DftConfig
from wyckforge.dft.engine import Engine
from wyckforge.symmetry.crystal import Crystal

Knob = Literal["cutoff_ev", "scf_k_spacing_per_angstrom"]


@dataclass(frozen=True, slots=True)
class Converging:
    """What a ground state is with one value of a setting.

    Attributes:
        value: of the setting.
        energy_ev_per_atom: total energy.
        pressure_gpa: positive where the crystal wants to grow; None where the engine does not tell.
        gap_ev: on the mesh; None for metals.
        seconds: that it took.
    """

    value: float
    energy_ev_per_atom: float
    pressure_gpa: float | None
    gap_ev: float | None
    seconds: float


def converge(
    engine: Engine, crystal: Crystal, config: DftConfig, knob: Knob, values: Sequence[float], folder: Path
) -> Iterator[Converging]:
    """The ground state with each value of a setting, in the order given.

    Args:
        engine: that computes it.
        crystal: primitive cell.
        config: all other settings.
        knob: the setting that varies.
        values: of it.
        folder: one for each value is made in it.

    Raises:
        ConfigError: a value is none for that setting; nothing has been computed.
        EngineError: no answer for a value; those before it have been given.
    """
    settings = {value: DftConfig.from_dict(config.to_dict() | {knob: value}, source=knob) for value in values}
    for value in values:
        began = time.monotonic()
        ground = engine.ground(crystal, settings[value], folder / f"{knob}-{value:g}")
        yield Converging(
            value,
            ground.energy_ev / len(crystal),
            ground.pressure_gpa,
            ground.mesh_gap_ev,
            time.monotonic() - began,
        )
