"""Potentials by name: those that wyckforge installs, and those that other packages offer by entry point."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from wyckforge.errors import ConfigError, MissingDependencyError
from wyckforge.potential.contract import Potential

ENTRY_POINTS = "wyckforge.potentials"
"""Group of entry points; each names a function without arguments that gives a Potential or an ASE calculator."""

DEFAULT = "chgnet"


def names() -> tuple[str, ...]:
    """What can be chosen: the installed potentials, then those of other packages."""
    return (*_OWN, *sorted(_offered().keys() - _OWN.keys()))


@cache
def load_potential(name: str = DEFAULT) -> Potential:
    """The potential of that name, one per process.

    Raises:
        ConfigError: there is none.
        MissingDependencyError: the package that offers it cannot give it; the message has its own reason.
    """
    if name in _OWN:
        return _OWN[name]()
    if name not in (offered := _offered()):
        raise ConfigError(
            f"potential {name!r} given; allowed are {', '.join(names())}. A package adds its own by an entry point of "
            f"the group {ENTRY_POINTS!r}"
        )
    return _from_elsewhere(offered[name])


def _offered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _from_elsewhere(entry: EntryPoint) -> Potential:
    from ase.calculators.calculator import Calculator

    from wyckforge.potential.ase_bridge import AsePotential

    origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    try:
        made: Any = entry.load()()
    except Exception as error:
        # whatever another package does wrong is told to whoever chose it
        raise MissingDependencyError(f"potential {entry.name!r} of {origin} cannot be loaded: {error}") from error
    if isinstance(made, Potential):
        return made
    if isinstance(made, Calculator):
        return AsePotential(made, name=entry.name, tool=f"{entry.name} ({origin})")
    raise MissingDependencyError(
        f"potential {entry.name!r} of {origin} gave a {type(made).__name__}; it must give a "
        "wyckforge.potential.contract.Potential or an ASE calculator"
    )


def _chgnet() -> Potential:
    from wyckforge.potential.chgnet import Chgnet

    return Chgnet()


def _sevennet(weights: str) -> Potential:
    from wyckforge.potential.sevennet import sevennet

    return sevennet(weights)


_OWN: dict[str, Callable[[], Potential]] = {
    "chgnet": _chgnet,
    "sevennet-0": lambda: _sevennet("7net-0"),
    "sevennet-l3i5": lambda: _sevennet("7net-l3i5"),
}
