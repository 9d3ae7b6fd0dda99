"""Engines by name: those that wyckforge brings, and those that other packages offer by entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from wyckforge.dft.engine import Engine
from wyckforge.errors import ConfigError, MissingDependencyError

ENTRY_POINTS = "wyckforge.engines"
"""Group of entry points; each names a function without arguments that gives an Engine."""


def names() -> tuple[str, ...]:
    """What can be chosen."""
    return (*_OWN, *sorted(_offered().keys() - _OWN.keys()))


def load_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        ConfigError: there is none.
        MissingDependencyError: the package that offers it cannot give it; the message has its own reason.
    """
    if name in _OWN:
        return _OWN[name]()
    if name not in (offered := _offered()):
        raise ConfigError(
            f"engine {name!r} given; allowed are {', '.join(names())}. A package adds its own by an entry point of "
            f"the group {ENTRY_POINTS!r}"
        )
    entry = offered[name]
    try:
        made = entry.load()()
    except Exception as error:
        # whatever another package does wrong is told to whoever chose it
        raise MissingDependencyError(f"engine {name!r} of {entry.value} cannot be loaded: {error}") from error
    if not isinstance(made, Engine):
        raise MissingDependencyError(
            f"engine {name!r} of {entry.value} gave a {type(made).__name__}; it must give a wyckforge.dft.engine.Engine"
        )
    return made


def _offered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


def _qe() -> Engine:
    from wyckforge.dft.qe.engine import QuantumEspresso

    return QuantumEspresso()


def _gpaw() -> Engine:
    from wyckforge.dft.gpaw.engine import Gpaw

    return Gpaw()


_OWN: dict[str, Callable[[], Engine]] = {"qe": _qe, "gpaw": _gpaw}
