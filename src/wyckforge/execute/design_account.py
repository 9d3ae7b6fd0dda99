"""What came of a design run: counts of every step, what to expect of the result, and why it is less than asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wyckforge.config import RunConfig
from wyckforge.design.expected import expected_hits
from wyckforge.execute.inputs import BUILT
from wyckforge.execute.journal import CUT_OFF
from wyckforge.realise.judge import JUDGED
from wyckforge.realise.phonon.stage import GAMMA, MESH
from wyckforge.realise.refine import REFINED_HULL
from wyckforge.records import Candidate

REMEDY = "widen the target, switch off a rule of the funnel, or raise sampling.max_draws"
CUT_SHORT = "cut off"

_COUNTED = ("build", "relax", "symmetry", "hull", REFINED_HULL, GAMMA, MESH)
_ON_THE_WAY = ("build", "relax", "hull", REFINED_HULL, GAMMA)


def account(ranked: Sequence[Candidate], config: RunConfig, record: Mapping[str, Any]) -> dict[str, Any]:
    """What ``run.json`` says of the result.

    Args:
        ranked: all candidates of the run.
        config: what was asked for.
        record: how the genes were found.

    Returns:
        JSON-ready: ``realise`` (verdicts of every step), ``completed`` (how many came through the last step), ``ended``
        (where the others stayed behind, with counts), ``expected`` (hit rate), ``message`` (a line for people).
    """
    completed = count_completed(ranked, config)
    ended = _ended(ranked, config) if realises(config) else {}
    return {
        "realise": _stage_counts(ranked),
        "completed": completed,
        "ended": ended,
        "expected": _expected(ranked, config, record),
        "message": _message(config, record, len(ranked), completed, ended),
    }


def realises(config: RunConfig) -> bool:
    """Whether a run builds structures."""
    return config.stop_after in BUILT


def count_completed(candidates: Sequence[Candidate], config: RunConfig) -> int:
    """How many came through the last step; without realisation, all."""
    if not realises(config):
        return len(candidates)
    return sum(_came_through(candidate, config) for candidate in candidates)


def _came_through(candidate: Candidate, config: RunConfig) -> bool:
    """Whether the last step has a value, whatever its verdict, or passes without one: a crystal with one atom in its
    primitive cell has no optical modes.
    """
    found = candidate.find(GAMMA if config.stop_after == "phonon" else config.stop_after)
    return found is not None and (found.value is not None or found.verdict == "pass")


def _expected(ranked: Sequence[Candidate], config: RunConfig, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The hit rate to expect of what is handed over: the candidates that came through the last step.

    ``None`` where nothing was asked of properties, or where the claims of the model are not calibrated.
    """
    handed = [candidate for candidate in ranked if not realises(config) or _came_through(candidate, config)]
    claims = [claim for one in handed if (claim := _claim(one)) is not None]
    if not record.get("calibrated") or not config.target.properties or not claims:
        return None
    expected = expected_hits(claims)
    return expected.to_dict() if expected else None


def _claim(candidate: Candidate) -> float | None:
    """The probability of meeting the target: of the relaxed structure where a judge knows it, else of the gene."""
    found = (candidate.find(JUDGED), candidate.find("target"))
    return next((one.value for one in found if one is not None and one.value is not None), None)


def _stage_counts(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    counts = []
    for stage in _COUNTED:
        verdicts = Counter(found.verdict for candidate in candidates if (found := candidate.find(stage)) is not None)
        if verdicts:
            counts.append({"step": stage, "entered": verdicts.total()} | {str(key): n for key, n in verdicts.items()})
    return counts


def _ended(candidates: Sequence[Candidate], config: RunConfig) -> dict[str, int]:
    """Where realised candidates stayed behind that have no result of the last step, in words, with counts."""
    lost = [one for one in candidates if _was_realised(one) and not _came_through(one, config)]
    return dict(Counter(_stayed_behind(one, config.hull.threshold_ev_per_atom) for one in lost).most_common())


def _was_realised(candidate: Candidate) -> bool:
    return candidate.find("build") is not None or candidate.find(CUT_OFF) is not None


def _stayed_behind(candidate: Candidate, threshold_ev_per_atom: float) -> str:
    """The first step on the way that did not let a candidate through.

    Reasons in the words of a step are of one candidate each, and would not add up. What the symmetry or a judge finds
    keeps no candidate from the last step.
    """
    if candidate.find(CUT_OFF) is not None:
        return CUT_SHORT
    for step in _ON_THE_WAY:
        found = candidate.find(step)
        if found is not None and found.verdict != "pass":
            second = " of the second potential" if step == REFINED_HULL else ""
            above = f"above {threshold_ev_per_atom:g} eV/atom on the hull{second}"
            words = {
                "build": "not built",
                "relax": "not relaxed to convergence",
                GAMMA: "without an answer about phonons",
            }
            return words.get(step) or (above if found.verdict == "fail" else f"not placed on the hull{second}")
    return "not taken to the last step"


def _strictest(steps: Sequence[Mapping[str, Any]]) -> str:
    """The step that let the smallest share of what reached it through, and its most frequent reason, in words."""
    worst = min((step for step in steps if step["reasons"]), key=lambda s: s["passed"] / s["entered"], default=None)
    if worst is None:
        return ""
    reason, count = max(worst["reasons"].items(), key=lambda item: item[1])
    return f"; strictest was {worst['step']}, which stopped {count:,} of {worst['entered']:,} with: {reason}"


def _message(
    config: RunConfig, record: Mapping[str, Any], survivors: int, completed: int, ended: Mapping[str, int]
) -> str:
    drawn = f"{record['draws']:,} genes decoded"
    lost = ", ".join(f"{step['step']} {step['passed']:,}" for step in record["funnel"])
    if survivors == 0:
        return f"none of {drawn} came through (left after {lost}{_strictest(record['funnel'])}); {REMEDY}"
    if not realises(config):
        short = f", {config.count} asked for (left after {lost}); to find more, {REMEDY}"
        return f"{survivors:,} of {drawn} came through{short if survivors < config.count else ''}"
    tried = completed + sum(ended.values())
    text = f"{completed} of {tried} realised candidates have a result of the last step, {config.stop_after!r}"
    if completed >= config.count:
        return text
    text += f", {config.count} asked for"
    if ended:
        text += "; of the others " + ", ".join(f"{count} {words}" for words, count in ended.items())
    if CUT_SHORT in ended:
        text += "; the same command takes up what was cut off"
    if tried < survivors:
        further = f"raise attempts_per_candidate (now {config.attempts_per_candidate:g})"
        return f"{text}; {survivors - tried:,} more genes are there to try: {further}"
    return f"{text}; no more genes are there to try: {REMEDY}"
