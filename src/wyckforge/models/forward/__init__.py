"""Networks from crystals to properties, as published by others and by us, behind one interface."""
