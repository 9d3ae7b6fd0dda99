"""From results of calculations from first principles, whichever engine made them, to evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.dft.bands.config import BandsConfig
from wyckforge.dft.bands.edges import BandsError, Gap, find_edges, narrower
from wyckforge.dft.bands.summary import Summary, summarise
from wyckforge.dft.bands.valleys import Carrier
from wyckforge.dft.config import Step
from wyckforge.dft.magnetism import MIN_MOMENT_BOHR, is_magnetic
from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.errors import StructureError
from wyckforge.realise.config import PhononConfig
from wyckforge.records import Evidence, Verdict

if TYPE_CHECKING:
    from wyckforge.dft.chain import Findings

SPINS = ("up", "down")

MASSES: dict[Carrier, str] = {"hole": "dft_hole_mass", "electron": "dft_electron_mass"}

STAGES: dict[Step, tuple[str, ...]] = {
    "relax": ("dft_relax",),
    "scf": ("dft_energy", "dft_magnetism"),
    "bands": ("dft_band_gap",),
    "dos": ("dft_dos",),
    "mass": tuple(MASSES.values()),
    "phonon": ("dft_phonon_gamma",),
}
"""What is unknown where a step has no result."""


def evidence_of(found: Findings, config: BandsConfig | None = None) -> list[Evidence]:
    """All that a chain found, in the order of its steps; ``unknown`` with the reason for steps without a result.

    Without the step ``bands``, the gap is that on the mesh of ``dos``; masses are those of the step ``mass``.

    Args:
        found: what the chain returned.
        config: how valleys are told apart and masses fitted.
    """
    evidence: list[Evidence] = []
    if found.relaxed is not None:
        one, problem = relaxation(found.relaxed), found.problems.get("relax")
        evidence.append(replace(one, verdict="unknown", reason=problem) if problem else one)
    if found.ground is not None:
        evidence += [energy(found.ground), magnetism(found.ground)]
    if found.bands is not None:
        evidence += gaps(found.bands, found.dos)
    elif found.dos is not None and "bands" not in found.problems:
        evidence += gaps(found.dos)
    if found.dense is not None and found.bands is not None:
        evidence += masses(found.bands, found.dense, config, found.dos)
    if found.modes is not None:
        evidence.append(stability(found.modes))
    for step, reason in found.problems.items():
        told = {one.stage for one in evidence}
        evidence += [Evidence(stage, "unknown", reason=reason) for stage in STAGES[step] if stage not in told]
    return sorted(evidence, key=lambda one: _place(one.stage))


def relaxation(found: Relaxed, stage: str = "dft_relax") -> Evidence:
    """Energy per atom of a relaxed crystal; unknown where it did not converge."""
    reason = (
        f"{found.steps} steps; {found.max_force_ev_per_angstrom:.2g} eV/Å and {found.max_stress_gpa:.2g} GPa are left"
    )
    reason = _told(reason, found.remedies)
    per_atom = found.energy_ev / len(found.crystal)
    if not found.converged:
        return Evidence(stage, "unknown", per_atom, "eV/atom", f"not converged: {reason}", found.tool)
    return Evidence(stage, "pass", per_atom, "eV/atom", reason, found.tool)


def energy(found: Ground) -> Evidence:
    """Energy per atom, and how it was computed."""
    used = ", ".join(f"U {u:g} eV on {element}" for element, u in found.hubbard_ev.items()) or "no U"
    mesh = "×".join(map(str, found.k_mesh))
    reason = _told(f"{found.cutoff_ev:g} eV, mesh {mesh}, {used}", found.remedies)
    return Evidence("dft_energy", "pass", found.energy_ev / len(found.crystal), "eV/atom", reason, found.tool)


def magnetism(found: Ground) -> Evidence:
    """Largest moment of an atom, and by how much the other state lies above where both were found."""
    gain = "" if found.spin_gain_ev is None else f"{abs(found.spin_gain_ev):.3f} eV"
    if len(found.electrons) == 1:
        reason = "computed without spin polarisation" + (gain and f"; a magnetic state lies {gain} above")
        return Evidence("dft_magnetism", "pass", 0.0, "μB", reason, found.tool)
    if found.site_moments_bohr is None:
        return Evidence("dft_magnetism", "unknown", reason="the output tells no moments of atoms", tool=found.tool)
    largest = float(np.abs(found.site_moments_bohr).max())
    kind = "magnetic" if is_magnetic(found.site_moments_bohr) else f"not magnetic, below {MIN_MOMENT_BOHR} μB"
    reason = f"largest moment of an atom: {kind}; {found.moment_bohr:.2f} μB in the cell"
    reason += gain and f", {gain} below the state without spin"
    return Evidence("dft_magnetism", "pass", largest, "μB", reason, found.tool)


def gaps(bands: Bands, mesh: Bands | None = None) -> list[Evidence]:
    """The gap, and with spin polarisation that of each channel; zero for metals.

    Args:
        bands: along the path, or on a mesh.
        mesh: beside a path; where it has a smaller gap, that is the gap.
    """
    try:
        path = find_edges(bands)
    except BandsError as error:
        return [Evidence("dft_band_gap", "unknown", reason=str(error), tool=bands.tool)]
    edges = narrower(path, mesh)
    where = "on the mesh" if edges is not path or bands.weights is not None else "along the path"
    if edges is not path and path.gap is not None:
        where += f", which sees what the path does not ({path.gap.ev:.3f} eV)"
    found = [_gap("dft_band_gap", edges.gap, edges.metal, where, bands.tool)]
    if len(edges.channels) == 2 and bands.occupied is not None:
        found += [
            _gap(f"dft_band_gap_{name}", gap, "bands of this spin overlap", where, bands.tool)
            for name, gap, filled in zip(SPINS, edges.channels, bands.occupied, strict=True)
            if filled
        ]
    return found


def masses(
    bands: Bands, dense: Bands | None = None, config: BandsConfig | None = None, mesh: Bands | None = None
) -> list[Evidence]:
    """The lightest mass at either band edge, with N_V in the reason; negative for holes, nothing for metals.

    Unknown where the edge lies off the path.

    Args:
        bands: along the path.
        dense: on lines through the valleys; left out, masses are fitted along the path.
        config: windows and tolerances.
        mesh: of the same ground state, to see what lies off the path.
    """
    try:
        found = summarise(bands, dense, config, mesh)
    except (BandsError, StructureError) as error:
        return [Evidence(stage, "unknown", reason=str(error), tool=bands.tool) for stage in MASSES.values()]
    where = "along the path" if dense is None else "on lines through the valley"
    return masses_of(found, bands.tool, where)


def masses_of(found: Summary, tool: str, where: str) -> list[Evidence]:
    """The same of a summary.

    Args:
        found: what the bands say.
        tool: that computed them.
        where: the masses were fitted, in words.
    """
    return [_mass(found, carrier, tool, where) for carrier in MASSES if found.of(carrier)]


def stability(found: GammaModes) -> Evidence:
    """Whether a crystal is stable at Γ: no mode but the three acoustic ones, which the sum rule put at zero, counts."""
    optical = np.sort(np.delete(found.frequencies_per_cm, np.argsort(np.abs(found.frequencies_per_cm))[:3]))
    if not len(optical):
        return Evidence("dft_phonon_gamma", "pass", reason="one atom has no optical modes", tool=found.tool)
    limit = PhononConfig().tolerance_per_cm
    split = "" if found.longitudinal_per_cm is None else f", up to {found.longitudinal_per_cm.max():.1f} longitudinal"
    reason = f"{optical[0]:.1f} to {optical[-1]:.1f} cm⁻¹{split}; {found.method}, drift {found.drift_per_cm:.1f} cm⁻¹"
    verdict: Verdict = "pass" if optical[0] >= -limit else "fail"
    value = float(optical[0])
    return Evidence("dft_phonon_gamma", verdict, value, "cm⁻¹", _told(reason, found.remedies), found.tool)


def _gap(stage: str, gap: Gap | None, metal: str, where: str, tool: str) -> Evidence:
    if gap is None:
        return Evidence(stage, "pass", 0.0, "eV", f"a metal {where}: {metal}", tool)
    ends = f"{gap.valence.label} → {gap.conduction.label}"
    kind = f"direct at {gap.valence.label}" if gap.direct else f"indirect, smallest direct one {gap.direct_ev:.3f} eV"
    return Evidence(stage, "pass", gap.ev, "eV", f"{kind}, {where}" + ("" if gap.direct else f", {ends}"), tool)


def _mass(found: Summary, carrier: Carrier, tool: str, where: str) -> Evidence:
    stage, edge = MASSES[carrier], found.of(carrier)[0]
    degeneracy = f"N_V {edge.n_v} = {edge} at {edge.label}"
    lightest = found.lightest(edge)
    if lightest is None:
        flags = dict.fromkeys(flag for one in found.masses if one.of(edge) for flag in one.flags)
        return Evidence(stage, "unknown", reason="; ".join((degeneracy, "no mass can be fitted", *flags)), tool=tool)
    if misplaced := found.misplaced(edge):
        return Evidence(stage, "unknown", reason=f"{misplaced}; {lightest.mass:.3f} m₀ at {edge.label}", tool=tool)
    reason = f"lightest of the band next to the gap, towards {lightest.towards}, fitted {where}; {degeneracy}"
    return Evidence(stage, "pass", lightest.mass, "m₀", "; ".join((reason, *lightest.flags)), tool)


def _told(reason: str, remedies: Sequence[str]) -> str:
    return f"{reason}; after {', then '.join(remedies)}" if remedies else reason


def _place(stage: str) -> int:
    """Where in the chain a stage belongs."""
    order = [one for stages in STAGES.values() for one in stages]
    return next(at for at, one in enumerate(order) if stage.startswith(one))
