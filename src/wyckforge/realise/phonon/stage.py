"""Phonons as a stage of a design run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wyckforge.realise.config import PhononConfig
from wyckforge.realise.refine import REFINED_HULL
from wyckforge.records import Candidate, Evidence, Verdict

if TYPE_CHECKING:
    from wyckforge.realise.phonon.follow import Following
    from wyckforge.realise.phonon.stability import Study

GAMMA, MESH, COST, FOLLOW = "phonon_gamma", "phonon_mesh", "phonon_cost", "phonon_follow"

_VERDICTS: dict[str, Verdict] = {"stable": "pass", "unstable": "fail", "unknown": "unknown"}


def near_hull(candidate: Candidate) -> bool:
    """Whether every hull that the candidate was placed on lets it through, and there is one."""
    placed = [found for stage in ("hull", REFINED_HULL) if (found := candidate.find(stage)) is not None]
    return bool(placed) and all(found.verdict == "pass" for found in placed)


@dataclass(frozen=True, slots=True)
class Phonons:
    """Dynamic stability of the relaxed crystal.

    Evidence ``phonon_gamma`` and ``phonon_mesh`` (lowest frequency in cm⁻¹), ``phonon_cost`` (calls of the potential)
    and, where an unstable mode was followed, ``phonon_follow`` (energy gained in eV/atom). The candidate keeps its
    crystal: what a mode leads to is another one.

    Attributes:
        config: settings.
    """

    config: PhononConfig = field(default_factory=PhononConfig)

    def __call__(self, candidate: Candidate) -> Candidate:
        """The candidate with the evidence; ``unknown`` with the reason where there is no answer."""
        if candidate.crystal is None:
            reason = "there is no structure"
            stages = (GAMMA, MESH) if self.config.mesh else (GAMMA,)
            return candidate.with_evidence(*(Evidence(stage, "unknown", reason=reason) for stage in stages))
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.realise.phonon.follow import study_and_follow

        potential = load_potential(self.config.relax.potential)
        chain = study_and_follow(candidate.crystal, self.config, potential)
        found = chain.studies[0]
        evidence = self._tests(found)
        if self.config.follow and found.verdict.stability == "unstable":
            evidence.append(_followed(chain))
        calls, reason = float(found.calls + chain.calls), f"{found.displacements} of them displacements"
        cost = Evidence(COST, "pass", calls, "calls", reason, found.tool)
        return candidate.with_evidence(*evidence, cost)

    def _tests(self, found: Study) -> list[Evidence]:
        from wyckforge.realise.phonon.record import describe, tool

        tests = {GAMMA: found.gamma} | ({MESH: found.mesh} if found.mesh else {})
        return [
            Evidence(
                stage,
                _VERDICTS[test.stability],
                test.lowest_per_cm,
                "cm⁻¹" if test.lowest_per_cm is not None else "",
                describe(test, self.config),
                tool(found),
            )
            for stage, test in tests.items()
        ]


def _followed(chain: Following) -> Evidence:
    """``pass`` where the chain ends in a stable crystal."""
    from wyckforge.realise.phonon.record import tool

    last = chain.studies[-1]
    verdict: Verdict = "pass" if last.verdict.stability == "stable" else "unknown"
    reason = " → ".join(one.gene for one in chain.studies) + (f"; {chain.reason}" if chain.reason else "")
    return Evidence(FOLLOW, verdict, chain.gain_ev_per_atom, "eV/atom", reason, tool(last))
