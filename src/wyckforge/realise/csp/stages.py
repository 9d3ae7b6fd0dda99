"""The steps of a structure prediction that design runs do not have: further starts of a gene, and basin hopping."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from wyckforge.realise.config import RelaxConfig
from wyckforge.realise.csp.config import HopConfig
from wyckforge.realise.stages import Build, seed_of
from wyckforge.records import Candidate, Evidence

if TYPE_CHECKING:
    from wyckforge.realise.starts import Start

VISIT = "visit"
"""Stage name of the evidence that says the how many-th start of its gene a try is, from 1."""


class BuildNext(Build):
    """The next of the distinct starts of a gene, which all come from one seed; evidence ``build``.

    A start that cannot be built is a failure of that try alone: the next is another draw.
    """

    def _start(self, candidate: Candidate) -> Start:
        from wyckforge.realise.starts import nth_start

        visit = candidate.find(VISIT)
        number = int(visit.value) if visit is not None and visit.value else 1
        seed = seed_of(replace(candidate, id=str(candidate.gene)), self.seed)
        return nth_start(candidate.gene, seed=seed, number=number, config=self.config)


@dataclass(frozen=True, slots=True)
class Walk:
    """A relaxed structure to the lowest one of a basin-hopping walk; evidence ``relax`` and ``relax_cost`` anew.

    Attributes:
        seed: seed of the run.
        hop: number, length and temperature of the hops.
        relax: settings of the relaxations.
    """

    seed: int
    hop: HopConfig = field(default_factory=HopConfig)
    relax: RelaxConfig = field(default_factory=RelaxConfig)

    def __call__(self, candidate: Candidate) -> Candidate:
        """The lowest converged structure; ``unknown`` if no hop found a lower one than the start."""
        import numpy as np

        from wyckforge.potential.catalogue import load_potential
        from wyckforge.realise.csp.hopping import hops

        relaxed = candidate.find("relax")
        if candidate.crystal is None or relaxed is None or relaxed.value is None:
            return candidate.with_evidence(Evidence("relax", "unknown", reason="there is no relaxed structure"))
        potential = load_potential(self.relax.potential)
        rng = np.random.default_rng(seed_of(candidate, self.seed))
        walk = hops(candidate.crystal, relaxed.value, potential, rng, hop=self.hop, relaxation=self.relax)
        done = list(islice(walk, self.hop.hops))
        found = [hop.found for hop in done if hop.found is not None]
        cost = Evidence("relax_cost", "pass", float(sum(one.calls for one in found)), "calls", tool=potential.tool)
        lower = [one for one in found if one.converged and one.energy_ev_per_atom < relaxed.value]
        accepted = f"{sum(hop.accepted for hop in done)} of {self.hop.hops} hops accepted"
        if not lower:
            reason = f"no structure lower than the start; {accepted}"
            return candidate.with_evidence(Evidence("relax", "unknown", reason=reason, tool=potential.tool), cost)
        best = min(lower, key=lambda one: one.energy_ev_per_atom)
        return candidate.with_evidence(
            Evidence("relax", "pass", best.energy_ev_per_atom, "eV/atom", accepted, potential.tool),
            cost,
            crystal=best.crystal,
        )
