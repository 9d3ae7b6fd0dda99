"""Lattice vibrations by finite displacements: which crystals are stable, and what the others turn into."""
