from __future__ import annotations

import pytest

from wyckforge.dft.qe import pseudopotentials


@pytest.fixture(scope="session")
def files() -> None:
    """The pseudopotentials, fetched once for all runs of a user."""
    pseudopotentials.fetch()
