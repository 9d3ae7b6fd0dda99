"""The geometry model: where the atoms of a Wyckoff gene lie, as a distribution to draw from."""
