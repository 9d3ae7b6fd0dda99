"""Hit rates: how often a generator meets a target, by a judge that took no part in generating.

Rates are over all attempted. A rejection hits nothing, nor does a gene for which the judge has no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TargetError
from wyckforge.evaluate.metrics import Calibration, Rate, Ratio, bootstrap_interval, calibration, rate_ratio
from wyckforge.models.representation import Rejection
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene

PROPERTIES, JOINT, JOINT_NEW = "properties", "joint", "joint_new"
"""All property targets at once; all of the target; all of it by a gene that is unique and novel."""


@dataclass(frozen=True, eq=False)
class Attempts:
    """What a generator made in n attempts, and what is said of it.

    Attributes:
        draws: n genes or rejections.
        judged: (n,) values of the judge by property, in its unit; NaN for a rejection or where the judge has none.
        claimed: (n,) probabilities, by property and under :data:`PROPERTIES`, that the gene meets its target, as the
            generator states them; NaN for a rejection. What is left out is not compared.
        new: (n,) whether the gene is unique and novel, see :attr:`~wyckforge.evaluate.generation.Marks.new`.

    Raises:
        ValueError: an array is not of n values.
    """

    draws: Sequence[WyckoffGene | Rejection]
    judged: Mapping[str, NDArray[np.float64]]
    claimed: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    new: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shapes = {name: values.shape for name, values in self.judged.items()}
        shapes |= {f"claimed {name}": claims.shape for name, claims in self.claimed.items()}
        shapes |= {} if self.new is None else {"new": self.new.shape}
        for name, shape in shapes.items():
            if shape != (len(self.draws),):
                raise ValueError(f"{name} of shape {shape} given for {len(self.draws)} attempts; give one each")

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(n,) whether the attempt is a gene."""
        return np.array([not isinstance(draw, Rejection) for draw in self.draws], bool)


@dataclass(frozen=True, slots=True)
class HitRate:
    """How often a part of a target was met.

    Attributes:
        achieved: when the generator aimed at the target.
        unconditional: when the same generator aimed at nothing.
        enrichment: ratio of the two.
        predicted: mean over all attempted of the probability that the generator claimed; ``None`` without a claim.
        predicted_interval: its 95 % interval, bootstrap.
    """

    achieved: Rate
    unconditional: Rate
    enrichment: Ratio
    predicted: float | None = None
    predicted_interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "achieved": self.achieved.to_dict(),
            "unconditional": self.unconditional.to_dict(),
            "enrichment": self.enrichment.to_dict(),
            "predicted": None
            if self.predicted is None
            else {"value": self.predicted, "interval": list(self.predicted_interval or ()), "n": self.achieved.n},
        }


@dataclass(frozen=True, slots=True)
class HitRates:
    """How often a target was met, and its parts.

    Attributes:
        judge: who decided on the properties.
        rates: by part: each property, :data:`PROPERTIES`, each hard constraint by its field of
            :class:`~wyckforge.records.Target`, :data:`JOINT` and, where novelty is known, :data:`JOINT_NEW`.
        calibration: claims on all property targets at once against what was achieved, over the genes that were judged.
        unjudged: genes for which the judge lacks a value of a property asked for.
    """

    judge: str
    rates: Mapping[str, HitRate]
    calibration: Calibration | None
    unjudged: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "judge": self.judge,
            "rates": {name: rate.to_dict() for name, rate in self.rates.items()},
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "unjudged": self.unjudged,
        }


def hit_rates(
    target: Target, attempts: Attempts, unconditional: Attempts, *, judge: str, rng: np.random.Generator
) -> HitRates:
    """Rates at which attempts meet a target, beside those of the same generator without a target.

    Args:
        target: what was asked for.
        attempts: made for the target.
        unconditional: made for no target, judged by the same judge.
        judge: its name; it must not have taken part in generating.
        rng: of the bootstrap.

    Raises:
        TargetError: the target asks for a property that the judge has no values of.
    """
    for made in (attempts, unconditional):
        if missing := [name for name in target.properties if name not in made.judged]:
            raise TargetError(
                f"the target asks for {', '.join(missing)}, but the judge {judge} tells {', '.join(made.judged)} only; "
                "leave it out, or take a judge that predicts it"
            )
    hits, others = met(target, attempts), met(target, unconditional)
    claims = _claims(target, attempts)
    rates = {}
    for name in (part for part in hits if part in others):
        achieved, beside = Rate.of(hits[name]), Rate.of(others[name])
        rates[name] = HitRate(achieved, beside, rate_ratio(achieved, beside), *_mean(claims.get(name), rng))
    valid = attempts.valid
    lacking = np.isnan(np.array([attempts.judged[name] for name in target.properties]).reshape(-1, len(valid))).any(0)
    checked = valid & ~lacking
    return HitRates(
        judge,
        rates,
        calibration(attempts.claimed[PROPERTIES][checked], hits[PROPERTIES][checked]) if PROPERTIES in claims else None,
        int((valid & lacking).sum()),
    )


def met(target: Target, attempts: Attempts) -> dict[str, NDArray[np.bool_]]:
    """(n,) whether each of n attempts meets each part of a target, named as in :attr:`HitRates.rates`."""
    valid = attempts.valid
    hits = {
        name: valid & (attempts.judged[name] >= interval.low) & (attempts.judged[name] <= interval.high)
        for name, interval in target.properties.items()
    }
    if hits:
        hits[PROPERTIES] = np.logical_and.reduce(list(hits.values()))
    hits |= {name: _obeys(part, attempts) for name, part in _hard_parts(target).items()}
    hits[JOINT] = np.logical_and.reduce([valid, *hits.values()])
    if attempts.new is not None:
        hits[JOINT_NEW] = hits[JOINT] & attempts.new
    return hits


def _hard_parts(target: Target) -> dict[str, Target]:
    """Targets with one hard constraint each; a gene meets all of them exactly if it meets the hard part of all."""
    free = Target()
    chosen = {one.name: getattr(target, one.name) for one in fields(Target) if one.name != "properties"}
    return {name: Target(**{name: value}) for name, value in chosen.items() if value != getattr(free, name)}


def _obeys(target: Target, attempts: Attempts) -> NDArray[np.bool_]:
    return np.array([isinstance(d, WyckoffGene) and target.rejects(d) is None for d in attempts.draws], bool)


def _claims(target: Target, attempts: Attempts) -> dict[str, NDArray[np.float64]]:
    """(n,) claimed probability of each part; of all at once, that of the properties where the rest is met."""
    claims = {name: np.nan_to_num(claim) for name, claim in attempts.claimed.items() if target.properties}
    if PROPERTIES in claims:
        claims[JOINT] = np.where(_obeys(target, attempts), claims[PROPERTIES], 0.0)
    return claims


def _mean(
    claim: NDArray[np.float64] | None, rng: np.random.Generator
) -> tuple[float, tuple[float, float]] | tuple[None, None]:
    if claim is None or not len(claim):
        return None, None
    return float(claim.mean()), bootstrap_interval(claim, rng)
