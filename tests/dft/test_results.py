from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wyckforge.dft.results import Bands, Ground, PathPiece, Result
from wyckforge.errors import StructureError
from wyckforge.symmetry.crystal import Crystal

SILICON = Crystal(
    np.array([[0, 2.73, 2.73], [2.73, 0, 2.73], [2.73, 2.73, 0]]), np.array([14, 14]), np.array([[0.0] * 3, [0.25] * 3])
)


def bands(electrons: tuple[float, ...], *, spins: int = 1, spinor: bool = False) -> Bands:
    energies = np.arange(spins * 2 * 6, dtype=float).reshape(spins, 2, 6)
    path = (PathPiece(("GAMMA", "X"), 0, 2),)
    return Bands(SILICON, np.array([[0.0] * 3, [0.5, 0, 0.5]]), energies, electrons, 1.5, path, None, spinor, "a tool")


def ground() -> Ground:
    return Ground(SILICON, -215.5, (8.0,), 6.1, (6, 6, 6), 680.0, 0.0, None, {"Mn": 3.9}, "a tool")


@pytest.mark.parametrize("result", [bands((8.0,)), ground()], ids=["bands", "ground"])
def test_results_come_back_from_their_file(result: Result, tmp_path: Path) -> None:
    result.write(tmp_path / "result.json")

    read = type(result).read(tmp_path / "result.json")

    assert read.to_dict() == result.to_dict()
    assert type(read.to_dict()) is dict
    if isinstance(read, Bands):
        assert read.energies.shape == (1, 2, 6)
        assert read.path[0].labels == ("GAMMA", "X")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"crystal": 1}', '{"nonsense": 1}'])
def test_what_is_no_result_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)

    with pytest.raises(StructureError, match="compute it anew"):
        Ground.read(path)


def test_filled_bands_follow_from_the_electrons() -> None:
    assert bands((8.0,)).occupied == (4,)
    assert bands((4.0,), spinor=True).occupied == (4,)
    assert bands((5.0, 3.0), spins=2).occupied == (5, 3)
    assert bands((7.0,)).occupied is None
    assert bands((4.4, 3.6), spins=2).occupied is None
