from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.packages import MetalsPackage

if TYPE_CHECKING:
    from wyckforge.train.checkpoint import Checkpoint

# Timing on shared machines says nothing about correctness; continuous integration draws the same examples every time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """The checkpoint that comes with the package."""
    from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint

    return Checkpoint.load(bundled_checkpoint())


@pytest.fixture
def metals(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> MetalsPackage:
    """A package that offers a cheap potential, once it is installed."""
    return MetalsPackage(tmp_path_factory.mktemp("packages"), monkeypatch)
