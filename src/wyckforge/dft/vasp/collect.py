"""From the folders of a chain to results and evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from wyckforge.dft import evidence
from wyckforge.dft.results import Result
from wyckforge.dft.vasp.hull import CORRECTED_ENERGIES, hull_evidence
from wyckforge.dft.vasp.modes import gamma_modes
from wyckforge.dft.vasp.outputs import bands, ground, mesh_bands, relaxed
from wyckforge.dft.vasp.reading import OutputError, guarded
from wyckforge.realise.reference import require_same_tool
from wyckforge.records import Evidence

if TYPE_CHECKING:
    from wyckforge.realise.hull import ReferenceHull

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
        found.evidence.append(evidence.relaxation(relaxation))
    state = found.keep("static", "dft_energy", folder / "static", ground)
    if state is not None:
        found.evidence += [evidence.energy(state), evidence.magnetism(state)]
    line = found.keep("bands", "dft_band_gap", folder / "bands", lambda place: bands(place, state))
    mesh = None if state is None else mesh_bands(folder / "static", state)
    if line is not None:
        found.evidence += evidence.gaps(line, mesh)
        if line.path:
            found.evidence += evidence.masses(line)
    elif mesh is not None and not (folder / "bands").is_dir():
        found.evidence += evidence.gaps(mesh)
    if (vibrations := found.keep("phonon", "dft_phonon_gamma", folder / "phonon", gamma_modes)) is not None:
        found.evidence.append(evidence.stability(vibrations))
    if (relaxation := found.keep("mp_relax", "dft_mp_relax", folder / "mp_relax", relaxed)) is not None:
        found.evidence.append(evidence.relaxation(relaxation, "dft_mp_relax"))
    if (folder / "mp_static").is_dir():
        found.evidence += hull_evidence(folder / "mp_static", hull)
    return found
