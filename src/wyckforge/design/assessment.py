"""What was found about a generator: its samples, how often they hit, and the files that say so."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wyckforge.evaluate.generation import GenerationMetrics, Marks
from wyckforge.evaluate.hits import JOINT, PROPERTIES, Attempts, HitRates, met
from wyckforge.files import write_atomically
from wyckforge.records import Target
from wyckforge.symmetry.gene import WyckoffGene

UNCONDITIONAL = "unconditional"
"""Name of the sample that aims at nothing."""

METRICS, GENES = "generation.json", "generated.csv"


@dataclass(frozen=True, eq=False)
class Sample:
    """What was made for one target, and what is said of it.

    Attributes:
        target: what was asked for.
        attempts: what was made, judged and claimed.
        predicted: (n,) predictions of the generating model by property; NaN for a rejection.
        marks: what was found about each attempt.
        generation: metrics that need no target.
        warnings: what of the target the model has hardly seen.
    """

    target: Target
    attempts: Attempts
    predicted: Mapping[str, NDArray[np.float64]]
    marks: Marks
    generation: GenerationMetrics
    warnings: tuple[str, ...] = ()

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per attempt: gene or reason, predictions, claim, judgement, and whether it is a hit."""
        hits = met(self.target, self.attempts)[JOINT]
        claimed = self.attempts.claimed.get(PROPERTIES, np.full(len(hits), np.nan))
        for i, draw in enumerate(self.attempts.draws):
            made = (
                (str(draw), draw.formula, draw.space_group, "")
                if isinstance(draw, WyckoffGene)
                else ("", "", "", draw.reason)
            )
            yield {
                **dict(zip(("gene", "formula", "space_group", "rejected"), made, strict=True)),
                **{name: _text(values[i]) for name, values in self.predicted.items()},
                "claimed": _text(claimed[i]),
                **{f"{name}_judged": _text(values[i]) for name, values in self.attempts.judged.items()},
                "hit": "" if self.target == Target() else int(hits[i]),
                "new": int(self.marks.new[i]),
            }


class JudgeClaims(NamedTuple):
    """Mean probability of a hit as the judge states it: ``value``, ``interval`` (95 %, bootstrap) and ``n``.

    Where the errors of the judge are as wide as the target, counting its predictions counts too many hits: every gene
    that more likely hits than not counts in full. This mean does not.

    Attributes:
        aimed: over all attempts at the target.
        unconditional: over all that were made for no target.
    """

    aimed: Mapping[str, Any] | None
    unconditional: Mapping[str, Any] | None


@dataclass(frozen=True, eq=False)
class Assessment:
    """How a generator does on targets.

    Attributes:
        model: name of the generator.
        method: how it was asked.
        judge: name, data and errors of the model that judged; ``None`` without targets.
        samples: what was made, by name of the target, that of :data:`UNCONDITIONAL` first.
        hits: hit rates by name of the target.
        judge_claims: what share of hits the judge expects, by name of the target; empty for a judge that does not say
            how sure it is.
        seed: of everything random.
    """

    model: str
    method: str
    judge: Mapping[str, Any] | None
    samples: Mapping[str, Sample]
    hits: Mapping[str, HitRates]
    judge_claims: Mapping[str, JudgeClaims]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        found = {
            name: {
                "target": sample.target.to_dict(),
                "warnings": list(sample.warnings),
                "hits": self.hits[name].to_dict(),
                **self._expected(name),
                "generation": sample.generation.to_dict(),
            }
            for name, sample in self.samples.items()
            if name in self.hits
        }
        return {
            "checkpoint": self.model,
            "method": self.method,
            "n": len(self.samples[UNCONDITIONAL].attempts.draws),
            "seed": self.seed,
            "judge": self.judge,
            "without_target": {
                name: sample.generation.to_dict() for name, sample in self.samples.items() if name not in self.hits
            },
            "targets": found,
        }

    def _expected(self, name: str) -> dict[str, Any]:
        claims = self.judge_claims.get(name, JudgeClaims(None, None))
        return {"judge_probability": claims.aimed, "judge_probability_unconditional": claims.unconditional}

    def write(self, out: Path | str) -> None:
        """Write the metrics and every gene that was made to a folder."""
        out = Path(out)
        write_atomically(out / METRICS, (json.dumps(self.to_dict(), indent=1) + "\n").encode())
        rows = [{"target": name, **row} for name, sample in self.samples.items() for row in sample.rows()]
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(out / GENES, stream.getvalue().encode())


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.5g}"
