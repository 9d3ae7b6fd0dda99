from __future__ import annotations

import numpy as np
import pytest
from tests.realise.metals import emt

from wyckforge.potential.contract import PotentialError
from wyckforge.potential.counted import Counted


def test_calls_are_counted_whether_answered_or_not() -> None:
    potential, plain = Counted(emt()), emt()
    copper = 1.8 * (np.ones((3, 3)) - np.eye(3)), np.array([29]), np.zeros((1, 3))
    assert potential.evaluate(*copper).energy_ev == plain.evaluate(*copper).energy_ev
    with pytest.raises(PotentialError):
        potential.evaluate(20 * np.eye(3), *copper[1:])
    assert potential.calls == 2
    assert (potential.name, potential.tool, potential.corrections) == (plain.name, plain.tool, plain.corrections)
