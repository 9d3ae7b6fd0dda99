from __future__ import annotations

import sys
from pathlib import Path

# The benchmarks are scripts: Python puts their folder first on the path when it runs them.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
