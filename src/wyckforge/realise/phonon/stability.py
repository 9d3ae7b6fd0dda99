"""Whether a crystal is dynamically stable: tight relaxation, modes at Γ, then a full mesh in growing supercells."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.potential.contract import Array, Potential, PotentialError
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.budget import GivenUp, Limited
from wyckforge.realise.phonon.dynamics import Dynamics, Repeats, divisions_of, supercells
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

Stability = Literal["stable", "unstable", "unknown"]

GAMMA = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The outcome at Γ or on a mesh.

    Attributes:
        stability: ``unstable`` where a frequency lies below the tolerance, ``unknown`` where the test did not end.
        reason: in words.
        lowest_per_cm: lowest frequency in cm⁻¹ beyond the three acoustic modes at Γ; imaginary ones are negative.
        q_point: where, in units of the reciprocal basis of the primitive cell.
        dynamics: the supercell that says so.
    """

    stability: Stability
    reason: str = ""
    lowest_per_cm: float | None = None
    q_point: tuple[float, ...] | None = None
    dynamics: Dynamics | None = None

    @property
    def exact(self) -> bool:
        """Whether the lowest frequency is at a q point that the supercell gives without interpolation."""
        if self.dynamics is None or self.q_point is None:
            return False
        whole = np.array(self.q_point) * self.dynamics.repeats
        return bool(np.abs(whole - np.rint(whole)).max() < 1e-6)


@dataclass(slots=True, eq=False)
class Study:
    """What is known of the vibrations of a crystal; it grows while the work goes on.

    Attributes:
        tool: name and version of the potential.
        gamma: the test at Γ.
        mesh: the test on the mesh; None if not asked for.
        relaxation: the tight relaxation.
        path: standard primitive cell of the relaxed crystal and the dispersion path.
        measured: force constants, first those of the primitive cell, then those of ever larger supercells.
        calls: evaluations of the potential.
        seconds: wall-clock time.
    """

    tool: str
    gamma: Outcome
    mesh: Outcome | None
    relaxation: Relaxation | None = None
    path: Path | None = None
    measured: list[Dynamics] = field(default_factory=list)
    calls: int = 0
    seconds: float = 0.0

    @property
    def gene(self) -> str:
        """The gene of the relaxed crystal; a dash where there is none."""
        try:
            return str(detect(self.relaxation.crystal).gene) if self.relaxation else "–"
        except StructureError:
            return "–"

    @property
    def verdict(self) -> Outcome:
        """The test on the mesh; that at Γ where no mesh was asked for, or where Γ alone proves an instability."""
        if self.mesh is None or (self.mesh.stability == "unknown" and self.gamma.stability == "unstable"):
            return self.gamma
        return self.mesh

    @property
    def optical_per_cm(self) -> list[float]:
        """Frequencies of the optical modes at Γ, in cm⁻¹."""
        return self.measured[0].optical().tolist() if self.measured else []

    @property
    def displacements(self) -> int:
        """Evaluations of the potential for force constants."""
        return sum(one.calls for one in self.measured)

    def dispersion(self) -> list[Array]:
        """(k, 3n) frequencies in cm⁻¹ along every segment of the path, by the largest supercell; none without one."""
        if self.path is None or len(self.measured) < 2:
            return []
        return [self.measured[-1].frequencies(segment.q_points) for segment in self.path.segments]


def study(crystal: Crystal, config: PhononConfig, potential: Potential, *, deadline: float | None = None) -> Study:
    """Relax a crystal tightly and test its vibrations; whatever goes wrong makes a verdict ``unknown``.

    Args:
        crystal: in any cell.
        config: settings.
        potential: who gives energies and forces.
        deadline: value of ``time.monotonic`` after which no call of the potential begins; ``config.max_seconds`` from
            now if omitted. What is known by then is kept.
    """
    began = time.monotonic()
    limited = Limited(potential, began + config.max_seconds if deadline is None else deadline)
    found = Study(potential.tool, Outcome("unknown"), Outcome("unknown") if config.mesh else None)
    try:
        found.relaxation = relax(crystal, config.relax, limited)
        if not found.relaxation.converged:
            raise GivenUp(f"the tight relaxation failed: {found.relaxation.reason}")
        found.path = Path.of(found.relaxation.crystal)
        measure = partial(
            Dynamics,
            found.path.cell,
            potential=limited,
            displacement_angstrom=config.displacement_angstrom,
        )
        found.measured.append(measure((1, 1, 1)))
        found.gamma = _at_gamma(found.measured[0], config)
        if config.mesh:
            found.mesh = _on_mesh(found, measure, config)
    except (GivenUp, PotentialError, StructureError) as error:
        if found.gamma.stability == "unknown":
            found.gamma = Outcome("unknown", str(error))
        if found.mesh is not None:
            found.mesh = Outcome("unknown", str(error))
    found.calls = limited.calls
    found.seconds = time.monotonic() - began
    return found


def _at_gamma(dynamics: Dynamics, config: PhononConfig) -> Outcome:
    optical = dynamics.optical()
    if not len(optical):
        return Outcome("stable", "one atom in the primitive cell has acoustic modes only")
    lowest = float(optical.min())
    return Outcome(_stability(lowest, config), "exact in the primitive cell", lowest, GAMMA, dynamics)


def _on_mesh(found: Study, measure: Callable[[Repeats], Dynamics], config: PhononConfig) -> Outcome:
    """Grow the supercell until one of its own q points proves an instability, or the lowest branch is known.

    It is known when two supercells in a row agree on the lowest frequency, and when no frequency would be imaginary if
    it were lower by what the last supercell changed it. Interpolation alone proves no instability: pockets of imaginary
    frequencies between the exact points are what small supercells get wrong most often.
    """
    cell = found.measured[0].cell
    divisions = divisions_of(cell, config.mesh_length_angstrom)
    before: Array | None = None
    reason = f"the smallest supercell has more than {config.max_atoms} atoms"
    for repeats in supercells(cell, config.thick_angstrom, config.max_atoms):
        dynamics = measure(repeats)
        found.measured.append(dynamics)
        proof = _lowest(dynamics, repeats, f"exact in a supercell of {dynamics.n_atoms} atoms", config)
        if proof.stability == "unstable":
            return proof
        branch = dynamics.branch(divisions)[1]
        if before is not None:
            shift = abs(float(branch.min() - before.min()))
            sure = _stability(float((branch - np.abs(branch - before)).min()), config) == "stable"
            if sure and shift < config.convergence_per_cm:
                reason = f"converged to {shift:.1f} cm⁻¹ with {dynamics.n_atoms} atoms"
                return _lowest(dynamics, divisions, reason, config)
        before = branch
        reason = (
            f"no convergence with {dynamics.n_atoms} atoms, where the lowest frequency is {branch.min():.1f} cm⁻¹ by "
            f"interpolation; the next supercell has more than {config.max_atoms}"
        )
    raise GivenUp(reason)


def _lowest(dynamics: Dynamics, divisions: Repeats, reason: str, config: PhononConfig) -> Outcome:
    q_points, branch = dynamics.branch(divisions)
    where = int(branch.argmin())
    lowest = float(branch[where])
    return Outcome(_stability(lowest, config), reason, lowest, tuple(q_points[where].tolist()), dynamics)


def _stability(lowest_per_cm: float, config: PhononConfig) -> Stability:
    return "unstable" if lowest_per_cm < -config.tolerance_per_cm else "stable"
