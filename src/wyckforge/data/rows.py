"""One row on its way into a table, and why it may be turned away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wyckforge.symmetry.crystal import Crystal


class Rule(StrEnum):
    """What can keep a row out of a table, in the order the rules are applied."""

    UNREADABLE = "unreadable"
    DISORDERED = "disordered"
    UNKNOWN_ELEMENT = "unknown element"
    DUPLICATE_ID = "duplicate id"
    ELEMENT_COUNT = "number of elements"
    ELEMENT_NOT_ALLOWED = "element not allowed"
    TOO_MANY_SITES = "too many sites"
    LABEL_MISSING = "label missing"
    NO_SYMMETRY = "symmetry not found"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was turned away.

    Attributes:
        rule: the rule it broke.
        detail: the finding in words.
    """

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


@dataclass(frozen=True, slots=True)
class RawRow:
    """A structure with its labels, as read.

    Attributes:
        id: identifier given by the source.
        crystal: the structure; ``None`` where there is a problem.
        labels: value by property name in the unit of :mod:`wyckforge.properties`; ``None`` where the source has none,
            NaN or infinity where the source has something that is not a finite number.
        sources: vintage by property name.
        texts: what the cells of labels hold that is text instead of a number, by property name; these labels are NaN.
        given_space_group: the number the source states, 0 where it states none.
        problem: why the structure could not be read.
    """

    id: str
    crystal: Crystal | None
    labels: Mapping[str, float | None] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    given_space_group: int = 0
    problem: Problem | None = None
