"""Errors a user can cause.

Every message names what was given, what is allowed and what to do. The command line prints the message of a
:class:`WyckforgeError` on standard error and exits with status 2; any other exception is a defect of ours.
"""


class WyckforgeError(Exception):
    """Base of all errors that a user can mend."""


class InvalidGeneError(WyckforgeError):
    """A Wyckoff gene that cannot exist: unknown group, letter or element, or a point position used twice."""


class StructureError(WyckforgeError):
    """A crystal structure that cannot be read or whose symmetry cannot be determined."""


class TableError(WyckforgeError):
    """A table that lacks a column, mixes label vintages, or is not a table."""


class TargetError(WyckforgeError):
    """A design target that contradicts itself, is malformed, or that no known crystal can seed."""


class ConfigError(WyckforgeError):
    """A configuration with an unknown key or a value out of range."""


class CheckpointError(WyckforgeError):
    """A checkpoint folder that is incomplete, truncated, or not a checkpoint."""


class MissingDependencyError(WyckforgeError):
    """A file or an optional package that the command needs and that is absent."""
