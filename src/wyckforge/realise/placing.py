"""Where relaxed energies lie relative to a hull, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wyckforge.errors import TableError
from wyckforge.realise.config import HullConfig
from wyckforge.records import Candidate, Evidence, Verdict

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential


class Place(NamedTuple):
    """Where an energy lies relative to a hull.

    Attributes:
        evidence: about the energy above hull.
        formation_energy: in eV/atom; ``None`` where the hull does not tell.
        tool: what the energy is called among energies that can be compared.
        calibrated: whether the table is one for which it is known what an energy above hull is worth.
    """

    evidence: Evidence
    formation_energy: float | None
    tool: str
    calibrated: bool = False


def place_on_hull(
    stage: str, candidate: Candidate, relaxed: Evidence, config: HullConfig, potential: Potential
) -> Place:
    """Compare a relaxed energy with a hull.

    Args:
        stage: name of the evidence.
        candidate: whose crystal has the energy.
        relaxed: evidence with the energy.
        config: reference table and threshold; without a table, the one of the package for the potential.
        potential: whose energy it is.
    """
    from wyckforge.realise.corrections import comparable_energy, comparable_tool
    from wyckforge.realise.hull import shared_hull, tool
    from wyckforge.realise.reference import bundled_table, bundled_tables, require_same_tool

    compared = comparable_tool(potential)
    if candidate.crystal is None or relaxed.value is None:
        return Place(Evidence(stage, "unknown", reason="there is no relaxed energy", tool=tool()), None, compared)
    try:
        require_same_tool(relaxed.tool, potential.tool, f"the hull of {potential.name!r}")
        energy = comparable_energy(relaxed.value, candidate.crystal, potential)
        reference = shared_hull(Path(config.reference) if config.reference else bundled_table(compared))
        result = reference.energy_above_hull(candidate.gene.composition, energy, tool=compared)
    except TableError as error:
        return Place(Evidence(stage, "unknown", reason=str(error), tool=tool()), None, compared)
    if result.value is None:
        return Place(Evidence(stage, "unknown", reason=result.reason, tool=tool()), None, compared)
    reason = "against " + " + ".join(f"{share:.2f} {formula}" for formula, share in result.decomposition)
    calibrated = is_calibrated(config, compared)
    if not calibrated and compared in bundled_tables():
        reason += f"; no probability of being stable, as {reference.name} lacks phases of the table in the package"
    if relaxed.verdict != "pass":
        reason += "; the relaxation did not converge"
    verdict = verdict_on(relaxed, result.value <= config.threshold_ev_per_atom)
    found = Evidence(stage, verdict, result.value, "eV/atom", reason, tool())
    return Place(found, result.formation_energy, compared, calibrated)


@cache
def is_calibrated(config: HullConfig, tool: str) -> bool:
    """Whether energies above hull are against the table of the package, or a table with all of its phases.

    What they are worth was measured there: a hull with fewer phases lies higher, and promises more.
    """
    from wyckforge.realise.hull import shared_hull
    from wyckforge.realise.reference import bundled_tables

    if (bundled := bundled_tables().get(tool)) is None:
        return False
    return not config.reference or shared_hull(Path(config.reference)).covers(shared_hull(bundled))


def chance_of_stability(places: Sequence[Place], *, converged: bool) -> tuple[Evidence, ...]:
    """Evidence ``stable``, what DFT would probably find, by the calibrated places; none where no fit knows those."""
    from wyckforge.realise.stability import judge

    above = {
        place.tool: place.evidence.value for place in places if place.calibrated and place.evidence.value is not None
    }
    found = judge(above, converged=converged)
    return () if found is None else (found,)


def verdict_on(relaxed: Evidence, good: bool) -> Verdict:
    """A finding about a relaxed energy; an energy that has not converged proves nothing."""
    if relaxed.verdict != "pass":
        return "unknown"
    return "pass" if good else "fail"
