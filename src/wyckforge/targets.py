"""From the words of a user to a :class:`~wyckforge.records.Target`."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import Field, field_validator

from wyckforge.errors import InvalidGeneError, TargetError
from wyckforge.records import Interval, Target
from wyckforge.settings import Settings
from wyckforge.symmetry.elements import NAMED_ELEMENTS, atomic_number
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS


class TargetConfig(Settings):
    """A target as people write it; :func:`parse_target` reads it."""

    properties: dict[str, str] = Field({}, description="interval per property, {band_gap = '0.5:2.0'}")
    weights: dict[str, float] = Field({}, description="importance per property, {band_gap = 2.0}; 1 where not given")
    space_group: str = Field("", description="numbers and intervals, '143:' or '62,139,194:'")
    crystal_system: str = Field("", description="names, 'trigonal,cubic'")
    elements: str = Field("", description="allowed elements, 'Cs,Pt,Se'; empty allows all")
    must_contain: str = Field("", description="elements that every gene holds")
    exclude: str = Field("", description="elements and named sets that no gene holds, 'radioactive,f-block,Pb'")
    stoichiometry: str = Field("", description="formula coefficients in any order, '1:1:3'")
    atoms: str = Field("", description="atoms in the conventional cell, ':30'")
    n_elements: str = Field("", description="distinct elements, '3'")

    @field_validator("properties")
    @classmethod
    def _written_in_one_way(cls, properties: dict[str, str]) -> dict[str, str]:
        """``0.5:2.0`` and ``0.5:2`` are one setting; what is no interval stays, for :func:`parse_target` to tell."""
        return {name: _in_one_way(text) for name, text in properties.items()}


def parse_target(config: TargetConfig) -> Target:
    """Read a target.

    Args:
        config: the target as text.

    Returns:
        The target, free of contradictions.

    Raises:
        TargetError: a part is malformed, or two parts contradict each other.
    """
    _check_weights(config)
    return Target(
        properties={name: _interval(text, name) for name, text in config.properties.items()},
        space_groups=parse_space_groups(config.space_group, config.crystal_system),
        elements=_elements(config.elements) or None,
        must_contain=_elements(config.must_contain),
        exclude=_elements(config.exclude, sets=True),
        stoichiometry=_stoichiometry(config.stoichiometry),
        n_elements=parse_counts(config.n_elements, "number of elements"),
        n_atoms=parse_counts(config.atoms, "number of atoms"),
    )


def parse_properties(items: Iterable[str]) -> dict[str, str]:
    """Read ``name=LOW:HIGH`` items, as given on a command line.

    Raises:
        TargetError: an item has no name, no interval, or repeats a name.
    """
    properties: dict[str, str] = {}
    for item in items:
        name, equals, interval = (part.strip() for part in item.partition("="))
        if not (name and equals and interval):
            raise TargetError(f"{item!r} is not a property target; write NAME=LOW:HIGH, like bulk_modulus=100:")
        if name in properties:
            raise TargetError(f"property {name} given twice ({properties[name]} and {interval}); give one interval")
        properties[name] = interval
    return properties


def _in_one_way(text: str) -> str:
    try:
        return str(Interval.parse(text))
    except TargetError:
        return text


def _check_weights(config: TargetConfig) -> None:
    for name, weight in config.weights.items():
        if name not in config.properties or not weight > 0:
            raise TargetError(
                f"weight {name} = {weight:g} given; allowed are positive numbers for the properties of the target "
                f"({', '.join(config.properties) or 'it has none'})"
            )


def parse_space_groups(numbers: str, systems: str = "") -> frozenset[int]:
    """Read numbers and intervals of space groups, and names of crystal systems; empty allows all.

    Raises:
        TargetError: a part is malformed, or the two exclude each other.
    """
    everything = frozenset(range(1, 231))
    by_number = frozenset().union(*map(_group_range, _words(numbers))) if _words(numbers) else everything
    by_system = frozenset().union(*map(_system_range, _words(systems))) if _words(systems) else everything
    if not by_number & by_system:
        spans = ", ".join(f"{name} {r[0]}–{r[-1]}" for name, r in CRYSTAL_SYSTEMS.items() if name in _words(systems))
        raise TargetError(
            f"space group {numbers} contradicts crystal system {systems} (groups: {spans}); drop one or make them agree"
        )
    return by_number & by_system


def _group_range(text: str) -> frozenset[int]:
    interval = parse_counts(text, "space group")
    if any(math.isfinite(bound) and not 1 <= bound <= 230 for bound in (interval.low, interval.high)):
        raise TargetError(
            f"space group {text!r} given; allowed are numbers and intervals from 1 to 230, like 62 or 143:"
        )
    return frozenset(n for n in range(1, 231) if interval.contains(n))


def _system_range(name: str) -> frozenset[int]:
    if name.lower() not in CRYSTAL_SYSTEMS:
        raise TargetError(f"crystal system {name!r} given; allowed are {', '.join(CRYSTAL_SYSTEMS)}")
    return frozenset(CRYSTAL_SYSTEMS[name.lower()])


def _elements(text: str, *, sets: bool = False) -> frozenset[int]:
    chosen: set[int] = set()
    for word in _words(text):
        if sets and word in NAMED_ELEMENTS:
            chosen |= NAMED_ELEMENTS[word]
            continue
        try:
            chosen.add(atomic_number(word))
        except InvalidGeneError:
            hint = f" and the sets {', '.join(NAMED_ELEMENTS)}" if sets else ""
            raise TargetError(f"element {word!r} given; allowed are element symbols{hint}, parted by commas") from None
    return frozenset(chosen)


def _stoichiometry(text: str) -> tuple[int, ...] | None:
    if not text.strip():
        return None
    parts = [part.strip() for part in text.split(":")]
    if not all(part.isdecimal() for part in parts):
        raise TargetError(f"stoichiometry {text!r} given; write whole numbers parted by colons, like 1:1:3")
    return tuple(int(part) for part in parts)


def _interval(text: str, what: str) -> Interval:
    try:
        return Interval.parse(text)
    except TargetError as error:
        raise TargetError(f"{what}: {error}") from None


def parse_counts(text: str, what: str) -> Interval:
    """Read an interval of whole numbers; empty allows all.

    Args:
        text: ``4``, ``1:4``, ``:30``.
        what: is counted, for messages.

    Raises:
        TargetError: it is malformed, has a broken bound, or lies below 1.
    """
    if not text.strip():
        return Interval()
    interval = _interval(text, what)
    for bound in (interval.low, interval.high):
        if math.isfinite(bound) and bound != int(bound):
            raise TargetError(f"{what} {text!r} given; allowed are whole numbers and intervals of them")
    if interval.high < 1:
        raise TargetError(f"{what} {text!r} given; it must be at least 1")
    return interval


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
