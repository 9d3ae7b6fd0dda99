"""The page about Figure 2: shares of samples that meet their targets, beside the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wyckforge.evaluate.metrics import Rate, rate_ratio
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY, describe

HERE = Path(__file__).parent
COLUMNS = {
    "valid": "valid",
    BAND_GAP: "gap",
    FORMATION_ENERGY: "E<sub>f</sub>",
    "space_group": "space group",
    "all": "all at once",
    "new": "all at once, new gene",
}
JUDGES = {"model": "the model itself", "other": "another training"}
WAYS = ("conditional", "unconditional")


@dataclass(frozen=True)
class Account:
    """What was measured.

    Attributes:
        draws: decodes of every way of sampling.
        asked: what each condition asks for, in words, by its name.
        seeds: crystals perturbed, by condition; those of unconditional sampling under that name.
        variance: shares of the first principal components.
        structure: shares of the variance of each label that a linear function of two and of all components explains.
        errors: of the model on the validation part, by property, physical units.
        shares: by condition, judge (a key of ``JUDGES``) and way (one of ``WAYS``).
    """

    draws: int
    asked: Mapping[str, str]
    seeds: Mapping[str, int]
    variance: tuple[float, ...]
    structure: Mapping[str, tuple[float, float]]
    errors: Mapping[str, float]
    shares: Mapping[tuple[str, str, str], Mapping[str, Rate]]


def page_of(account: Account) -> str:
    """The page, Markdown; its words are in ``figure2.md.j2``."""
    words = Environment(loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True)
    return words.get_template("figure2.md.j2").render(
        draws=f"{account.draws:,}",
        seeds={name: f"{count:,}" for name, count in account.seeds.items()},
        variance=[_percent(share) for share in account.variance],
        structure=structure_table(account.structure),
        errors=", ".join(f"{error:.2f} {describe(name).unit}" for name, error in account.errors.items()),
        conditions=[
            {
                "name": name,
                "asked": asked,
                "seeds": f"{account.seeds[name]:,}",
                "shares": shares_table(account, name),
                "ratios": ratios(account, name),
            }
            for name, asked in account.asked.items()
        ],
    )


def structure_table(structure: Mapping[str, tuple[float, float]]) -> str:
    """Explained variance of each label."""
    lines = ["| label | two components | all |", "|---|---|---|"]
    lines += [f"| {name} | {_percent(two)} | {_percent(everything)} |" for name, (two, everything) in structure.items()]
    return "\n".join(lines)


def shares_table(account: Account, condition: str) -> str:
    """Shares of all draws, conditional beside unconditional, by both judges."""
    lines = [f"| judge | sampling | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for who, label in JUDGES.items():
        for way in WAYS:
            rates = account.shares[condition, who, way]
            lines.append(f"| {label} | {way} | {' | '.join(share(rates[key]) for key in COLUMNS)} |")
    return "\n".join(lines)


def share(rate: Rate) -> str:
    """A share with its 95 % interval, in per cent."""
    if rate.value is None or rate.interval is None:
        return "–"
    low, high = (f"{100 * bound:.1f}" for bound in rate.interval)
    return f"{100 * rate.value:.1f} %<br>({low} to {high})"


def ratios(account: Account, condition: str) -> str:
    """How many times as often all is met at once, by judge."""
    parts = []
    for who, label in JUDGES.items():
        one, other = (account.shares[condition, who, way]["all"] for way in WAYS)
        ratio = rate_ratio(one, other)
        bounds = [f"{bound:.1f}" if bound is not None else "open" for bound in (ratio.low, ratio.high)]
        times = f"{ratio.value:.1f} times" if ratio.value is not None else "no figure"
        parts.append(f"{times} ({bounds[0]} to {bounds[1]}) by {label}")
    return ", ".join(parts)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
