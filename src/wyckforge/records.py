"""What travels through a design run: a target, candidates, and the evidence gathered about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from wyckforge.errors import TargetError
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import crystal_system

Verdict = Literal["pass", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval; either side may be open-ended.

    Raises:
        TargetError: a bound is NaN, or the lower bound lies above the upper one.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise TargetError(f"interval {self} is empty; give LOW:HIGH with LOW not above HIGH")

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read ``0.5:2.0``, ``:-0.5``, ``143:`` or a single value.

        Raises:
            TargetError: not one of these forms.
        """
        low, colon, high = text.strip().partition(":")
        try:
            if not colon:
                return cls(float(low), float(low))
            bounds = float(low) if low else -math.inf, float(high) if high else math.inf
            if bounds == (-math.inf, math.inf):
                raise ValueError
            return cls(*bounds)
        except ValueError:
            raise TargetError(f"{text!r} is not an interval; write LOW:HIGH, LOW:, :HIGH or one value") from None

    def contains(self, value: float) -> bool:
        """Whether the value lies inside; NaN never does."""
        return self.low <= value <= self.high

    def widened(self, margin: float) -> Interval:
        """The interval with ``margin`` added on both sides."""
        return Interval(self.low - margin, self.high + margin)

    def __str__(self) -> str:
        if self.low == self.high:
            return _shortest(self.low)
        low = "" if self.low == -math.inf else _shortest(self.low)
        high = "" if self.high == math.inf else _shortest(self.high)
        return f"{low}:{high}"


@dataclass(frozen=True, slots=True)
class Target:
    """What the user asks for.

    Property intervals are soft: the model aims at them and later evidence judges them. Everything else is hard:
    :meth:`rejects` holds for every gene that leaves the generator.

    Attributes:
        properties: interval per property name, in the unit of :mod:`wyckforge.properties`.
        space_groups: allowed numbers.
        elements: allowed atomic numbers; ``None`` allows all.
        must_contain: atomic numbers that every gene holds.
        exclude: atomic numbers that no gene holds.
        stoichiometry: formula coefficients in any order, ``(1, 1, 3)``; ``None`` allows all.
        n_elements: number of distinct elements.
        n_atoms: atoms in the conventional cell.

    Raises:
        TargetError: the parts contradict each other.
    """

    properties: Mapping[str, Interval] = field(default_factory=dict)
    space_groups: frozenset[int] = frozenset(range(1, 231))
    elements: frozenset[int] | None = None
    must_contain: frozenset[int] = frozenset()
    exclude: frozenset[int] = frozenset()
    stoichiometry: tuple[int, ...] | None = None
    n_elements: Interval = Interval()
    n_atoms: Interval = Interval()

    def __post_init__(self) -> None:
        if not self.space_groups:
            raise TargetError("no space group is left; the given space groups and crystal systems exclude each other")
        if unknown := sorted(n for n in self.space_groups if not 1 <= n <= 230):
            raise TargetError(f"space group {unknown[0]} given; allowed are 1 to 230")
        self._check_elements()
        self._check_counts()
        if self.stoichiometry is not None:
            divisor = math.gcd(*self.stoichiometry)
            object.__setattr__(self, "stoichiometry", tuple(sorted(n // divisor for n in self.stoichiometry)))

    def _check_elements(self) -> None:
        for number in sorted(self.must_contain | self.exclude | (self.elements or frozenset())):
            if not 1 <= number <= MAX_ATOMIC_NUMBER:
                raise TargetError(f"atomic number {number} given; allowed are 1 to {MAX_ATOMIC_NUMBER}")
        if both := self.must_contain & self.exclude:
            raise TargetError(f"{_symbols(both)} must be contained and is excluded; drop one of the two")
        if self.elements is None:
            return
        if not self.elements:
            raise TargetError("no element is left; allow at least one")
        if outside := self.must_contain - self.elements:
            raise TargetError(
                f"{_symbols(outside)} must be contained but is not among the allowed elements "
                f"{_symbols(self.elements)}; add it to the allowed ones"
            )
        if not self.elements - self.exclude:
            raise TargetError(f"all allowed elements {_symbols(self.elements)} are excluded; allow at least one")

    def _check_counts(self) -> None:
        for what, interval in (("elements", self.n_elements), ("atoms", self.n_atoms)):
            least = max(1.0, interval.low)
            if math.isinf(least) or math.ceil(least) > interval.high:
                raise TargetError(f"{interval} {what} asked for; the interval must hold at least one positive integer")
        counts = self.n_elements
        if self.stoichiometry is not None:
            if not self.stoichiometry or min(self.stoichiometry) < 1:
                raise TargetError(f"stoichiometry {self.stoichiometry} given; allowed are positive whole numbers")
            counts = Interval(len(self.stoichiometry), len(self.stoichiometry))
            if not self.n_elements.contains(counts.low):
                raise TargetError(
                    f"a stoichiometry of {counts} elements with {self.n_elements} elements asked for; "
                    "make the two agree"
                )
        if len(self.must_contain) > counts.high:
            raise TargetError(
                f"{_symbols(self.must_contain)} must be contained with {counts} elements asked for; make the two agree"
            )
        if self.elements is not None and len(allowed := self.elements - self.exclude) < counts.low:
            raise TargetError(
                f"only {_symbols(allowed)} allowed with {counts} elements asked for; allow more or ask for fewer"
            )

    def rejects(self, gene: WyckoffGene) -> str | None:
        """The first hard constraint that the gene breaks, in words, or ``None``."""
        elements = set(gene.elements)
        if gene.space_group not in self.space_groups:
            return f"space group {gene.space_group} ({crystal_system(gene.space_group)}) not asked for"
        if self.elements is not None and not elements <= self.elements:
            return f"{_symbols(elements - self.elements)} not among the allowed elements"
        if missing := self.must_contain - elements:
            return f"{_symbols(missing)} missing"
        if excluded := elements & self.exclude:
            return f"{_symbols(excluded)} excluded"
        if not self.n_elements.contains(len(elements)):
            return f"{len(elements)} elements, asked for {self.n_elements}"
        if not self.n_atoms.contains(gene.n_atoms):
            return f"{gene.n_atoms} atoms in the conventional cell, asked for {self.n_atoms}"
        if self.stoichiometry is not None and tuple(sorted(gene.reduced_composition.values())) != self.stoichiometry:
            return f"stoichiometry of {gene.formula} not {':'.join(map(str, self.stoichiometry))}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary of the constraints that restrict anything."""
        data: dict[str, Any] = {name: str(interval) for name, interval in self.properties.items()}
        if len(self.space_groups) < 230:
            data["space_groups"] = sorted(self.space_groups)
        for name in ("elements", "must_contain", "exclude"):
            if chosen := getattr(self, name):
                data[name] = [symbol(z) for z in sorted(chosen)]
        if self.stoichiometry is not None:
            data["stoichiometry"] = list(self.stoichiometry)
        for name in ("n_elements", "n_atoms"):
            if (interval := getattr(self, name)) != Interval():
                data[name] = str(interval)
        return data


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding about a candidate.

    Attributes:
        stage: the step that found it, ``charge_neutrality``.
        verdict: ``pass``, ``fail``, or ``unknown`` where the step could not tell.
        value: the number behind the verdict, if there is one.
        unit: its unit.
        reason: the finding in words.
        tool: name and version of what computed it.
    """

    stage: str
    verdict: Verdict
    value: float | None = None
    unit: str = ""
    reason: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a gene came from.

    Attributes:
        method: ``prior`` (asked for by its properties), ``seed`` (a perturbed crystal inside the target), ``search``
            (bred from an earlier candidate), or ``unconditional`` (asked for nothing, or any crystal perturbed).
        seed_id: identifier of the perturbed crystal, or of the candidate it was bred from.
        seed_formula: the reduced formula of that.
    """

    method: str
    seed_id: str = ""
    seed_formula: str = ""


@dataclass(frozen=True)
class Candidate:
    """A gene on its way to a proven crystal; every stage returns a new one.

    Attributes:
        id: stable identifier within the run.
        gene: the canonical gene.
        origin: how it was sampled.
        predictions: model predictions by property name, in the unit of :mod:`wyckforge.properties`.
        crystal: the structure, once there is one (conventional cell).
        evidence: findings in the order they were made.
    """

    id: str
    gene: WyckoffGene
    origin: Origin
    predictions: Mapping[str, float] = field(default_factory=dict)
    crystal: Crystal | None = None
    evidence: tuple[Evidence, ...] = ()

    def with_evidence(self, *found: Evidence, crystal: Crystal | None = None) -> Candidate:
        """A copy that carries more evidence and, if given, a new structure."""
        return replace(self, evidence=self.evidence + found, crystal=crystal or self.crystal)

    def find(self, stage: str) -> Evidence | None:
        """The last evidence of a stage."""
        return next((found for found in reversed(self.evidence) if found.stage == stage), None)

    @property
    def findings(self) -> tuple[Evidence, ...]:
        """What counts: the last evidence of each stage, in the order they were made."""
        return tuple(found for found in self.evidence if found is self.find(found.stage))

    @property
    def rejected_by(self) -> Evidence | None:
        """The first of the findings that failed, if any."""
        return next((found for found in self.findings if found.verdict == "fail"), None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; derived fields are added for readers of the file."""
        return {
            "id": self.id,
            "gene": str(self.gene),
            "formula": self.gene.formula,
            "space_group": self.gene.space_group,
            "n_atoms": self.gene.n_atoms,
            "origin": asdict(self.origin),
            "predictions": dict(self.predictions),
            "crystal": self.crystal.to_dict() if self.crystal is not None else None,
            "evidence": [asdict(found) for found in self.evidence],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidate:
        """Inverse of :meth:`to_dict`; derived fields are ignored."""
        return cls(
            id=data["id"],
            gene=WyckoffGene.parse(data["gene"]),
            origin=Origin(**data["origin"]),
            predictions=data["predictions"],
            crystal=Crystal.from_dict(data["crystal"]) if data["crystal"] else None,
            evidence=tuple(Evidence(**found) for found in data["evidence"]),
        )


def _symbols(numbers: frozenset[int] | set[int]) -> str:
    return ", ".join(symbol(number) for number in sorted(numbers))


def _shortest(value: float) -> str:
    """The shortest text that reads back as the same number: ``2``, not ``2.0``."""
    text = f"{value:g}"
    return text if float(text) == value else repr(float(value))
