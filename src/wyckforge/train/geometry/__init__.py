"""Training of the geometry model."""
