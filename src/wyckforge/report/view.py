"""What the report shows of each candidate, ready for a template or a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY
from wyckforge.records import Candidate, Evidence
from wyckforge.report.load import Run
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.tables import DENOMINATOR, SpaceGroup

UNFINISHED = "This run is not finished. Repeat its command to go on; what is shown is what it has so far."

_SAME_ATOM = 0.1  # images of an atom closer than this, in Å, to another are that atom


@dataclass(frozen=True)
class Site:
    """One row of a sites table: an orbit of the conventional cell and its first atom."""

    element: str
    position: str
    site_symmetry: str
    coordinates: tuple[float, float, float] | None


@dataclass(frozen=True)
class Row:
    """A candidate in the ranked table.

    Attributes:
        rank: 1 for the first.
        candidate: the record itself.
        group: tables of the gene's space group.
        e_hull: energy above the hull in eV/atom, where known.
        relaxed_formation_energy: of the relaxed crystal by the potential, in eV/atom, where known.
    """

    rank: int
    candidate: Candidate
    group: SpaceGroup
    e_hull: float | None
    relaxed_formation_energy: float | None

    @property
    def gap(self) -> float | None:
        """Predicted band gap in eV."""
        return self.predicted(BAND_GAP)

    @property
    def formation_energy(self) -> float | None:
        """Predicted formation energy in eV/atom."""
        return self.predicted(FORMATION_ENERGY)

    @property
    def claimed(self) -> float | None:
        """Probability of meeting the property targets, as the model claims it."""
        return _value(self.candidate, "target")

    @property
    def judged(self) -> float | None:
        """Probability of meeting the property targets, as judged by the relaxed structure."""
        return _value(self.candidate, "judged")

    @property
    def second_hull(self) -> float | None:
        """Energy above hull (eV/atom) by the second potential."""
        return _value(self.candidate, "refined_hull")

    @property
    def stable(self) -> float | None:
        """Probability that DFT finds the crystal near its hull."""
        return _value(self.candidate, "stable")

    @property
    def lowest_mode(self) -> float | None:
        """Lowest frequency (cm⁻¹) of the mesh, or of Γ where there was none."""
        mesh = _value(self.candidate, "phonon_mesh")
        return _value(self.candidate, "phonon_gamma") if mesh is None else mesh

    @property
    def judged_gap(self) -> float | None:
        """Band gap in eV of the relaxed structure, as a forward model judges it."""
        return self.judged_value(BAND_GAP)

    def predicted(self, name: str) -> float | None:
        """A property as the model predicts it of the gene."""
        return self.candidate.predictions.get(name)

    def judged_value(self, name: str) -> float | None:
        """A property of the relaxed structure, as a forward model judges it."""
        return _value(self.candidate, f"judged_{name}")

    @property
    def on_front(self) -> bool:
        """Whether it is on the Pareto front."""
        return self.verdict("pareto") == "pass"

    def verdict(self, stage: str) -> str:
        """Verdict of a stage, or ``none`` where it was not reached."""
        found = self.candidate.find(stage)
        return found.verdict if found else "none"

    def reason(self, stage: str) -> str:
        """The finding of a stage in words."""
        found = self.candidate.find(stage)
        return found.reason if found else "not reached"

    @property
    def outcome(self) -> Evidence | None:
        """The first finding that failed, else the first that stayed unknown."""
        unsure = (found for found in self.candidate.findings if found.verdict == "unknown")
        return self.candidate.rejected_by or next(unsure, None)


def rank_rows(candidates: Iterable[Candidate]) -> list[Row]:
    """The candidates with their ranks, in the order given."""
    return [
        Row(rank, candidate, candidate.gene.table, _value(candidate, "hull"), _value(candidate, "formation_energy"))
        for rank, candidate in enumerate(candidates, start=1)
    ]


def own_properties(rows: Iterable[Row]) -> list[str]:
    """Properties that the model predicts beside gap and formation energy: those it was taught by its user."""
    return sorted({name for row in rows for name in row.candidate.predictions} - {BAND_GAP, FORMATION_ENERGY})


def sites(candidate: Candidate) -> list[Site]:
    """The occupied positions of a candidate.

    The crystal as it is now is analysed again, so the table shows the symmetry it has, not the one it was given;
    without a crystal the gene is all there is.
    """
    from wyckforge.symmetry.detection import detect

    if candidate.crystal is not None:
        try:
            found = detect(candidate.crystal)
        except StructureError:
            pass
        else:
            return detected_sites(found.crystal, found.site_letters, found.gene.table)
    table = candidate.gene.table
    return [_site(z, letter, table, None) for z, letter in candidate.gene.sites]


def cell_parameters(crystal: Crystal) -> tuple[float, ...]:
    """``a, b, c`` in Å and ``α, β, γ`` in degrees."""
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    unit = crystal.lattice / lengths[:, None]
    cosines = [unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]]
    return (*(float(x) for x in lengths), *(float(np.degrees(np.arccos(np.clip(x, -1, 1)))) for x in cosines))


def composition(crystal: Crystal) -> list[tuple[int, int]]:
    """Atomic numbers of a crystal with their counts in one formula unit."""
    counts = Counter(crystal.numbers.tolist())
    divisor = reduce(gcd, counts.values())
    return [(number, count // divisor) for number, count in sorted(counts.items())]


def expected_words(info: Mapping[str, Any]) -> str:
    """The expected hit rate of a run in a sentence; empty where the record has none."""
    expected = info.get("expected")
    if not expected:
        return ""
    return (
        f"Of the {expected['n']} candidates handed over, {expected['rate']:.0%} are expected to meet the property "
        f"targets ({expected['low']:.0%} to {expected['high']:.0%} with 95% probability): the mean of what the model "
        "claims for each, calibrated on crystals that it did not learn from. The best of many claims tend to be too "
        "high."
    )


def pursued(rows: Sequence[Row]) -> list[Row]:
    """The candidates that were realised; all of them where the run stopped before."""
    return realised(rows) or list(rows)


def realised(rows: Sequence[Row]) -> list[Row]:
    """The candidates that were realised."""
    return [row for row in rows if row.verdict("build") != "none"]


def converged_energies(rows: Sequence[Row]) -> list[float]:
    """Energies above the hull (eV/atom) of the crystals whose relaxation converged; others mean nothing yet."""
    return [row.e_hull for row in rows if row.e_hull is not None and row.verdict("relax") == "pass"]


def stage_counts(rows: Sequence[Row], run: Run) -> list[tuple[str, int, str]]:
    """Verdicts of the steps of the realisation: (what passed, how many, what did not)."""
    steps = {
        "build": "built in their group",
        "relax": "relaxed to convergence",
        "symmetry": "kept their symmetry",
        "judged": "on target by their structure",
        "formation_energy": "kept the formation energy asked for",
        "hull": f"within {run.stable_ev_per_atom:g} eV/atom of the hull",
        "refined_hull": "near that of the second potential",
        "phonon_gamma": "no imaginary mode at Γ",
        "phonon_mesh": "no imaginary mode anywhere",
    }
    if FORMATION_ENERGY not in run.info.get("target", {}):
        del steps["formation_energy"]  # what nobody asked for is no step
    counts, reached = [], []
    for stage, label in steps.items():
        verdicts = Counter(row.verdict(stage) for row in rows)
        if verdicts.total() > verdicts["none"]:
            others = (("fail", "failed"), ("unknown", "unknown"))
            lost = ", ".join(f"{verdicts[name]} {words}" for name, words in others if verdicts[name])
            counts.append((label, verdicts["pass"], lost))
            reached.append(stage)
    if "hull" in reached:
        full = sum(all(row.verdict(stage) == "pass" for stage in reached) for row in rows)
        counts.append(("all of these", full, ""))
    return counts


def _value(candidate: Candidate, stage: str) -> float | None:
    found = candidate.find(stage)
    return found.value if found else None


def detected_sites(crystal: Crystal, letters: Sequence[str], table: SpaceGroup) -> list[Site]:
    """One row per orbit, with the first atom of it.

    Args:
        crystal: conventional cell in the standard setting.
        letters: Wyckoff letter of each atom.
        table: of its space group.
    """
    rotations, shifts = table.operators[:, :, :3], table.operators[:, :, 3] / DENOMINATOR
    left = np.ones(len(crystal), dtype=np.bool_)
    rows = []
    for i, (number, letter) in enumerate(zip(crystal.numbers.tolist(), letters, strict=True)):
        if left[i]:
            images = rotations @ crystal.frac_coords[i] + shifts
            apart = crystal.frac_coords[:, None] - images[None]
            apart -= np.rint(apart)
            left &= np.linalg.norm(apart @ crystal.lattice, axis=-1).min(axis=1) > _SAME_ATOM
            x, y, z = (crystal.frac_coords[i].round(6) % 1.0).tolist()
            rows.append(_site(number, letter, table, (x, y, z)))
    return sorted(rows, key=lambda row: row.element)


def _site(number: int, letter: str, table: SpaceGroup, at: tuple[float, float, float] | None) -> Site:
    return Site(symbol(number), f"{table.multiplicity(letter)}{letter}", table.site_symmetry(letter), at)
