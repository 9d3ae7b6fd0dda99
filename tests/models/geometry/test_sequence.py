from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import genes

from wyckforge.models.geometry.sequence import FIXED, VOLUME, Layout, X
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.lattice import FREE_CELL
from wyckforge.symmetry.parameters import Parameters, place


def some(gene: WyckoffGene, seed: int) -> Parameters:
    rng = np.random.default_rng(seed)
    every = np.array([5.0, 7.0, 11.0, 81.0, 98.0, 104.0]) + rng.uniform(-0.7, 0.7, 6)
    cell = every[list(FREE_CELL[gene.table.crystal_system])]
    sites = [gene.table.degrees_of_freedom(letter) for _, letter in gene.sites]
    return Parameters(gene, cell, tuple(rng.random(d) for d in sites))


common = st.sampled_from((1, 8, 11, 17, 22, 26, 57))


@settings(max_examples=200, deadline=None)
@given(genes(elements=common), st.integers(0, 2**32 - 1))
def test_a_crystal_and_its_sequence_are_the_same(gene: WyckoffGene, seed: int) -> None:
    wanted, layout = some(gene, seed), Layout(gene)
    numbers = layout.numbers(wanted)
    assert len(numbers) == len(layout.steps)
    free = len(wanted.cell) + gene.degrees_of_freedom
    assert sum(kind != FIXED for kind, _ in layout.steps) == free
    found = layout.parameters(numbers)
    np.testing.assert_allclose(found.cell, wanted.cell, rtol=1e-9)
    for one, other in zip(found.coordinates, wanted.coordinates, strict=True):
        np.testing.assert_allclose(one, other)


@settings(max_examples=100, deadline=None)
@given(genes(elements=common), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_what_counts_as_settled_does_not_change_any_more(gene: WyckoffGene, seed: int, later: float) -> None:
    layout, parameters = Layout(gene), some(gene, seed)
    for t, (kind, orbit) in enumerate(layout.steps):
        if orbit < 0:
            assert not layout.known_rows[t].any()
            continue
        letter, values = layout.orbits[orbit][1], parameters.coordinates[layout.order[orbit]].copy()
        before = place(gene.space_group, letter, values)
        drawn = 0 if kind == FIXED else sum(one == orbit for _, one in layout.steps[: t + 1])
        values[drawn:] = later
        after = place(gene.space_group, letter, values)
        np.testing.assert_allclose(after[layout.known_rows[t]], before[layout.known_rows[t]])
        if layout.completes[t]:
            assert layout.known_rows[t].all()


def test_orbits_come_by_freedom_then_electronegativity() -> None:
    layout = Layout(WyckoffGene.parse("62|Ca:c|Ti:a|O:cd"))
    assert layout.orbits == ((22, "a"), (20, "c"), (8, "c"), (8, "d"))
    assert [kind for kind, _ in layout.steps] == [0, 1, 2, FIXED, X, X + 2, X, X + 2, X, X + 1, X + 2]


def test_the_volume_is_relative_to_the_atoms() -> None:
    layout = Layout(WyckoffGene.parse("225|Na:a|Cl:b"))
    edge = layout.atoms_volume ** (1 / 3)
    numbers = layout.numbers(Parameters(layout.gene, np.array([edge * 1.1]), (np.zeros(0), np.zeros(0))))
    np.testing.assert_allclose(numbers[VOLUME], 3 * np.log(1.1))


def test_a_cell_that_cannot_be_is_not_a_number() -> None:
    layout = Layout(WyckoffGene.parse("1|Na:a"))
    flat = np.array([[0.0, 0.0, 0.0, -4.0, 4.0, 0.0]])
    assert np.isnan(layout.cells(flat)[0, :3]).all()
