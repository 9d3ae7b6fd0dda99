"""Settings of a structure prediction; importing them costs nothing. Unknown keys are errors."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from wyckforge.realise.config import BuildConfig, HullConfig, RelaxConfig
from wyckforge.settings import Configuration, Settings

Method = Literal["sequential", "random"]


class HopConfig(Settings):
    """Basin hopping from the best structures found so far."""

    hops: int = Field(0, ge=0, description="perturbed and relaxed structures from each of them")
    walkers: int = Field(2, ge=1, description="structures that the hops start from, the lowest distinct ones")
    step_angstrom: float = Field(1.0, gt=0, description="how far a hop moves the atom that it moves most, at first")
    strain: float = Field(0.05, gt=0, lt=0.5, description="standard deviation of every free strain of a hop")
    temperature_ev_per_atom: float = Field(0.02, gt=0, description="of the acceptance of higher structures")


class PredictionConfig(Configuration):
    """A formula, where to look for its structure, and how long.

    Raises:
        ConfigError: from the class methods, where a key is unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/structure_prediction.md"

    formula: str = Field(description="CaTiO3")
    z: str = Field("1:4", description="formula units in the conventional cell: a number or an interval")
    space_group: str = Field("", description="numbers and intervals; empty: those known for such formulas")
    method: Method = Field("sequential", description="order of the genes: most plausible first, or weighted draws")
    tries: int = Field(50, ge=1, description="structures built and relaxed")
    seed: int = Field(0, ge=0, description="of everything random")
    hop: HopConfig = HopConfig()
    build: BuildConfig = BuildConfig()
    relax: RelaxConfig = RelaxConfig()
    hull: HullConfig = HullConfig()
