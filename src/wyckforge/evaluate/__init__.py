"""Metrics of models, with intervals."""
