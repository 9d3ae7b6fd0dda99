"""What finished VASP folders hold, as the result types that all engines share.

A run that was killed, did not converge, or is of another kind than it should be has no result: :class:`OutputError
<wyckforge.dft.vasp.reading.OutputError>` says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wyckforge.dft.bands import edges
from wyckforge.dft.results import Bands, Ground, PathPiece, Relaxed
from wyckforge.dft.vasp.identity import require_poscar, same_cell
from wyckforge.dft.vasp.reading import OutputError, find, guarded, lines, refuse_document_type
from wyckforge.dft.vasp.sets import crystal_of
from wyckforge.potential.contract import Array

if TYPE_CHECKING:
    from pymatgen.io.vasp import Vasprun

    from wyckforge.symmetry.crystal import Crystal

GPA_PER_KBAR = 0.1

COUNT_TOLERANCE = 0.01
"""How far occupations may sum up to another number of electrons than there are."""

LINEAR_RESPONSE = (7, 8)
"""IBRION of runs that have the cycles of all perturbations in one step, so that their number tells nothing."""


def finished(folder: Path, *, dos: bool = False) -> Vasprun:
    """The vasprun.xml of a run that :func:`ended`, and that began with the POSCAR beside it.

    Args:
        folder: of the run.
        dos: read the density of states too, which alone knows the Fermi energy.

    Raises:
        OutputError: as :func:`ended`, or the run is of another crystal than POSCAR.
    """
    run = ended(folder, dos=dos)
    require_poscar(crystal_of(run.initial_structure), folder)
    return run


def ended(folder: Path, *, dos: bool = False) -> Vasprun:
    """The vasprun.xml of a run that ended, with its last electronic cycle converged, whatever POSCAR has become since.

    Args:
        folder: of the run.
        dos: read the density of states too, which alone knows the Fermi energy.

    Raises:
        OutputError: there is none, it is cut short, or its field did not converge.
    """
    from pymatgen.io.vasp import Vasprun

    path = find(folder, "vasprun.xml")
    refuse_document_type(path)
    run = guarded(path, lambda file: Vasprun(str(file), parse_dos=dos, parse_potcar_file=False))
    if not run.ionic_steps:
        raise OutputError(f"{path} holds no finished ionic step")
    responds = run.parameters.get("IBRION") in LINEAR_RESPONSE
    if _stopped_early(folder) if responds else not guarded(path, lambda _: run.converged_electronic):
        raise OutputError(f"the field in {folder} did not converge in {run.parameters.get('NELM')} cycles")
    return run


def tool(run: Vasprun) -> str:
    """Name and version."""
    return f"VASP {run.vasp_version.strip()}"


def relaxed(folder: Path) -> Relaxed:
    """A relaxation, converged or not.

    Raises:
        OutputError: there is no result.
    """
    run = finished(folder)
    last = run.ionic_steps[-1]
    if run.parameters.get("NSW", 0) < 1 or "forces" not in last:
        raise OutputError(f"the run in {folder} is no relaxation")
    force = float(np.linalg.norm(last["forces"], axis=1).max())
    asked = -run.parameters.get("EDIFFG", 0.0)  # of the force; where it is negative, of the energy
    return Relaxed(
        crystal=crystal_of(run.final_structure),
        energy_ev=energy_ev(run, folder),
        max_force_ev_per_angstrom=force,
        max_stress_gpa=float(np.abs(last["stress"]).max()) * GPA_PER_KBAR if "stress" in last else 0.0,
        converged=bool(run.converged_ionic) and (asked <= 0 or force <= asked),
        steps=len(run.ionic_steps),
        tool=tool(run),
    )


def ground(folder: Path) -> Ground:
    """The ground state of a static run.

    Raises:
        OutputError: there is no result.
    """
    run = finished(folder, dos=True)
    mesh = run.kpoints.kpts[0]
    if run.kpoints.style.name not in ("Gamma", "Monkhorst"):
        raise OutputError(f"the run in {folder} is no ground state on a mesh of k points")
    crystal = crystal_of(run.final_structure)
    electrons = _electrons(run, folder)
    fermi_ev = _fermi_ev(run)
    return Ground(
        crystal=crystal,
        energy_ev=energy_ev(run, folder),
        electrons=electrons,
        fermi_ev=fermi_ev,
        k_mesh=tuple(int(number) for number in mesh),
        cutoff_ev=float(run.parameters["ENMAX"]),
        moment_bohr=electrons[0] - electrons[1] if len(electrons) == 2 else 0.0,
        site_moments_bohr=site_moments(folder, len(crystal)) if len(electrons) == 2 else None,
        hubbard_ev={element: float(u) for element, u in run.hubbards.items() if u},
        tool=tool(run),
        mesh_gap_ev=edges.gap_ev(_on_mesh(run, crystal, electrons, fermi_ev)),
    )


def bands(folder: Path, state: Ground | None) -> Bands:
    """Bands along a path, in the field of a ground state.

    Args:
        folder: of the run along the path.
        state: in whose field; without it, only a run without spin polarisation tells its electrons.

    Raises:
        OutputError: there is no result, or it is of another crystal than the ground state.
    """
    run = finished(folder)
    crystal = crystal_of(run.final_structure)
    if state is not None and not same_cell(crystal, state.crystal):
        raise OutputError(f"the bands in {folder} are of another cell than the ground state; compute one of them anew")
    channels = len(run.eigenvalues or ())
    if state is not None and len(state.electrons) == channels:
        electrons = state.electrons
    elif channels == 1:
        electrons = (float(run.parameters["NELECT"]),)
    else:
        raise OutputError(f"without its ground state, the electrons of each spin in {folder} are not known")
    fermi = None if state is None else state.fermi_ev
    return _bands(run, crystal, electrons, fermi, path=_pieces(folder, len(run.actual_kpoints)), weights=None)


def mesh_bands(folder: Path, state: Ground) -> Bands:
    """The bands of a ground state on its own mesh.

    Raises:
        OutputError: there is no result.
    """
    return _on_mesh(finished(folder), state.crystal, state.electrons, state.fermi_ev)


def metallic(folder: Path) -> bool:
    """Whether there is no gap on the mesh of a run; not where the run cannot tell."""
    try:
        return bool(edges.find_edges(guarded(folder, _own_mesh)).metal)
    except (OutputError, edges.BandsError):
        return False


def site_moments(folder: Path, n_atoms: int) -> Array | None:
    """(n,) moments of the atoms in μB, those within their spheres; None where OUTCAR does not hold those of all."""
    from pymatgen.io.vasp import Outcar

    try:
        outcar = guarded(find(folder, "OUTCAR"), lambda file: Outcar(str(file)))
    except OutputError:
        return None
    moments = [one["tot"] for one in outcar.magnetization]
    return np.array(moments, np.float64) if len(moments) == n_atoms else None


def energy_ev(run: Vasprun, folder: Path) -> float:
    """Energy of the cell, extrapolated to no smearing.

    Raises:
        OutputError: it is no number.
    """
    energy = float(run.final_energy)
    if not np.isfinite(energy):
        raise OutputError(f"the run in {folder} has no energy")
    return energy


def spinor(run: Vasprun) -> bool:
    """Whether a band holds one electron."""
    return bool(run.parameters.get("LSORBIT") or run.parameters.get("LNONCOLLINEAR"))


def _stopped_early(folder: Path) -> bool:
    """Whether a cycle ended without convergence, by OUTCAR if it is there."""
    try:
        path = find(folder, "OUTCAR")
    except OutputError:
        return False
    return guarded(path, lambda file: any(b"EDIFF was not reached" in line for line in lines(file)))


def _electrons(run: Vasprun, folder: Path) -> tuple[float, ...]:
    """Electrons per spin channel, by the occupations on the mesh."""
    weights = np.array(run.actual_kpoints_weights, np.float64)
    values = _by_spin(run)[..., 1]  # (s, k, b)
    per_band = 2.0 if len(values) == 1 and not spinor(run) else 1.0
    counts = per_band * np.einsum("skb,k->s", values, weights / weights.sum())
    if abs(counts.sum() - run.parameters["NELECT"]) > COUNT_TOLERANCE:
        raise OutputError(
            f"occupations in {folder} hold {counts.sum():.3f} electrons instead of {run.parameters['NELECT']:g}"
        )
    return tuple(float(count) for count in counts)


def _fermi_ev(run: Vasprun) -> float:
    """The Fermi energy; where the run does not tell it, the middle between filled and empty states."""
    if run.efermi is not None:
        return float(run.efermi)
    energies, filling = np.moveaxis(_by_spin(run), -1, 0)
    return float(energies[filling > 0.5].max() + energies[filling <= 0.5].min()) / 2


def _bands(
    run: Vasprun,
    crystal: Crystal,
    electrons: tuple[float, ...],
    fermi_ev: float | None,
    *,
    path: tuple[PathPiece, ...],
    weights: Array | None,
) -> Bands:
    return Bands(
        crystal=crystal,
        k_points=np.array(run.actual_kpoints, np.float64),
        energies=np.sort(_by_spin(run)[..., 0], axis=-1),
        electrons=electrons,
        fermi_ev=fermi_ev,
        path=path,
        weights=weights,
        spinor=spinor(run),
        tool=tool(run),
    )


def _on_mesh(run: Vasprun, crystal: Crystal, electrons: tuple[float, ...], fermi_ev: float) -> Bands:
    weights = np.array(run.actual_kpoints_weights, np.float64)
    return _bands(run, crystal, electrons, fermi_ev, path=(), weights=weights / weights.sum())


def _own_mesh(folder: Path) -> Bands:
    run = finished(folder)
    return _on_mesh(run, crystal_of(run.final_structure), _electrons(run, folder), _fermi_ev(run))


def _by_spin(run: Vasprun) -> Array:
    """(s, k, b, 2) energies and occupations; up before down."""
    values: Any = run.eigenvalues
    if not values:
        raise OutputError("the run holds no eigenvalues")
    return np.array([values[spin] for spin in sorted(values, key=int, reverse=True)], np.float64)


def _pieces(folder: Path, n_points: int) -> tuple[PathPiece, ...]:
    """The pieces of a path by its KPOINTS in line mode; none where the points are others."""
    from pymatgen.io.vasp import Kpoints

    try:
        kpoints = guarded(find(folder, "KPOINTS"), lambda file: Kpoints.from_file(str(file)))
    except OutputError:
        return ()
    each, labels = int(kpoints.num_kpts), kpoints.labels
    if kpoints.style.name != "Line_mode" or not labels or n_points != each * len(labels) // 2:
        return ()
    ends = list(zip(labels[::2], labels[1::2], strict=True))
    return tuple(PathPiece(pair, place * each, (place + 1) * each) for place, pair in enumerate(ends))
