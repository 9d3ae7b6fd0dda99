"""Which of many relaxed structures are the same, and which of them is lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wyckforge.data.structures import to_pymatgen
from wyckforge.records import Candidate
from wyckforge.symmetry.crystal import Crystal

LENGTH, SITE, ANGLE_DEGREES = 0.2, 0.3, 5.0
"""Tolerances of pymatgen's StructureMatcher: its defaults, relative for lengths and sites."""

WINDOW_EV_PER_ATOM = 0.02
"""Structures farther apart in energy are not the same."""


@dataclass(frozen=True, slots=True)
class Found:
    """A structure that one or more tries led to.

    Attributes:
        candidate: the try of least energy that led there.
        hits: ids of all tries that led there, in the order of the tries.
    """

    candidate: Candidate
    hits: tuple[str, ...]


def distinct(candidates: Sequence[Candidate]) -> list[Found]:
    """The distinct converged structures, the lowest energy per atom first.

    Args:
        candidates: with evidence ``relax``; those without a converged structure are left out.
    """
    order = {candidate.id: place for place, candidate in enumerate(candidates)}
    groups: list[list[Candidate]] = []
    for candidate in sorted(filter(is_relaxed, candidates), key=lambda one: (energy(one), order[one.id])):
        for group in groups:
            if energy(candidate) - energy(group[0]) <= WINDOW_EV_PER_ATOM and _same(candidate, group[0]):
                group.append(candidate)
                break
        else:
            groups.append([candidate])
    return [Found(group[0], tuple(sorted((one.id for one in group), key=order.__getitem__))) for group in groups]


def same_structure(one: Crystal, other: Crystal) -> bool:
    """Whether two crystals are the same, up to scale, by pymatgen's StructureMatcher with its default tolerances."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher(ltol=LENGTH, stol=SITE, angle_tol=ANGLE_DEGREES)
    return bool(matcher.fit(to_pymatgen(one), to_pymatgen(other)))


def is_relaxed(candidate: Candidate) -> bool:
    """Whether a relaxation has converged."""
    found = candidate.find("relax")
    return candidate.crystal is not None and found is not None and found.verdict == "pass"


def energy(candidate: Candidate) -> float:
    """Energy of a relaxed structure, in eV/atom."""
    found = candidate.find("relax")
    if found is None or found.value is None:
        raise ValueError(f"{candidate.id} has no relaxed energy")
    return found.value


def _same(one: Candidate, other: Candidate) -> bool:
    return one.crystal is not None and other.crystal is not None and same_structure(one.crystal, other.crystal)
