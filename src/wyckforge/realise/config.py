"""Settings of the realise room; importing them costs nothing. Unknown keys are errors."""

from __future__ import annotations

from pydantic import Field

from wyckforge.settings import Settings


class BuildConfig(Settings):
    """How hard to try to build a structure."""

    tries: int = Field(10, ge=1, description="structures drawn before giving up")
    timeout_s: float = Field(30.0, gt=0, description="time after which no further try begins")


class RelaxConfig(Settings):
    """By which potential, when a relaxation is converged, and when it is given up."""

    potential: str = Field("chgnet", description="interatomic potential: chgnet, sevennet-0, sevennet-l3i5 or another")
    fmax_ev_per_angstrom: float = Field(0.05, gt=0, description="converged when no force on an atom is larger,")
    smax_gpa: float = Field(0.5, gt=0, description="and no component of the stress is larger")
    max_steps: int = Field(200, ge=1, description="steps of the search")
    max_seconds: float = Field(300.0, gt=0, description="wall-clock budget of one relaxation")
    min_volume_ratio: float = Field(0.4, gt=0, lt=1, description="smallest volume allowed, relative to the start")
    max_volume_ratio: float = Field(2.5, gt=1, description="largest volume allowed, relative to the start")
    starts: int = Field(3, ge=1, description="structures relaxed per gene with free coordinates; the best is kept")


class HullConfig(Settings):
    """What counts as stable, against which energies."""

    reference: str = Field("", description="table of reference energies; empty: the bundled one of the potential")
    second_potential: str = Field(
        "", description="another potential that the probability of being stable hears, too; empty: none"
    )
    threshold_ev_per_atom: float = Field(0.1, description="largest energy above hull that passes")


class JudgeConfig(Settings):
    """Who gives a second opinion on the properties of relaxed crystals."""

    models: tuple[str, ...] = Field(
        (), description="folders of forward models, asked before the one in the package; none: not that one"
    )
