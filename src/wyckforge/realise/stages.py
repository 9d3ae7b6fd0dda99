"""The steps from a gene to a crystal with an energy above hull, as functions of a candidate.

Each stage is a small picklable object: called with a candidate, it returns a new one with evidence. Whatever goes wrong
becomes evidence with a reason. Seeds derive from the candidate's id, so neither order nor worker count matters.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wyckforge.errors import StructureError, TableError
from wyckforge.realise.config import BuildConfig, HullConfig, RelaxConfig
from wyckforge.records import Candidate, Evidence, Interval, Verdict

if TYPE_CHECKING:
    from wyckforge.realise.relax import Relaxation
    from wyckforge.symmetry.crystal import Crystal

# The strict tolerance decides; the loose one tells a slight distortion from a change of symmetry.
SYMPREC, LOOSE_SYMPREC = 0.01, 0.1


def seed_of(candidate: Candidate, run_seed: int, start: int = 0) -> int:
    """A seed of its own for every candidate and start of a run."""
    digest = hashlib.sha256(f"{run_seed}/{candidate.id}/{start}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


@dataclass(frozen=True, slots=True)
class Build:
    """Gene to trial structure; evidence ``build`` (value: atoms in the conventional cell).

    Attributes:
        seed: seed of the run.
        config: how hard to try.
    """

    seed: int
    config: BuildConfig = field(default_factory=BuildConfig)

    def __call__(self, candidate: Candidate) -> Candidate:
        """A structure with the gene's symmetry, or ``fail`` with the reason."""
        from wyckforge.realise.build import BuildFailure, build, tool

        try:
            crystal = build(candidate.gene, seed=seed_of(candidate, self.seed), config=self.config)
        except BuildFailure as error:
            return candidate.with_evidence(Evidence("build", "fail", reason=str(error), tool=tool()))
        found = Evidence("build", "pass", len(crystal), "atoms", "has the symmetry of the gene", tool())
        return candidate.with_evidence(found, crystal=crystal)


@dataclass(frozen=True, slots=True)
class Relax:
    """Trial structure to relaxed crystal; evidence ``relax`` (energy in eV/atom) and ``relax_cost`` (potential calls).

    With several starts, further structures are built for genes with free coordinates, and the converged one of least
    energy is kept. What has not converged has the verdict ``unknown``.

    Attributes:
        seed: seed of the run.
        config: settings of the relaxation.
        build: settings for the further starts.
    """

    seed: int
    config: RelaxConfig = field(default_factory=RelaxConfig)
    build: BuildConfig = field(default_factory=BuildConfig)

    def __call__(self, candidate: Candidate) -> Candidate:
        """The relaxed structure with its energy, or ``unknown`` with the reason."""
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.potential.contract import PotentialError
        from wyckforge.realise.build import BuildFailure
        from wyckforge.realise.relax import relax

        if candidate.crystal is None:
            return candidate.with_evidence(Evidence("relax", "unknown", reason="there is no structure to relax"))
        potential = load_potential(self.config.potential)
        found: list[Relaxation] = []
        reason = ""
        for start in range(self.config.starts if candidate.gene.degrees_of_freedom else 1):
            try:
                crystal = candidate.crystal if start == 0 else self._build(candidate, start)
                found.append(relax(crystal, self.config, potential))
            except (BuildFailure, PotentialError, StructureError) as error:
                reason = str(error)
        if not found:
            return candidate.with_evidence(Evidence("relax", "unknown", reason=reason, tool=potential.tool))
        best = min(found, key=lambda one: (not one.converged, one.energy_ev_per_atom))
        limits = f"{best.max_force_ev_per_angstrom:.3f} eV/Å, {best.max_stress_gpa:.2f} GPa"
        return candidate.with_evidence(
            Evidence(
                "relax",
                "pass" if best.converged else "unknown",
                best.energy_ev_per_atom,
                "eV/atom",
                f"converged to {limits}" if best.converged else f"{best.reason} (at {limits})",
                potential.tool,
            ),
            Evidence("relax_cost", "pass", float(sum(one.calls for one in found)), "calls", tool=potential.tool),
            crystal=best.crystal,
        )

    def _build(self, candidate: Candidate, start: int) -> Crystal:
        from wyckforge.realise.build import build

        return build(candidate.gene, seed=seed_of(candidate, self.seed, start), config=self.build)


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Whether the relaxed crystal still has the gene's group; evidence ``symmetry`` (value: the group found).

    Relaxation cannot lose symmetry, but it can gain it, and atoms can move onto other positions of the same group: the
    reason names the gene found where it is not the one asked for.
    """

    def __call__(self, candidate: Candidate) -> Candidate:
        """``pass`` if the group is kept at symprec 0.01; the reason also tells the group at 0.1."""
        import moyopy

        from wyckforge.symmetry.detection import detect

        tool = f"moyopy {moyopy.__version__}"
        if candidate.crystal is None:
            return candidate.with_evidence(Evidence("symmetry", "unknown", reason="there is no structure", tool=tool))
        try:
            found, loose = (detect(candidate.crystal, symprec=p).gene for p in (SYMPREC, LOOSE_SYMPREC))
        except StructureError as error:
            return candidate.with_evidence(Evidence("symmetry", "unknown", reason=str(error), tool=tool))
        wanted, strict = candidate.gene.space_group, found.space_group
        reason = f"asked for {wanted}, found {strict} at symprec {SYMPREC} and {loose.space_group} at {LOOSE_SYMPREC}"
        if found.canonical() != candidate.gene.canonical():
            reason += f"; the gene is now {found.canonical()}"
        verdict: Verdict = "pass" if strict == wanted else "fail"
        return candidate.with_evidence(Evidence("symmetry", verdict, strict, "", reason, tool))


@dataclass(frozen=True, slots=True)
class Hull:
    """Evidence ``formation_energy`` and ``hull`` (eV/atom), the latter with the competing phases as the reason.

    Where it is known what energies above hull of the potentials are worth, ``stable`` follows: the probability that DFT
    finds the crystal stable.

    Without a table of the user, the one of the package for the potential that relaxed the candidate is taken; an energy
    that the table cannot be compared with gives ``unknown``.

    Attributes:
        config: reference table and threshold.
        formation_energy: what the target asks for; the model's prediction got the gene here, the potential judges it.
    """

    config: HullConfig = field(default_factory=HullConfig)
    formation_energy: Interval = field(default_factory=Interval)

    def __call__(self, candidate: Candidate) -> Candidate:
        """``pass`` inside the target and at or below the threshold; ``unknown`` if not converged or not comparable."""
        from wyckforge.realise.corrections import comparable_energy, comparable_tool
        from wyckforge.realise.hull import shared_hull, tool
        from wyckforge.realise.reference import bundled_table

        relaxed = candidate.find("relax")
        if relaxed is None or relaxed.value is None or candidate.crystal is None:
            return candidate.with_evidence(
                Evidence("hull", "unknown", reason="there is no relaxed energy", tool=tool())
            )
        try:
            potential = comparable_tool(relaxed.tool)
            energy = comparable_energy(relaxed.value, candidate.crystal, relaxed.tool)
            reference = shared_hull(Path(self.config.reference) if self.config.reference else bundled_table(potential))
            result = reference.energy_above_hull(candidate.gene.composition, energy, tool=potential)
        except TableError as error:
            return candidate.with_evidence(Evidence("hull", "unknown", reason=str(error), tool=tool()))
        if result.value is None or result.formation_energy is None:
            return candidate.with_evidence(Evidence("hull", "unknown", reason=result.reason, tool=tool()))
        against = " + ".join(f"{share:.2f} {formula}" for formula, share in result.decomposition)
        reason = f"against {against}"
        if relaxed.verdict != "pass":
            reason += "; the relaxation did not converge"
        inside = self.formation_energy.contains(result.formation_energy)
        stable = result.value <= self.config.threshold_ev_per_atom
        return candidate.with_evidence(
            Evidence(
                "formation_energy",
                _verdict(relaxed, inside),
                result.formation_energy,
                "eV/atom",
                "of the relaxed crystal" + ("" if inside else f"; asked for {self.formation_energy}"),
                potential,
            ),
            Evidence("hull", _verdict(relaxed, stable), result.value, "eV/atom", reason, tool()),
            *self._stable(candidate.crystal, {potential: result.value}, converged=relaxed.verdict == "pass"),
        )

    def _stable(self, crystal: Crystal, above: dict[str, float], *, converged: bool) -> tuple[Evidence, ...]:
        """What DFT would probably find, with the second opinion where there is one."""
        from wyckforge.potential.contract import PotentialError
        from wyckforge.realise.stability import judge, second_opinion

        remark = ""
        if self.config.second_potential:
            try:
                above = above | second_opinion(self.config.second_potential, crystal)
            except (PotentialError, StructureError, TableError) as error:
                remark = f"; {self.config.second_potential} was not heard: {error}"
        found = judge(above, converged=converged, remark=remark)
        return () if found is None else (found,)


def _verdict(relaxed: Evidence, good: bool) -> Verdict:
    """An energy that has not converged proves nothing."""
    if relaxed.verdict != "pass":
        return "unknown"
    return "pass" if good else "fail"
