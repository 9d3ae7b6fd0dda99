"""The page of ``table3.py``: what the paper prints about its crystals, and what the package finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rates import rate
from table3_analogues import Known, distance
from table3_dft import FirstPrinciples
from table3_published import BY_ID, SITES, SUPPLEMENTARY_1, SUPPLEMENTARY_2, TABLE_3, Analogue, Semiconductor, Valley
from wyckforge.evaluate.metrics import bootstrap_interval
from wyckforge.realise.csp.distinct import is_relaxed
from wyckforge.realise.hull import composition_of
from wyckforge.realise.refine import REFINED_HULL
from wyckforge.realise.stability import STABLE
from wyckforge.records import Candidate, Evidence
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group

NONE = "–"
HULLS = {"hull": "CHGNet", REFINED_HULL: "SevenNet-0"}
"""Potentials by the stage that compares with their hull."""

VIBRATIONS = {"sevennet-0": "SevenNet-0", "sevennet-l3i5": "7net-l3i5"}
"""Potentials of the modes at Γ."""


@dataclass(frozen=True)
class Made:
    """What was made of a crystal of the paper.

    Attributes:
        possible: genes with its formula in its space group.
        tried: every start, relaxed or given up.
        placed: the lowest that has kept its space group, relaxed by both potentials, with both hulls.
        gene: of that.
        printed_mev: what the printed coordinates lead to above the lowest, in meV/atom; ``None`` where none are printed
            or their relaxation was not brought to an end.
        gamma: findings at Γ, in the order of :data:`VIBRATIONS`; ``None`` where it was not looked at.
        novel: whether no known crystal matches it.
        analogues: known phases of its chemical system.
    """

    possible: int
    tried: Sequence[Candidate]
    placed: Candidate
    gene: WyckoffGene
    printed_mev: float | None
    gamma: Sequence[Evidence | None]
    novel: bool
    analogues: Sequence[Known]

    def above(self, stage: str) -> float | None:
        """Energy above a hull in eV/atom; ``None`` where it is not known."""
        found = self.placed.find(stage)
        return None if found is None or found.verdict == "unknown" else found.value


def page_of(
    made: Mapping[int, Made],
    possible: Mapping[int, int],
    crystals: int,
    settings: Mapping[str, Any],
    smallest: FirstPrinciples | None,
) -> str:
    """The page, Markdown; its words are in ``table3.md.j2``.

    Args:
        made: by the paper's number; crystals that are not done yet are left out.
        possible: genes of every row of Supplementary Table 1.
        crystals: known ones that a novel one differs from.
        settings: what the results depend on.
        smallest: what DFT says of the smallest crystal; ``None`` where it was not asked.
    """
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True,
    )  # fmt: skip
    eight = [(BY_ID[edges.id], made[edges.id]) for edges in TABLE_3 if edges.id in made]
    return words.get_template("table3.md.j2").render(
        crystals=f"{crystals:,}",
        settings=settings,
        hulls=list(HULLS.values()),
        vibrations=list(VIBRATIONS.values()),
        published=[_published(row) for row in TABLE_3],
        disagreement=disagreement(),
        order=order(),
        printed=", ".join(map(str, SITES)),
        genes=[_genes(row, found) for row, found in eight],
        verdicts=[_verdicts(row, found) for row, found in eight],
        distances=[line for stage in HULLS for line in _distances(stage, eight)],
        near=rate([all((a := found.above(stage)) is not None and a <= 0.1 for stage in HULLS) for _, found in eight]),
        kept=rate([_kept(found) for _, found in eight]),
        stable=[
            (name, rate([_passed(one) for one in asked]))
            for k, name in enumerate(VIBRATIONS.values())
            if (asked := [one for _, found in eight if (one := found.gamma[k]) is not None])
        ],
        unknown=[
            f"{row.formula} ({row.id}), {name}: {one.reason}"
            for row, found in eight
            for name, one in zip(VIBRATIONS.values(), found.gamma, strict=True)
            if one is not None and one.verdict == "unknown"
        ],
        analogues=[line for row, found in eight for line in _analogues(row, found)],
        bare=[f"{row.formula} ({row.id})" for row, found in eight if not found.analogues],
        smallest=smallest,
        supplementary=[_supplementary(row, possible[row.id], made.get(row.id)) for row in SUPPLEMENTARY_1],
        single=", ".join(f"{row.formula} ({row.id})" for row in SUPPLEMENTARY_1 if possible[row.id] == 1),
    )


def disagreement() -> str:
    """Where the two tables of the paper have different energies above hull, in a sentence."""
    pairs = [(BY_ID[row.id], row.above_hull, BY_ID[row.id].above_hull) for row in TABLE_3]
    apart = [f"{row.formula} ({row.id}) {one:.2f} and {other:.2f}" for row, one, other in pairs if one != other]
    alike = [f"{row.formula} ({row.id})" for row, one, other in pairs if one == other]
    if not apart:
        return "The two tables agree."
    end = f"; they agree about {_and(alike)}" if alike else ""
    return (
        f"In eV/atom, Table 3 and Supplementary Table 1 give different energies above hull for {len(apart)} of "
        f"{len(pairs)} crystals: {', '.join(apart)}{end}."
    )


def order() -> str:
    """Whether one column is the other one in another order of the rows, in a sentence; else nothing."""
    ids = sorted(row.id for row in TABLE_3)
    if [row.above_hull for row in TABLE_3] != [BY_ID[number].above_hull for number in ids]:
        return ""
    column = ", ".join(f"{row.above_hull:.2f}" for row in TABLE_3)
    return (
        f"Read downwards, the column of Table 3 ({column}) is that of Supplementary Table 1 in the order of the ids "
        f"({', '.join(map(str, ids))}), while the rows are sorted by gap: in one of the tables the column has "
        "been separated from its rows."
    )


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _group(number: int) -> str:
    return f"{space_group(number).symbol} ({number})"


def _gene(gene: object) -> str:
    return "`" + str(gene).replace("|", r"\|") + "`"  # a bar ends a cell


def _number(value: float | None, form: str) -> str:
    return NONE if value is None else format(value, form).replace("-", "−")


def _published(row: Any) -> list[str]:
    other = BY_ID[row.id]
    return [
        str(row.id), other.formula, _group(other.space_group), f"{row.above_hull:.2f}", f"{other.above_hull:.2f}",
        f"{row.gap:.2f}{' (spin up)' if row.magnetic else ''}", _stable(other.stable), *_valley(row.hole),
        *_valley(row.electron),
    ]  # fmt: skip


def _stable(flag: bool) -> str:
    return "stable" if flag else "unstable"


def _valley(valley: Valley | None) -> tuple[str, str]:
    if valley is None:
        return NONE, NONE
    return f"{_number(valley.mass, '.2f')} ({valley.line})", f"{valley.k} × {valley.bands} ({valley.spin})"


def _genes(row: Semiconductor, found: Made) -> list[str]:
    built = [one for one in found.tried if one.crystal is not None]
    build = found.placed.find("build")
    return [
        str(row.id), row.formula, "printed" if row.id in SITES else "enumerated", f"{found.possible:,}",
        f"{len({one.gene for one in found.tried}):,}", f"{len({one.gene for one in built}):,}", str(len(built)),
        str(sum(map(is_relaxed, built))), _gene(found.gene),
        "printed coordinates" if build is None else build.tool, _number(found.printed_mev, ".0f"),
    ]  # fmt: skip


def _verdicts(row: Semiconductor, found: Made) -> list[str]:
    chance = found.placed.find(STABLE)
    edges = next(edges for edges in TABLE_3 if edges.id == row.id)
    return [
        str(row.id), row.formula, f"{edges.above_hull:.2f}", f"{row.above_hull:.2f}",
        *(_number(found.above(stage), "+.3f") for stage in HULLS),
        _number(None if chance is None else chance.value, ".2f"), "yes" if _kept(found) else "**no**",
        *map(_modes, found.gamma), "yes" if found.novel else "no",
    ]  # fmt: skip


def _passed(found: Evidence | None) -> bool:
    return found is not None and found.verdict == "pass"


def _kept(found: Made) -> bool:
    return _passed(found.placed.find("symmetry"))


def _modes(found: Evidence | None) -> str:
    if found is None:
        return NONE
    words = {"pass": "stable", "fail": "**unstable**", "unknown": "unknown"}[found.verdict]
    return words if found.value is None else f"{words}, {_number(found.value, '.0f')}"


def _distances(stage: str, eight: Sequence[tuple[Semiconductor, Made]]) -> list[list[str]]:
    """Mean difference between our energies above a hull and those of each table, and by how much one is nearer."""
    pairs = [(row, above) for row, found in eight if (above := found.above(stage)) is not None]
    if len(pairs) < 2:
        return []
    by_table_3 = {edges.id: edges.above_hull for edges in TABLE_3}
    apart = {
        "Table 3": np.array([above - by_table_3[row.id] for row, above in pairs]),
        "Supplementary Table 1": np.array([above - row.above_hull for row, above in pairs]),
    }
    one, other = map(np.abs, apart.values())
    lines = [[name, _interval(np.abs(far)), _interval(far, "+")] for name, far in apart.items()]
    lines.append(["Table 3 nearer by", _interval(other - one, "+"), NONE])
    return [[HULLS[stage], str(len(pairs)), *line] for line in lines]


def _interval(values: np.ndarray[Any, Any], sign: str = "") -> str:
    low, high = bootstrap_interval(values, np.random.default_rng(0))
    return f"{values.mean():{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]".replace("-", "−")


def _analogues(row: Semiconductor, found: Made) -> list[list[str]]:
    """Known phases of the chemical system, ours first, then those of the paper that our data lack."""
    theirs = {one.known: one for one in SUPPLEMENTARY_2 if one.id == row.id}
    here = [_known(row, one, theirs.get(one.id)) for one in found.analogues]
    lacking = [one for name, one in theirs.items() if name not in {known.id for known in found.analogues}]
    return here + [_lacking(row, one) for one in lacking]


def _known(row: Semiconductor, one: Known, theirs: Analogue | None) -> list[str]:
    gene = NONE if one.gene is None else _gene(one.gene)
    return [
        str(row.id), row.formula, one.id, one.formula, gene, one.likeness, f"{100 * one.distance:.0f} %",
        *_told(theirs), "yes",
    ]  # fmt: skip


def _lacking(row: Semiconductor, one: Analogue) -> list[str]:
    far = distance(row.composition, composition_of(one.formula))
    return [
        str(row.id), row.formula, one.known, one.formula, f"{_group(one.space_group)} by the paper", NONE,
        f"{100 * far:.0f} %", *_told(one), "**no**",
    ]  # fmt: skip


def _told(theirs: Analogue | None) -> tuple[str, str]:
    """Whether the paper names a phase, and the gap it gives."""
    if theirs is None:
        return "no", NONE
    icsd = f", ICSD {theirs.icsd}" if theirs.icsd else ""
    note = f" ({theirs.note})" if theirs.note else ""
    return f"yes{icsd}", f"{theirs.gap:.2f}{note}"


def _supplementary(row: Semiconductor, possible: int, found: Made | None) -> list[str]:
    ours = [NONE] * 2 if found is None else [_number(found.above(stage), "+.3f") for stage in HULLS]
    return [
        str(row.id), row.formula, str(row.n_sites), _group(row.space_group), f"{row.above_hull:.2f}",
        f"{row.predicted_gap:.2f}", f"{row.gap:.2f}", _stable(row.stable), f"{possible:,}", *ours,
        NONE if found is None else _modes(found.gamma[0]),
    ]  # fmt: skip
