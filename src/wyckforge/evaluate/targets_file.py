"""A file of named targets, for comparing what a generator aims at with what it hits."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from wyckforge.errors import TargetError
from wyckforge.records import Target
from wyckforge.settings import Configuration
from wyckforge.targets import TargetConfig, parse_target


class _NamedTarget(TargetConfig, Configuration):
    PAGE: ClassVar[str] = "docs/concepts/generation_metrics.md"


def read_targets(path: Path | str) -> dict[str, Target]:
    """Read a TOML file with one table ``[name]`` per target.

    The keys are those of ``[target]`` in a design run, but for the weights: what counts as a hit has none.

    Returns:
        The targets by name, in the order of the file.

    Raises:
        ConfigError: the file cannot be read, or a table has an unknown key.
        TargetError: the file holds no target, something outside a table, or a target that contradicts itself
            or has weights.
    """
    tables = _NamedTarget.read_toml(path)
    if not tables:
        raise TargetError(f"{path} holds no target; write one table [name] per target, see {_NamedTarget.PAGE}")
    targets = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise TargetError(f"{path}: {name} = {table!r} stands outside a table; write it below [name]")
        config = _NamedTarget.from_dict(table, source=f"{path} [{name}]")
        if config.weights:
            raise TargetError(f"{path} [{name}]: weights given; a hit is all properties at once, leave them to design")
        try:
            targets[name] = parse_target(config)
        except TargetError as error:
            raise TargetError(f"{path} [{name}]: {error}") from None
    return targets
