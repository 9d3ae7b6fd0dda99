from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from wyckforge.errors import InvalidGeneError
from wyckforge.models.orbitvae.state import State
from wyckforge.symmetry.gene import WyckoffGene

NACL = (11, 17)


def arrays(state: State) -> list[list[object]]:
    return [getattr(state, field.name).tolist() for field in fields(state)]


def test_orbits_are_counted_and_the_state_before_is_kept() -> None:
    start = State.start(np.array([224, 0, 224]), max_sites=3, max_elements=2)
    before = arrays(start)
    one = start.add(np.array([2, 0]), np.array([0, 1]), np.array([0, 2]))
    two = one.add(np.array([2]), np.array([1]), np.array([1]))
    assert arrays(start) == before
    assert two.n_sites.tolist() == [1, 0, 2]
    assert two.n_elements.tolist() == [1, 0, 2]
    assert two.n_atoms.tolist() == [8, 0, 8]
    assert two.counts.tolist() == [[8, 0], [0, 0], [4, 4]]
    assert two.take(np.array([2, 0])).genes(NACL) == [WyckoffGene.parse("225|Na:a|Cl:b"), WyckoffGene.parse("225|Cl:c")]


def test_a_gene_without_an_orbit_is_none() -> None:
    with pytest.raises(InvalidGeneError, match="at least one"):
        State.start(np.array([0]), max_sites=1, max_elements=1).genes(NACL)
