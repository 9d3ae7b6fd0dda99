"""Hypothesis strategies that several rooms share."""

from __future__ import annotations

from hypothesis import strategies as st

from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.symmetry.tables import space_group

space_groups = st.integers(1, 230)
elements = st.integers(1, 118)


@st.composite
def genes(
    draw: st.DrawFn,
    numbers: st.SearchStrategy[int] = space_groups,
    elements: st.SearchStrategy[int] = elements,
    max_orbits: int = 6,
) -> WyckoffGene:
    """Any valid gene: free positions may hold several orbits, positions without a free parameter one."""
    group = space_group(draw(numbers))
    letters: list[str] = []
    for letter in draw(st.lists(st.sampled_from(group.letters), min_size=1, max_size=max_orbits)):
        if group.degrees_of_freedom(letter) > 0 or letter not in letters:
            letters.append(letter)
    return WyckoffGene(group.number, tuple((draw(elements), letter) for letter in letters))
