"""Engines by name."""

from __future__ import annotations

from collections.abc import Callable

from wyckforge.dft.engine import Engine
from wyckforge.errors import ConfigError


def load_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in _ENGINES:
        raise ConfigError(f"engine {name!r} given; allowed are {', '.join(NAMES)}")
    return _ENGINES[name]()


def _qe() -> Engine:
    from wyckforge.dft.qe.engine import QuantumEspresso

    return QuantumEspresso()


def _gpaw() -> Engine:
    from wyckforge.dft.gpaw.engine import Gpaw

    return Gpaw()


_ENGINES: dict[str, Callable[[], Engine]] = {"qe": _qe, "gpaw": _gpaw}

NAMES = tuple(_ENGINES)
"""What can be chosen."""
