from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROCK_SALT = """{name}
{edge}
0.0 0.5 0.5
0.5 0.0 0.5
0.5 0.5 0.0
{a} {b}
1 1
direct
0.0 0.0 0.0
0.5 0.5 0.5
"""


@pytest.fixture
def write_rock_salt(tmp_path: Path) -> Callable[..., Path]:
    """Writes a POSCAR file of two elements in the structure of rock salt to the folder of the test."""

    def written(name: str, a: str, b: str, *, edge: float = 5.64) -> Path:
        path = tmp_path / f"{name}.vasp"
        path.parent.mkdir(exist_ok=True)
        path.write_text(ROCK_SALT.format(name=path.stem, edge=edge, a=a, b=b))
        return path

    return written
