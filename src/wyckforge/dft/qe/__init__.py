"""Quantum ESPRESSO behind the contract of engines."""
