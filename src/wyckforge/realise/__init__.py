"""From genes to structures: build, relax, energy above hull."""
