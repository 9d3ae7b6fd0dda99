"""Training, transfer to new labels, and checkpoints."""
