from __future__ import annotations

import os

from hypothesis import settings

# Timing on shared machines says nothing about correctness; continuous integration draws the same examples every time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
