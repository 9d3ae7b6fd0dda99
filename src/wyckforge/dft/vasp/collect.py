"""From the folders of a chain to results and evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed, Result
from wyckforge.dft.vasp.hull import CORRECTED_ENERGIES, hull_evidence
from wyckforge.dft.vasp.modes import gamma_modes
from wyckforge.dft.vasp.outputs import bands, ground, mesh_bands, relaxed
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.dft.vasp.sets import MAGNETIC_BOHR, is_magnetic
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.reference import require_same_tool
from wyckforge.records import Evidence, Verdict

if TYPE_CHECKING:
    from wyckforge.realise.hull import ReferenceHull

SPIN = ("up", "down")

Read = TypeVar("Read", bound=Result)


@dataclass
class Collected:
    """What a chain of folders gave.

    Attributes:
        results: by step.
        evidence: in the order of the steps; ``unknown`` with a reason where a step gave nothing.
    """

    results: dict[str, Result] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)

    def keep(self, step: str, stage: str, folder: Path, read: Callable[[Path], Read]) -> Read | None:
        """Read a folder and keep the result, or the reason why there is none; nothing where there is no folder."""
        if not folder.is_dir():
            return None
        try:
            found = guarded(folder, read)
        except OutputError as error:
            self.evidence.append(Evidence(stage, "unknown", reason=str(error), tool="VASP"))
            return None
        self.results[step] = found
        return found


def collect(folder: Path, hull: ReferenceHull | None = None) -> Collected:
    """Read the steps that lie in a folder.

    Args:
        folder: with the folders of the steps.
        hull: known phases, by :data:`wyckforge.dft.vasp.hull.CORRECTED_ENERGIES`.

    Raises:
        TableError: the hull is of other energies.
    """
    if hull is not None:
        require_same_tool(CORRECTED_ENERGIES, hull.tool, hull.name)
    found = Collected()
    if (relaxation := found.keep("relax", "dft_relax", folder / "relax", relaxed)) is not None:
        found.evidence.append(_relaxation(relaxation, "dft_relax"))
    state = found.keep("static", "dft_energy", folder / "static", ground)
    if state is not None:
        found.evidence += [_energy(state), _magnetism(state)]
    line = found.keep("bands", "dft_band_gap", folder / "bands", lambda place: bands(place, state))
    if line is None and state is not None:
        line = mesh_bands(folder / "static", state)
    if line is not None:
        found.evidence += gaps(line)
    if (vibrations := found.keep("phonon", "dft_phonon_gamma", folder / "phonon", gamma_modes)) is not None:
        found.evidence.append(stability(vibrations))
    if (relaxation := found.keep("mp_relax", "dft_mp_relax", folder / "mp_relax", relaxed)) is not None:
        found.evidence.append(_relaxation(relaxation, "dft_mp_relax"))
    if (folder / "mp_static").is_dir():
        found.evidence += hull_evidence(folder / "mp_static", hull)
    return found


def gaps(line: Bands) -> list[Evidence]:
    """The gap, and with spin polarisation that of each channel; the number of filled bands is that of the electrons."""
    filled = line.occupied
    if filled is None:
        reason = f"{' + '.join(f'{count:.3f}' for count in line.electrons)} electrons fill no whole number of bands"
        return [Evidence("dft_band_gap", "pass", 0.0, "eV", f"a metal: {reason}", line.tool)]
    if min(filled) < 0 or max(filled) >= line.energies.shape[2]:
        return [Evidence("dft_band_gap", "unknown", reason="there is no empty band; raise NBANDS", tool=line.tool)]
    where = "on the mesh" if line.weights is not None else "along the path"
    channels = list(zip(line.energies, filled, strict=True))
    tops = np.array([energies[:, :count].max(axis=1, initial=-np.inf) for energies, count in channels])  # (s, k)
    bottoms = np.array([energies[:, count:].min(axis=1) for energies, count in channels])
    found = [_gap("dft_band_gap", tops.max(axis=0), bottoms.min(axis=0), where, line.tool)]
    if len(channels) == 2:
        found += [
            _gap(f"dft_band_gap_{name}", top, bottom, where, line.tool)
            for name, top, bottom in zip(SPIN, tops, bottoms, strict=True)
            if np.isfinite(top).all()
        ]
    return found


def _relaxation(found: Relaxed, stage: str) -> Evidence:
    reason = (
        f"{found.steps} steps; {found.max_force_ev_per_angstrom:.2g} eV/Å and {found.max_stress_gpa:.2g} GPa are left"
    )
    energy = found.energy_ev / len(found.crystal)
    if not found.converged:
        return Evidence(stage, "unknown", energy, "eV/atom", f"not converged: {reason}", found.tool)
    return Evidence(stage, "pass", energy, "eV/atom", reason, found.tool)


def _energy(found: Ground) -> Evidence:
    used = ", ".join(f"U {u:g} eV on {element}" for element, u in found.hubbard_ev.items()) or "no U"
    mesh = "×".join(map(str, found.k_mesh))
    reason = f"{found.cutoff_ev:g} eV, mesh {mesh}, {used}"
    return Evidence("dft_energy", "pass", found.energy_ev / len(found.crystal), "eV/atom", reason, found.tool)


def _magnetism(found: Ground) -> Evidence:
    if len(found.electrons) == 1:
        return Evidence("dft_magnetism", "pass", 0.0, "μB", "computed without spin polarisation", found.tool)
    if found.site_moments_bohr is None:
        return Evidence("dft_magnetism", "unknown", reason="OUTCAR tells no moments of atoms", tool=found.tool)
    largest = float(np.abs(found.site_moments_bohr).max())
    kind = "magnetic" if is_magnetic(found.site_moments_bohr) else f"not magnetic, below {MAGNETIC_BOHR} μB"
    reason = f"largest moment of an atom: {kind}; {found.moment_bohr:.2f} μB in the cell"
    return Evidence("dft_magnetism", "pass", largest, "μB", reason, found.tool)


def _gap(stage: str, tops: np.ndarray, bottoms: np.ndarray, where: str, tool: str) -> Evidence:
    """From the highest filled and the lowest empty energy at each k point."""
    value = float(bottoms.min() - tops.max())
    if value <= 0:
        return Evidence(stage, "pass", 0.0, "eV", f"a metal: bands overlap by {-value:.3f} eV {where}", tool)
    direct = float((bottoms - tops).min())
    kind = "direct" if direct - value < 1e-4 else f"indirect, smallest direct one {direct:.3f} eV"
    return Evidence(stage, "pass", value, "eV", f"{kind}, {where}", tool)


def stability(found: GammaModes) -> Evidence:
    """Whether a crystal is stable at Γ: no mode but the three acoustic ones, which the sum rule put at zero, counts."""
    optical = np.sort(np.delete(found.frequencies_per_cm, np.argsort(np.abs(found.frequencies_per_cm))[:3]))
    if not len(optical):
        return Evidence("dft_phonon_gamma", "pass", reason="one atom has no optical modes", tool=found.tool)
    limit = PhononConfig().tolerance_per_cm
    split = "" if found.longitudinal_per_cm is None else f", up to {found.longitudinal_per_cm.max():.1f} longitudinal"
    reason = f"{optical[0]:.1f} to {optical[-1]:.1f} cm⁻¹{split}; {found.method}, drift {found.drift_per_cm:.1f} cm⁻¹"
    verdict: Verdict = "pass" if optical[0] >= -limit else "fail"
    return Evidence("dft_phonon_gamma", verdict, float(optical[0]), "cm⁻¹", reason, found.tool)
