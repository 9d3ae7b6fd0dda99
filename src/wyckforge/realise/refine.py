"""The second level: crystals near the hull once more, with another potential and its own hull."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wyckforge.errors import StructureError
from wyckforge.realise.config import HullConfig, RefineConfig, RelaxConfig
from wyckforge.realise.corrections import comparable_tool
from wyckforge.realise.placing import Place, chance_of_stability, is_calibrated, place_on_hull
from wyckforge.realise.stages import describe
from wyckforge.records import Candidate, Evidence

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential
    from wyckforge.realise.relax import Relaxation
    from wyckforge.symmetry.crystal import Crystal

REFINED, REFINED_HULL, COST = "refine", "refined_hull", "refine_cost"


@dataclass(frozen=True, slots=True)
class Refine:
    """Evidence ``refine`` (energy, eV/atom) and ``refined_hull`` (eV/atom) by a second potential, and ``stable`` anew.

    Evidence ``refine_cost`` is what it took: calls of the second potential.

    Two potentials err in different ways: what both put near the hull more often is. Candidates that the first potential
    puts far above it are left as they are, and get no evidence.

    Attributes:
        config: which potential, for which candidates.
        relax: when a relaxation is converged; its potential is the first one.
        hull: threshold, and the table of the first hull; the second one's is that of the package.
    """

    config: RefineConfig = field(default_factory=RefineConfig)
    relax: RelaxConfig = field(default_factory=RelaxConfig)
    hull: HullConfig = field(default_factory=HullConfig)

    def __call__(self, candidate: Candidate) -> Candidate:
        """The crystal relaxed by the second potential, or ``unknown`` with the reason."""
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.potential.contract import PotentialError
        from wyckforge.potential.counted import Counted

        relaxed, first = candidate.find("relax"), candidate.find("hull")
        if candidate.crystal is None or relaxed is None or first is None or first.value is None:
            return candidate
        if first.value > self.config.within_ev_per_atom:
            return candidate
        potential = Counted(load_potential(self.config.potential))
        try:
            found = self._relaxed(candidate.crystal, potential)
        except (PotentialError, StructureError) as error:
            refined, crystal = Evidence(REFINED, "unknown", reason=str(error), tool=potential.tool), None
        else:
            refined = describe(REFINED, found, potential.tool)
            crystal = found.crystal if found.converged else None
        cost = Evidence(COST, "pass", float(potential.calls), "calls", tool=potential.tool)
        candidate = candidate.with_evidence(refined, cost, crystal=crystal)
        if refined.value is None:
            return candidate
        place = place_on_hull(
            REFINED_HULL,
            candidate,
            refined,
            HullConfig(threshold_ev_per_atom=self.hull.threshold_ev_per_atom),
            potential,
        )
        tool = comparable_tool(load_potential(self.relax.potential))
        before = Place(first, None, tool, is_calibrated(self.hull, tool))
        converged = relaxed.verdict == refined.verdict == "pass"
        return candidate.with_evidence(place.evidence, *chance_of_stability([before, place], converged=converged))

    def _relaxed(self, crystal: Crystal, potential: Potential) -> Relaxation:
        from wyckforge.realise.relax import relax

        return relax(crystal, self.relax, potential)
