from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyckforge.errors import StructureError
from wyckforge.symmetry.lattice import cell_of_metric, full_cell, lattice_matrix, metric_tensor


@given(st.tuples(*[st.floats(2, 20)] * 3, *[st.floats(70, 110)] * 3))
def test_edges_and_angles_survive_the_metric(cell: tuple[float, ...]) -> None:
    np.testing.assert_allclose(cell_of_metric(metric_tensor(cell)), cell, atol=1e-6)
    matrix = lattice_matrix(cell)
    np.testing.assert_allclose(matrix @ matrix.T, metric_tensor(cell), atol=1e-9)


def test_cells_of_each_system_hold_its_constraints() -> None:
    assert full_cell(225, [4.0]).tolist() == [4, 4, 4, 90, 90, 90]
    assert full_cell(194, [3.0, 5.0]).tolist() == [3, 3, 5, 90, 90, 120]
    assert full_cell(14, [3.0, 4.0, 5.0, 101.0]).tolist() == [3, 4, 5, 90, 101, 90]


def test_angles_that_no_cell_has_are_refused() -> None:
    with pytest.raises(StructureError, match="no cell has"):
        lattice_matrix([3, 3, 3, 20, 60, 150])
