from __future__ import annotations

from pathlib import Path

import pytest

from wyckforge.dft.qe import pseudopotentials


@pytest.fixture(scope="session")
def files() -> Path:
    """The folder of the pseudopotentials, fetched once for all runs of a user."""
    return pseudopotentials.fetch()
