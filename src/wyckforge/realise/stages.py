"""The steps from a gene to a crystal with an energy above hull, as functions of a candidate.

Each stage is a small picklable object: called with a candidate, it returns a new one with evidence. Whatever goes wrong
becomes evidence with a reason. Seeds derive from the candidate's id, so neither order nor worker count matters.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from wyckforge.errors import StructureError
from wyckforge.potential.catalogue import DEFAULT
from wyckforge.realise.config import BuildConfig, DesignRelaxConfig, HullConfig
from wyckforge.realise.placing import chance_of_stability, place_on_hull, verdict_on
from wyckforge.records import Candidate, Evidence, Interval, Verdict

if TYPE_CHECKING:
    from wyckforge.potential.contract import Potential
    from wyckforge.realise.relax import Relaxation
    from wyckforge.realise.starts import Start
    from wyckforge.symmetry.crystal import Crystal

SAME_EV_PER_ATOM = 0.001
"""A further start that does not promise to end lower by more than this is given up."""

LOOSE_SYMPREC = 0.1
"""In Å; it tells a slight distortion from a change of symmetry. The tolerance used everywhere else decides."""


def seed_of(candidate: Candidate, run_seed: int) -> int:
    """A seed of its own for every candidate of a run."""
    digest = hashlib.sha256(f"{run_seed}/{candidate.id}".encode()).digest()
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
        from wyckforge.realise.build import BuildFailure, tool

        try:
            start = self._start(candidate)
        except BuildFailure as error:
            return candidate.with_evidence(Evidence("build", "fail", reason=str(error), tool=tool()))
        reason = "has the symmetry of the gene"
        found = Evidence("build", "pass", len(start.crystal), "atoms", reason, start.tool)
        return candidate.with_evidence(found, crystal=start.crystal)

    def _start(self, candidate: Candidate) -> Start:
        from wyckforge.realise.starts import starts

        return next(starts(candidate.gene, seed=seed_of(candidate, self.seed), n=1, config=self.config))


@dataclass(frozen=True, slots=True)
class Relax:
    """Trial structure to relaxed crystal; evidence ``relax`` (energy in eV/atom) and ``relax_cost`` (potential calls).

    With several starts, further structures are built for genes with free coordinates, and the converged one of least
    energy is kept. What has not converged has the verdict ``unknown``.

    Attributes:
        seed: seed of the run.
        config: settings of the relaxation, and how many starts there are.
        build: settings for the further starts.
        hull: how far a start lies above it tells whether a further one is worth its while; ``None`` tries all.
    """

    seed: int
    config: DesignRelaxConfig = field(default_factory=DesignRelaxConfig)
    build: BuildConfig = field(default_factory=BuildConfig)
    hull: HullConfig | None = None

    def __call__(self, candidate: Candidate) -> Candidate:
        """The relaxed structure with its energy, or ``unknown`` with the reason."""
        from wyckforge.potential.catalogue import load_potential
        from wyckforge.potential.contract import PotentialError
        from wyckforge.potential.counted import Counted

        if candidate.crystal is None:
            return candidate.with_evidence(Evidence("relax", "unknown", reason="there is no structure to relax"))
        potential = Counted(load_potential(self.config.potential))
        found: list[Relaxation] = []
        reason = ""
        for crystal in self._starts(candidate):
            try:
                found.append(self._relaxed(crystal, potential, found))
            except (PotentialError, StructureError) as error:
                reason = str(error)
                continue
            if self._settled(candidate, _best(found), potential):
                break
        cost = Evidence("relax_cost", "pass", float(potential.calls), "calls", tool=potential.tool)
        if not found:
            return candidate.with_evidence(Evidence("relax", "unknown", reason=reason, tool=potential.tool), cost)
        best = _best(found)
        return candidate.with_evidence(describe("relax", best, potential.tool), cost, crystal=best.crystal)

    def _settled(self, candidate: Candidate, best: Relaxation, potential: Potential) -> bool:
        """Whether the best start lies so near the hull that another would hardly lie lower, or too far above it."""
        if self.hull is None or not best.converged:
            return False
        here = candidate.with_evidence(crystal=best.crystal)
        relaxed = describe("relax", best, potential.tool)
        height = place_on_hull("hull", here, relaxed, self.hull, potential).evidence.value
        worth = self.config.enough_ev_per_atom, self.config.further_within_ev_per_atom
        return height is not None and not worth[0] < height <= worth[1]

    def _relaxed(self, crystal: Crystal, potential: Potential, before: Sequence[Relaxation]) -> Relaxation:
        """The relaxed structure; one that cannot be expected to end lower than those before is given up."""
        from wyckforge.realise.relax import relax

        least = min((one.energy_ev_per_atom for one in before if one.converged), default=math.inf)
        return relax(crystal, self.config, potential, below_ev_per_atom=least - SAME_EV_PER_ATOM)

    def _starts(self, candidate: Candidate) -> Iterator[Crystal]:
        """The structure that the candidate has, then further ones as long as there are any."""
        from wyckforge.realise.build import BuildFailure
        from wyckforge.realise.starts import starts

        if candidate.crystal is not None:
            yield candidate.crystal
        if candidate.gene.degrees_of_freedom and self.config.starts > 1:
            seed, n = seed_of(candidate, self.seed), self.config.starts
            with suppress(BuildFailure):  # there is one structure, as the candidate shows
                further = islice(starts(candidate.gene, seed=seed, n=n, config=self.build), 1, n)
                yield from (start.crystal for start in further)


def _best(found: Sequence[Relaxation]) -> Relaxation:
    """The converged one of least energy, if there is one."""
    return min(found, key=lambda one: (not one.converged, one.energy_ev_per_atom))


def describe(stage: str, found: Relaxation, tool: str) -> Evidence:
    """Evidence of a stage about a relaxation: its energy, and how far it came."""
    limits = f"{found.max_force_ev_per_angstrom:.3f} eV/Å, {found.max_stress_gpa:.2f} GPa"
    return Evidence(
        stage,
        "pass" if found.converged else "unknown",
        found.energy_ev_per_atom,
        "eV/atom",
        f"converged to {limits}" if found.converged else f"{found.reason} (at {limits})",
        tool,
    )


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Whether the relaxed crystal still has the gene's group; evidence ``symmetry`` (value: the group found).

    Relaxation cannot lose symmetry, but it can gain it, and atoms can move onto other positions of the same group: the
    reason names the gene found where it is not the one asked for.
    """

    def __call__(self, candidate: Candidate) -> Candidate:
        """``pass`` if the group is kept at symprec 0.01; the reason also tells the group at 0.1."""
        import moyopy

        from wyckforge.symmetry.detection import SYMPREC, detect

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

    Without a table of the user, the one of the package for the potential is taken; an energy that the table cannot be
    compared with gives ``unknown``.

    Attributes:
        config: reference table and threshold.
        formation_energy: what the target asks for; the model's prediction got the gene here, the potential judges it.
        potential: name of the one that relaxed the candidate; it knows which corrections its energies lack.
    """

    config: HullConfig = field(default_factory=HullConfig)
    formation_energy: Interval = field(default_factory=Interval)
    potential: str = DEFAULT

    def __call__(self, candidate: Candidate) -> Candidate:
        """``pass`` inside the target and at or below the threshold; ``unknown`` if not converged or not comparable."""
        from wyckforge.potential.catalogue import load_potential

        relaxed = candidate.find("relax") or Evidence("relax", "unknown")
        place = place_on_hull("hull", candidate, relaxed, self.config, load_potential(self.potential))
        if place.formation_energy is None:
            return candidate.with_evidence(place.evidence)
        inside = self.formation_energy.contains(place.formation_energy)
        return candidate.with_evidence(
            Evidence(
                "formation_energy",
                verdict_on(relaxed, inside),
                place.formation_energy,
                "eV/atom",
                "of the relaxed crystal" + ("" if inside else f"; asked for {self.formation_energy}"),
                place.tool,
            ),
            place.evidence,
            *chance_of_stability([place], converged=relaxed.verdict == "pass"),
        )
