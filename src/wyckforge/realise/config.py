"""Settings of the realise room; importing them costs nothing. Unknown keys are errors."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wyckforge.settings import Settings

AboveHull = Annotated[float, Field(ge=-10, le=10)]
"""An energy above hull in eV/atom; what lies beyond was meant in another unit."""


class BuildConfig(Settings):
    """Where structures to begin with come from, and how hard to try."""

    source: Literal["model", "pyxtal"] = Field(
        "model", description="the geometry model, with PyXtal where it has nothing; or PyXtal alone: random coordinates"
    )
    tries: int = Field(10, ge=1, description="structures that PyXtal draws before giving up")
    timeout_s: float = Field(30.0, gt=0, description="time after which no further try of PyXtal begins")


class RelaxConfig(Settings):
    """By which potential, when a relaxation is converged, and when it is given up."""

    potential: str = Field("chgnet", description="interatomic potential: chgnet, sevennet-0, sevennet-l3i5 or another")
    fmax_ev_per_angstrom: float = Field(0.05, gt=0, description="converged when no force on an atom is larger,")
    smax_gpa: float = Field(0.5, gt=0, description="and no component of the stress is larger")
    max_steps: int = Field(200, ge=1, description="steps of the search")
    max_seconds: float = Field(300.0, gt=0, description="wall-clock budget of one relaxation")
    min_volume_ratio: float = Field(0.4, gt=0, lt=1, description="smallest volume allowed, relative to the start")
    max_volume_ratio: float = Field(2.5, gt=1, description="largest volume allowed, relative to the start")


class DesignRelaxConfig(RelaxConfig):
    """The relaxation of a gene: as :class:`RelaxConfig`, from how many starts."""

    starts: int = Field(3, ge=1, description="structures relaxed per gene with free coordinates; the best is kept")
    enough_ev_per_atom: AboveHull = Field(0.02, description="no further start once one is so little above the hull")
    further_within_ev_per_atom: AboveHull = Field(
        0.15, description="no further start of a gene whose best one is more above the hull: others are worth more"
    )

    @model_validator(mode="after")
    def _leaves_room_for_further_starts(self) -> Self:
        if self.starts > 1 and self.enough_ev_per_atom > self.further_within_ev_per_atom:
            raise ValueError(
                f"enough_ev_per_atom {self.enough_ev_per_atom:g} lies above further_within_ev_per_atom "
                f"{self.further_within_ev_per_atom:g}, so that no gene gets a further start; let it lie below, or give "
                "starts = 1"
            )
        return self


class RefineConfig(Settings):
    """The second level: crystals near the hull are relaxed again by another potential and placed on its own hull."""

    potential: str = Field("sevennet-0", description="second potential; none: one level only")
    within_ev_per_atom: AboveHull = Field(
        0.15, description="largest energy above the first hull that is looked at again"
    )

    @property
    def wanted(self) -> bool:
        """Whether there is a second level."""
        return self.potential != "none"


class HullConfig(Settings):
    """What counts as stable, against which energies."""

    reference: str = Field("", description="table of reference energies; empty: the bundled one of the potential")
    threshold_ev_per_atom: AboveHull = Field(0.1, description="largest energy above hull that passes")


class JudgeConfig(Settings):
    """Who gives a second opinion on the properties of relaxed crystals."""

    models: tuple[str, ...] = Field(
        (), description="folders of forward models, asked before the one in the package; none: not that one"
    )


class TightRelaxConfig(RelaxConfig):
    """The relaxation before vibrations: as :class:`RelaxConfig`, with limits that leave no slope in their way."""

    potential: str = Field("sevennet-0", description="interatomic potential, of the vibrations too")
    fmax_ev_per_angstrom: float = Field(1e-4, gt=0, description="converged when no force on an atom is larger,")
    smax_gpa: float = Field(0.02, gt=0, description="and no component of the stress is larger")


class PhononConfig(Settings):
    """How vibrations are computed, when a crystal counts as dynamically stable, and how unstable modes are followed."""

    relax: TightRelaxConfig = Field(TightRelaxConfig(), description="the tight relaxation that comes first")
    displacement_angstrom: float = Field(0.03, gt=0, description="how far an atom is moved to measure force constants")
    tolerance_per_cm: float = Field(10.0, gt=0, description="imaginary frequencies up to this one in cm⁻¹ are noise")
    mesh: bool = Field(True, description="test a full mesh in supercells; otherwise Γ alone, in the primitive cell")
    mesh_length_angstrom: float = Field(
        40.0, gt=0, description="along each axis the mesh has this length over the thickness of the cell in points"
    )
    thick_angstrom: float = Field(
        8.0, gt=0, description="the first supercell is doubled along every axis along which the cell is thinner"
    )
    convergence_per_cm: float = Field(
        10.0, gt=0, description="supercells grow until the lowest frequency on the mesh changes less, in cm⁻¹"
    )
    max_atoms: int = Field(400, ge=1, description="atoms in the largest supercell")
    max_seconds: float = Field(
        1800.0, gt=0, description="wall-clock budget of one crystal and all that is made of it; no call begins after it"
    )
    follow: bool = Field(False, description="follow the lowest unstable mode down to a stable crystal")
    max_generations: int = Field(3, ge=1, description="unstable crystals followed one after another")
    max_directions: int = Field(4, ge=1, description="directions tried in the space of a degenerate mode")


class ScreeningPhononConfig(PhononConfig):
    """Vibrations of many candidates: as :class:`PhononConfig`, at Γ alone."""

    mesh: bool = Field(False, description="test a full mesh in supercells; otherwise Γ alone, in the primitive cell")
