"""GPAW behind the contract of engines."""
