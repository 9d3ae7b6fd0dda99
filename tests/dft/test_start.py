from __future__ import annotations

import numpy as np
import pytest
from tests.dft.model_bands import FCC

from wyckforge.dft.start import start_of
from wyckforge.errors import StructureError
from wyckforge.realise.zone_path import Path
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect


def test_rounded_coordinates_keep_the_symmetry() -> None:
    rounded = Crystal(
        np.array([[0, 2.734, 2.735], [2.735, 0, 2.734], [2.734, 2.735, 0]]),
        np.array([14, 14]),
        np.array([[0, 0, 0], [0.2501, 0.2499, 0.25]]),
    )
    start = start_of(rounded)

    assert detect(rounded, symprec=1e-4).gene.space_group != 227
    assert detect(start, symprec=1e-4).gene.space_group == 227
    assert start.volume / len(start) == pytest.approx(rounded.volume / 2, rel=1e-3)
    assert Path.of(start).segments[0].labels == ("GAMMA", "X")


def test_a_symmetric_crystal_stays_as_it_is() -> None:
    assert start_of(FCC) is FCC


def test_atoms_on_top_of_each_other_are_told() -> None:
    close = Crystal(FCC.lattice, FCC.numbers, np.array([[0, 0, 0], [0.02, 0, 0]]))
    with pytest.raises(StructureError, match=r"closer than 0\.5 Å"):
        start_of(close)
