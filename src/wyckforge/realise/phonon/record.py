"""What is written of a study: words for people, numbers for programs."""

from __future__ import annotations

from typing import Any

from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.dynamics import PER_CM_PER_THZ, TOOL
from wyckforge.realise.phonon.stability import Outcome, Study


def tool(found: Study) -> str:
    """Name and version of what computed a study."""
    return f"{TOOL}, {found.tool}"


def describe(test: Outcome, config: PhononConfig) -> str:
    """A test in words."""
    if test.lowest_per_cm is None or test.q_point is None:
        return test.reason
    where = "Γ" if not any(test.q_point) else "q = " + " ".join(f"{part:.3g}" for part in test.q_point)
    frequency = f"{test.lowest_per_cm / PER_CM_PER_THZ:.2f} THz at {where}"
    return f"{frequency}, {test.reason}; tolerance {config.tolerance_per_cm:g} cm⁻¹"


def record_of(found: Study, config: PhononConfig) -> dict[str, Any]:
    """JSON-ready form of a study: verdicts, frequencies, the dispersion, and what it took."""
    record: dict[str, Any] = {
        "tool": tool(found),
        "gene": found.gene,
        "tolerance_per_cm": config.tolerance_per_cm,
        "gamma": _outcome(found.gamma),
        "mesh": _outcome(found.mesh) if found.mesh else None,
        "optical_per_cm": found.optical_per_cm,
        "supercells": [
            {"repeats": one.repeats, "atoms": one.n_atoms, "displacements": one.calls, "drift": one.drift}
            for one in found.measured
        ],
        "displacements": found.displacements,
        "calls": found.calls,
        "seconds": round(found.seconds, 2),
    }
    if (relaxed := found.relaxation) is not None:
        record["relaxation"] = {
            "energy_ev_per_atom": relaxed.energy_ev_per_atom,
            "max_force_ev_per_angstrom": relaxed.max_force_ev_per_angstrom,
            "max_stress_gpa": relaxed.max_stress_gpa,
            "converged": relaxed.converged,
            "calls": relaxed.calls,
            "crystal": relaxed.crystal.to_dict(),
        }
    if found.path is not None:
        record["primitive"] = found.path.cell.to_dict()
        record["dispersion"] = [
            {
                "labels": segment.labels,
                "distances": segment.distances.round(5).tolist(),
                "frequencies_per_cm": frequencies.round(3).tolist(),
            }
            for segment, frequencies in zip(found.path.segments, found.dispersion(), strict=False)
        ]
    return record


def _outcome(one: Outcome) -> dict[str, Any]:
    low = one.lowest_per_cm
    return {
        "stability": one.stability,
        "lowest_per_cm": low,
        "lowest_thz": None if low is None else low / PER_CM_PER_THZ,
        "q_point": one.q_point,
        "exact": one.exact,
        "atoms": one.dynamics.n_atoms if one.dynamics else None,
        "reason": one.reason,
    }
