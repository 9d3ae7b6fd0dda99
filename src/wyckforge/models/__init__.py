"""The Wyckoff representation and the networks that learn it."""
