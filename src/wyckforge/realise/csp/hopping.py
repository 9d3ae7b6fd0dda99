"""Basin hopping over the free parameters of a structure: perturb, relax, accept or go back (Wales and Doye, 1997).

D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997), for clusters; here the hops move only what the space
group leaves free, strains of the cell included, so that every structure has the symmetry of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.potential.contract import Array, Potential, PotentialError
from wyckforge.realise.build import MIN_DISTANCE_ANGSTROM, shortest_distance
from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.csp.config import HopConfig
from wyckforge.realise.freedom import Freedom
from wyckforge.realise.relax import Relaxation, relax
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect, operations

LONGER, SHORTEST, LONGEST = 1.1, 0.1, 3.0
"""Hops become longer by this factor when they are accepted and shorter when not, so that about half of them are; bounds
in Å."""

ATTEMPTS = 50
"""Perturbations tried until one keeps the atoms apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """One hop.

    Attributes:
        found: where the relaxation of the perturbed structure ended; ``None`` if there was nothing to relax.
        accepted: whether the walk goes on from there.
        reason: why there is no structure, or why it was not accepted.
    """

    found: Relaxation | None
    accepted: bool
    reason: str = ""


def hops(
    start: Crystal,
    energy_ev_per_atom: float,
    potential: Potential,
    rng: np.random.Generator,
    *,
    hop: HopConfig | None = None,
    relaxation: RelaxConfig | None = None,
) -> Iterator[Hop]:
    """Walk from one relaxed structure to the next, without end.

    Args:
        start: relaxed; its space group and orbits are kept.
        energy_ev_per_atom: its energy.
        potential: who gives energies.
        rng: source of all that is random.
        hop: length and temperature of the hops; the defaults if omitted.
        relaxation: settings of the relaxations; the defaults if omitted.

    Raises:
        StructureError: the start has no symmetry that can be determined.
    """
    hop = hop or HopConfig()
    gene = detect(start).gene.canonical()
    here, energy, length = start, energy_ev_per_atom, hop.step_angstrom
    while True:
        found, reason = None, ""
        try:
            found = relax(perturbed(here, rng, step_angstrom=length, strain=hop.strain), relaxation, potential)
            reason = _refusal(found, energy, rng, hop.temperature_ev_per_atom)
            if not reason and detect(found.crystal).gene.canonical() != gene:
                reason = "the symmetry rose"  # from there on fewer parameters would be free
        except (PotentialError, StructureError) as error:
            reason = str(error)
        accepted = not reason
        yield Hop(found, accepted, reason)
        if found is not None and accepted:
            here, energy = found.crystal, found.energy_ev_per_atom
        length = min(length * LONGER, LONGEST) if accepted else max(length / LONGER, SHORTEST)


def perturbed(crystal: Crystal, rng: np.random.Generator, *, step_angstrom: float, strain: float) -> Crystal:
    """A structure of the same symmetry, all of whose free parameters are changed at random.

    Args:
        crystal: the structure.
        rng: source of all that is random.
        step_angstrom: how far the atom moves that moves farthest.
        strain: standard deviation of every free strain.

    Raises:
        StructureError: no perturbation keeps the atoms apart, or the structure has no symmetry.
    """
    start = detect(crystal).primitive
    freedom = Freedom(start, operations(start))
    for _ in range(ATTEMPTS):
        moved = _placed(freedom, rng, step_angstrom, strain)
        if shortest_distance(moved, within=2 * MIN_DISTANCE_ANGSTROM) >= 2 * MIN_DISTANCE_ANGSTROM:
            return moved
    raise StructureError(f"none of {ATTEMPTS} hops of {step_angstrom:.2f} Å keeps the atoms apart")


def _placed(freedom: Freedom, rng: np.random.Generator, step_angstrom: float, strain: float) -> Crystal:
    parameters: Array = rng.standard_normal(len(freedom))
    n_strains = len(freedom.strains)
    moves = np.concatenate([np.zeros(n_strains), parameters[n_strains:]])
    if farthest := freedom.size(moves, per_strain=0.0):
        moves *= step_angstrom / farthest
    moves[:n_strains] = strain * parameters[:n_strains]
    lattice, coords = freedom.place(moves)
    return Crystal(lattice, freedom.start.numbers, coords)


def _refusal(found: Relaxation, energy: float, rng: np.random.Generator, temperature: float) -> str:
    """Why the walk does not go there; empty if it does (N. Metropolis et al., J. Chem. Phys. 21, 1087 (1953))."""
    if not found.converged:
        return found.reason
    rise = found.energy_ev_per_atom - energy
    if rise > 0 and rng.random() >= np.exp(-rise / temperature):
        return f"{rise:.3f} eV/atom higher"
    return ""
