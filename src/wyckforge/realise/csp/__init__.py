"""Crystal-structure prediction for a formula: which positions, which coordinates, and which of it is lowest."""
