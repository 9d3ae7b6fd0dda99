"""Tables of genes: reading, building, splitting, scaling, and the embedded set."""
