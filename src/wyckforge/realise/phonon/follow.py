"""From an unstable crystal to a stable one: freeze the unstable mode in, relax in the subgroup, test again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.potential.contract import Potential, PotentialError
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.budget import GivenUp, Limited
from wyckforge.realise.phonon.patterns import Pattern, patterns
from wyckforge.realise.phonon.stability import Study, study
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.symmetry.crystal import Crystal

AMPLITUDES_ANGSTROM = (0.05, 0.1, 0.2, 0.4)
"""Displacements of the atom that moves most, tried one after another while the energy falls."""

LEAST_GAIN_EV_PER_ATOM = 1e-5
"""Energies in single precision tell no less apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """A chain of crystals, each made from an unstable mode of the one before.

    Attributes:
        studies: of the parent, its child, and so on.
        calls: evaluations of the potential, without those of the first study.
        reason: why the last crystal was not followed further; empty if it is stable.
    """

    studies: tuple[Study, ...]
    calls: int
    reason: str = ""

    @property
    def gain_ev_per_atom(self) -> float:
        """By how much the energy of the last crystal lies below that of the first; zero where nothing was gained."""
        first, last = (one.relaxation for one in (self.studies[0], self.studies[-1]))
        return first.energy_ev_per_atom - last.energy_ev_per_atom if first and last else 0.0


def study_and_follow(crystal: Crystal, config: PhononConfig, potential: Potential) -> Following:
    """Study a crystal and, where the settings say so, follow its unstable modes, all within ``config.max_seconds``.

    Args:
        crystal: in any cell.
        config: settings.
        potential: who gives energies and forces.
    """
    deadline = time.monotonic() + config.max_seconds
    first = study(crystal, config, potential, deadline=deadline)
    return follow(first, config, potential, deadline=deadline) if config.follow else Following((first,), 0)


def follow(parent: Study, config: PhononConfig, potential: Potential, *, deadline: float | None = None) -> Following:
    """Follow the lowest unstable mode, that of the child, and so on.

    The mode is frozen in along each direction of high symmetry that degenerate modes offer, the result is relaxed in
    the group that remains, and the lowest energy wins.

    Args:
        parent: what :func:`wyckforge.realise.phonon.stability.study` found.
        config: settings; they bound the generations and the directions.
        potential: the one of the study.
        deadline: value of ``time.monotonic`` after which no call of the potential begins; ``config.max_seconds`` from
            now if omitted.
    """
    limited = Limited(potential, time.monotonic() + config.max_seconds if deadline is None else deadline)
    studies = [parent]
    try:
        while studies[-1].verdict.stability == "unstable" and len(studies) <= config.max_generations:
            child = _best_child(studies[-1], config, limited)
            studies.append(study(child.crystal, config, limited, deadline=limited.deadline))
    except GivenUp as given_up:
        return Following(tuple(studies), limited.calls, str(given_up))
    last = studies[-1].verdict
    reasons = {"stable": "", "unstable": f"still unstable; generations allowed: {config.max_generations}"}
    return Following(tuple(studies), limited.calls, reasons.get(last.stability, last.reason))


def _best_child(parent: Study, config: PhononConfig, potential: Potential) -> Relaxation:
    """The converged child of lowest energy.

    Raises:
        GivenUp: there is none, or the time is spent.
    """
    mode, before = parent.verdict, parent.relaxation
    if before is None or mode.dynamics is None or mode.q_point is None:
        raise GivenUp("there is no mode to follow")
    try:
        supercell, found = patterns(mode.dynamics, mode.q_point)
    except StructureError as error:
        raise GivenUp(str(error)) from error
    children, reason = [], ""
    for pattern in found[: config.max_directions]:
        for sign in pattern.signs:
            try:
                child = relax(_downhill(supercell, pattern, sign, potential), config.relax, potential)
            except (PotentialError, StructureError) as error:
                reason = f"the distorted crystal has no energy: {error}"
                continue
            if child.converged:
                children.append(child)
            else:
                reason = f"the distorted crystal did not relax: {child.reason}"
    best = min(children, key=lambda one: one.energy_ev_per_atom, default=None)
    if best is None:
        raise GivenUp(reason)
    if before.energy_ev_per_atom - best.energy_ev_per_atom < LEAST_GAIN_EV_PER_ATOM:
        raise GivenUp("no distortion along the mode lowers the energy")
    return best


def _downhill(supercell: Crystal, pattern: Pattern, sign: int, potential: Potential) -> Crystal:
    """The distorted crystal of lowest energy."""
    moves = sign * pattern.moves @ np.linalg.inv(supercell.lattice)
    best, lowest = supercell, np.inf
    for amplitude in AMPLITUDES_ANGSTROM:
        moved = Crystal(supercell.lattice, supercell.numbers, supercell.frac_coords + amplitude * moves)
        energy = potential.evaluate(moved.lattice, moved.numbers, moved.frac_coords).energy_ev
        if energy >= lowest:
            break
        best, lowest = moved, energy
    return best
