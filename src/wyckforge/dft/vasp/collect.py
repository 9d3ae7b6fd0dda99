"""From the folders of a chain to results and evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from wyckforge.dft import evidence
from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed
from wyckforge.dft.vasp.hull import CORRECTED_ENERGIES, hull_evidence
from wyckforge.dft.vasp.identity import poscar, require_after
from wyckforge.dft.vasp.inputs import RELAXED_IN
from wyckforge.dft.vasp.modes import gamma_modes
from wyckforge.dft.vasp.outputs import bands, finished, ground, mesh_bands, relaxed
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.dft.vasp.sets import Step, crystal_of
from wyckforge.errors import StructureError
from wyckforge.realise.reference import require_same_tool
from wyckforge.records import Evidence

if TYPE_CHECKING:
    from wyckforge.realise.hull import ReferenceHull
    from wyckforge.symmetry.crystal import Crystal

Read = TypeVar("Read", Relaxed, Ground, Bands, GammaModes)


@dataclass
class Collected:
    """What a chain of folders gave.

    Attributes:
        folder: with the folders of the steps.
        results: by step.
        evidence: in the order of the steps; ``unknown`` with a reason where a step gave nothing.
    """

    folder: Path
    results: dict[Step, Relaxed | Ground | Bands | GammaModes] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)

    def keep(self, step: Step, stage: str, read: Callable[[Path], Read]) -> Read | None:
        """Read a step and keep the result, or the reason why there is none; nothing where there is no folder."""
        place = self.folder / step
        if not place.is_dir():
            return None
        try:
            found = guarded(place, read)
            if (relaxation := self.relaxation_of(step)) is not None:
                require_after(_starts(place, found), relaxation, place)
        except (OutputError, StructureError) as error:
            self.evidence.append(Evidence(stage, "unknown", reason=str(error), tool="VASP"))
            return None
        self.results[step] = found
        return found

    def relaxation_of(self, step: Step) -> Relaxed | None:
        """What the relaxation before a step found, where that was read."""
        found = self.results.get(RELAXED_IN[step]) if step in RELAXED_IN else None
        return found if isinstance(found, Relaxed) else None


def _starts(place: Path, found: Relaxed | Ground | Bands | GammaModes) -> list[Crystal]:
    """What a run began with, and where custodian restarted a relaxation on the way, what that began with at first."""
    if not isinstance(found, Relaxed):
        return [found.crystal]  # the others leave their atoms where they are
    first = poscar(place, "POSCAR.orig")
    return [crystal_of(finished(place).initial_structure), *([] if first is None else [first])]


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
    found = Collected(folder)
    if (relaxation := found.keep("relax", "dft_relax", relaxed)) is not None:
        found.evidence.append(evidence.relaxation(relaxation))
    state = found.keep("static", "dft_energy", ground)
    if state is not None:
        found.evidence += [evidence.energy(state), evidence.magnetism(state)]
    line = found.keep("bands", "dft_band_gap", lambda place: bands(place, state))
    mesh = None if state is None else mesh_bands(folder / "static", state)
    if line is not None:
        found.evidence += evidence.gaps(line, mesh)
        if line.path:
            found.evidence += evidence.masses(line)
    elif mesh is not None and not (folder / "bands").is_dir():
        found.evidence += evidence.gaps(mesh)
    if (vibrations := found.keep("phonon", "dft_phonon_gamma", gamma_modes)) is not None:
        found.evidence.append(evidence.stability(vibrations))
    if (relaxation := found.keep("mp_relax", "dft_mp_relax", relaxed)) is not None:
        found.evidence.append(evidence.relaxation(relaxation, "dft_mp_relax"))
    if (folder / "mp_static").is_dir():
        found.evidence += hull_evidence(folder / "mp_static", hull, found.relaxation_of("mp_static"))
    return found
