"""Training of forward models: one loop for all networks, and models that combine what others say."""
