"""Settings of calculations from first principles."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.settings import Configuration, Settings

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


class ThermoelectricConfig(Settings):
    """At what temperature a thermoelectric works, and what counts how much in the ranking."""

    temperature_k: float = Field(600.0, gt=0, description="at which it works")
    gap_weight: float = Field(1.0, ge=0, description="of the gap, which is best at 10 kT")
    valleys_weight: float = Field(1.0, ge=0, description="of N_V/m_c, of the better carrier")
    complexity_weight: float = Field(1.0, ge=0, description="of the complexity of the Fermi surface, likewise")
    lattice_weight: float = Field(1.0, ge=0, description="of the lattice conductivity, which is best low")
    half_valleys: float = Field(20.0, gt=0, description="N_V/m_c that scores one half")
    half_complexity: float = Field(5.0, gt=0, description="complexity that scores one half")
    half_conductivity: float = Field(2.0, gt=0, description="lattice conductivity in W/(m K) that scores one half")
    conductivity_model: str = Field(
        "", description="folder of a forward model of the lattice conductivity at 300 K; left out, the bundled one"
    )


class DftConfig(Configuration):
    """How the steps are computed, whichever engine does it: PBE, scalar-relativistic.

    Raises:
        ConfigError: from the class methods, where a key is unknown or a value out of range.
    """

    PAGE: ClassVar[str] = "docs/concepts/dft.md"

    engine: str = Field("qe", description="engine by name: qe or gpaw")
    steps: tuple[Step, ...] = Field(STEPS, description="what is computed, and with it what that builds on")
    cutoff_ev: float | None = Field(
        None, gt=0, le=1e4, description="of the plane waves; left out, what the engine advises"
    )
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
    bands: BandsConfig = Field(BandsConfig(), description="how valleys are told apart and masses fitted")
    thermoelectric: ThermoelectricConfig = Field(ThermoelectricConfig(), description="how candidates are ranked")

    @field_validator("steps")
    @classmethod
    def _whole(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps with what they build on, each after that."""
        wanted = {*steps, *(need for step in steps for need in NEEDS[step])}
        return tuple(step for step in STEPS if step in wanted)
