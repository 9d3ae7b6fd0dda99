"""Settings of calculations from first principles."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from wyckforge.settings import Configuration

Step = Literal["relax", "scf", "bands", "dos", "mass", "phonon"]

STEPS: tuple[Step, ...] = ("relax", "scf", "bands", "dos", "mass", "phonon")

NEEDS: dict[Step, tuple[Step, ...]] = {
    "relax": (),
    "scf": (),
    "bands": ("scf",),
    "dos": ("scf",),
    "mass": ("scf", "bands"),
    "phonon": ("scf",),
}
"""What a step builds on. Without ``relax`` the crystal is taken as it is."""


class DftConfig(Configuration):
    """How the steps are computed, whichever engine does it: PBE, scalar-relativistic.

    Raises:
        ConfigError: from the class methods, where a key is unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/dft.md"

    engine: str = Field("qe", description="engine by name: qe or gpaw")
    steps: tuple[Step, ...] = Field(STEPS, description="what is computed, in this order")
    cutoff_ev: float | None = Field(None, gt=0, description="of the plane waves; left out, what the engine advises")
    relax_k_spacing_per_angstrom: float = Field(0.25, gt=0, description="of the mesh to relax on, with 2π")
    scf_k_spacing_per_angstrom: float = Field(0.2, gt=0, description="of the mesh of the ground state, with 2π")
    dos_k_spacing_per_angstrom: float = Field(0.12, gt=0, description="of the mesh of the density of states, with 2π")
    band_points: int = Field(40, ge=2, description="k points on every segment of the path")
    smearing_ev: float = Field(0.01, gt=0, description="Gaussian width for relaxation and bands")
    energy_tolerance_ev: float = Field(1e-8, gt=0, description="of the self-consistent field")
    max_scf_iterations: int = Field(100, ge=1, description="of the self-consistent field before a remedy is tried")
    fmax_ev_per_angstrom: float = Field(1e-3, gt=0, description="force below which a crystal is relaxed")
    max_stress_gpa: float = Field(0.05, gt=0, description="stress below which a crystal is relaxed")
    max_relax_steps: int = Field(60, ge=1, description="ionic steps of a relaxation")
    phonon_method: Literal["dfpt", "finite displacements"] = Field("dfpt", description="how Γ modes are computed")
    hubbard: bool = Field(True, description="Dudarev U for oxides and fluorides of Co, Cr, Fe, Mn, Mo, Ni, V and W")
    magnetism: bool = Field(True, description="try a ferromagnetic high-spin start where an element may be magnetic")
    cores: int = Field(1, ge=1, description="processes of the engine")
    timeout_hours: float = Field(24.0, gt=0, description="for one step; then its result is unknown")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if missing := {need for step in self.steps for need in NEEDS[step]} - set(self.steps):
            raise ValueError(
                f"steps {', '.join(self.steps)} given, which build on {', '.join(sorted(missing))}; add it"
            )
        return self
