"""Design inorganic crystals on demand: a target in, new symmetric relaxed crystals out."""

__version__ = "0.1.0"
