"""The screening funnel: ordered rules on genes, each with the counts of what entered and what passed.

A rule is a function from a candidate to :class:`~wyckforge.records.Evidence`. Candidates stream through; the first
failed rule ends their way. Rules after Yamazaki et al., "Multi-property directed generative design of inorganic
materials through Wyckoff-augmented transfer learning", section on de novo generation: all five filters of it, of which
the last, the hull, is a step of the realisation. They stand in another order, the cheap ones first; who passes them all
is the same. Scores of synthesizability and of being a metal are those of our own classifiers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wyckforge.design.claims import Claims, LaplaceClaims
from wyckforge.design.classified import Rule, not_metallic, synthesizable
from wyckforge.design.config import FunnelConfig
from wyckforge.design.sampling import ConstraintBroken
from wyckforge.errors import TargetError
from wyckforge.models.representation import Rejection
from wyckforge.neutrality import is_neutral, tool, unknown_elements
from wyckforge.properties import BAND_GAP
from wyckforge.records import Candidate, Evidence, Target
from wyckforge.symmetry.elements import F_BLOCK, RADIOACTIVE, atomic_number, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.classifier import bundled_classifier

ANIONS = frozenset(map(atomic_number, ("O", "S", "Se", "Te", "F", "Cl", "Br", "I")))


@dataclass
class StepCount:
    """What one step of the funnel saw.

    Attributes:
        step: name of the rule.
        entered: candidates that reached it.
        passed: candidates that it let through.
        reasons: how often each reason to stop was given.
    """

    step: str
    entered: int = 0
    passed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def record(self, *, passed: bool, reason: str = "") -> None:
        """Count one candidate."""
        self.entered += 1
        if passed:
            self.passed += 1
        else:
            self.reasons[reason] += 1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form with the ten most frequent reasons."""
        return {
            "step": self.step,
            "entered": self.entered,
            "passed": self.passed,
            "reasons": dict(self.reasons.most_common(10)),
        }


class Funnel:
    """Rules in order, and their counts.

    Args:
        rules: pairs of name and rule; a rule may keep state between candidates.
    """

    def __init__(self, rules: Sequence[tuple[str, Rule]]) -> None:
        self.rules = tuple(rules)
        self._valid = StepCount("valid")
        self._constraints = StepCount("constraints")
        self._counts = [StepCount(name) for name, _ in rules]

    @property
    def counts(self) -> tuple[StepCount, ...]:
        """Counts of every step so far: decoding to a valid gene, the hard constraints, then the rules."""
        return (self._valid, self._constraints, *self._counts)

    def screen(self, draws: Iterable[Candidate | Rejection]) -> Iterator[Candidate]:
        """Let draws through.

        Args:
            draws: what the sampler yields.

        Yields:
            The candidates that pass every rule, with one Evidence per rule.
        """
        for draw in draws:
            if isinstance(draw, Rejection):
                self._reject(draw)
                continue
            self._valid.record(passed=True)
            self._constraints.record(passed=True)
            found = self._apply(draw)
            if found is not None:
                yield draw.with_evidence(*found)

    def _reject(self, draw: Rejection) -> None:
        broken = isinstance(draw, ConstraintBroken)
        self._valid.record(passed=broken, reason=draw.reason)
        if broken:
            self._constraints.record(passed=False, reason=draw.reason)

    def _apply(self, candidate: Candidate) -> list[Evidence] | None:
        evidence = []
        for (_, rule), count in zip(self.rules, self._counts, strict=True):
            found = rule(candidate)
            passed = found.verdict != "fail"
            count.record(passed=passed, reason=found.reason)
            if not passed:
                return None
            evidence.append(found)
        return evidence


def build_funnel(
    config: FunnelConfig,
    target: Target,
    *,
    errors: Mapping[str, float],
    is_known_gene: Callable[[WyckoffGene], bool],
    is_known_formula: Callable[[WyckoffGene], bool],
    claims: Claims | None = None,
) -> Funnel:
    """The funnel that the settings describe.

    Elements that the target names in ``elements`` or ``must_contain`` are exempt from the rules on elements: who asks
    for uranium gets it.

    Args:
        config: the settings.
        target: what is asked for.
        errors: mean absolute error of the model by property, in the property's unit.
        is_known_gene: whether a canonical gene is in the reference.
        is_known_formula: whether the formula of a gene is in the reference.
        claims: what the model says of its chances; by default those that follow from ``errors``.

    Raises:
        TargetError: the target asks for more atoms than ``max_sites`` lets through.
        CheckpointError: a classifier that the settings ask for is absent from the package, or damaged.
    """
    if target.n_atoms.low > config.max_sites:
        raise TargetError(
            f"atoms {target.n_atoms} asked for, but the funnel lets at most {config.max_sites} sites through; "
            "ask for fewer atoms or raise funnel.max_sites"
        )
    named = target.must_contain | (target.elements or frozenset())
    alloys = not _wants_gap(target) if config.alloys == "auto" else config.alloys
    optional: list[tuple[bool, str, Rule]] = [
        (config.unique, "unique", unique()),
        (config.novel, "novel", novel(is_known_gene, is_known_formula)),
        (config.target != "off", "target", inside_target(target, errors, claims, widened=config.target == "widened")),
        (config.charge_neutrality, "charge_neutrality", charge_neutrality(config, alloys=alloys)),
        (config.anions, "anions", one_anion(allowed=named)),
        (config.radioactive, "radioactive", without("radioactive", RADIOACTIVE - named)),
        (config.f_block, "f_block", without("f_block", F_BLOCK - named)),
        (True, "sites", at_most_sites(config.max_sites)),
    ]
    rules = [(name, rule) for wanted, name, rule in optional if wanted]
    if config.synthesizability:
        found = bundled_classifier("synthesizability")
        rules.append(("synthesizability", synthesizable(found, above=config.synthesizability_above)))
    if refuses_metals(config, target):
        rules.append(("metallic", not_metallic(bundled_classifier("metal"), below=config.metallic_below)))
    return Funnel(rules)


def refuses_metals(config: FunnelConfig, target: Target) -> bool:
    """Whether the funnel asks for a low metallic score: by default where a band gap above zero is asked for."""
    return _wants_gap(target) if config.metallic == "auto" else config.metallic


def _wants_gap(target: Target) -> bool:
    return BAND_GAP in target.properties and target.properties[BAND_GAP].low > 0


def unique() -> Rule:
    """First of its class, by canonical gene of either hand, among the candidates this rule has seen."""
    seen: set[WyckoffGene] = set()

    def rule(candidate: Candidate) -> Evidence:
        kind = candidate.gene.without_hand()
        if kind in seen:
            return Evidence("unique", "fail", reason="drawn before")
        seen.add(kind)
        return Evidence("unique", "pass", reason="first of its class")

    return rule


def novel(is_known_gene: Callable[[WyckoffGene], bool], is_known_formula: Callable[[WyckoffGene], bool]) -> Rule:
    """Canonical gene and mirror image absent from the reference; says whether the formula is known."""

    def rule(candidate: Candidate) -> Evidence:
        if any(is_known_gene(hand) for hand in {candidate.gene, candidate.gene.mirror_image()}):
            return Evidence("novel", "fail", reason="known crystal")
        formula = "known formula" if is_known_formula(candidate.gene) else "new formula"
        return Evidence("novel", "pass", reason=f"new gene, {formula}")

    return rule


def inside_target(
    target: Target, errors: Mapping[str, float], claims: Claims | None = None, *, widened: bool = False
) -> Rule:
    """Every prediction inside its interval, or inside the interval widened by the model's error.

    The value is the probability that the model claims for all properties at once.
    """
    claims = claims or LaplaceClaims(target, errors)
    intervals = {
        name: interval.widened(errors[name]) if widened else interval for name, interval in target.properties.items()
    }

    def rule(candidate: Candidate) -> Evidence:
        missed = [name for name, interval in intervals.items() if not interval.contains(candidate.predictions[name])]
        if missed:
            return Evidence("target", "fail", reason=f"{', '.join(missed)} predicted outside")
        claim = claims(candidate)
        return Evidence("target", "pass", value=claim.probability, reason=claim.words)

    return rule


def charge_neutrality(config: FunnelConfig, *, alloys: bool) -> Rule:
    """Neutral by the oxidation states of the chosen SMACT set; ``alloys`` lets compounds of metals only pass."""
    named = tool(config.oxidation_states)

    def rule(candidate: Candidate) -> Evidence:
        neutral = is_neutral(
            tuple(candidate.gene.reduced_composition.items()),
            oxidation_states=config.oxidation_states,
            pauling=config.pauling,
            alloys=alloys,
        )
        if neutral:
            return Evidence("charge_neutrality", "pass", reason="neutral", tool=named)
        unknown = unknown_elements(candidate.gene.elements)
        reason = f"no data for {', '.join(unknown)}" if unknown else "no neutral combination of oxidation states"
        return Evidence("charge_neutrality", "fail", reason=reason, tool=named)

    return rule


def one_anion(allowed: frozenset[int] = frozenset()) -> Rule:
    """No two of :data:`ANIONS` together, unless all of them are among ``allowed``."""

    def rule(candidate: Candidate) -> Evidence:
        present = ANIONS.intersection(candidate.gene.elements)
        if len(present) > 1 and not present <= allowed:
            named = " and ".join(symbol(z) for z in sorted(present))
            return Evidence("anions", "fail", len(present), reason=f"{named} together")
        return Evidence("anions", "pass", len(present))

    return rule


def without(name: str, elements: frozenset[int]) -> Rule:
    """None of the given elements."""

    def rule(candidate: Candidate) -> Evidence:
        present = [symbol(z) for z in candidate.gene.elements if z in elements]
        if present:
            return Evidence(name, "fail", len(present), reason=f"holds {', '.join(present)}")
        return Evidence(name, "pass", 0)

    return rule


def at_most_sites(limit: int) -> Rule:
    """At most ``limit`` atoms in the conventional cell."""

    def rule(candidate: Candidate) -> Evidence:
        atoms = candidate.gene.n_atoms
        reason = f"more than {limit} atoms" if atoms > limit else ""
        return Evidence("sites", "fail" if reason else "pass", atoms, "atoms", reason)

    return rule
