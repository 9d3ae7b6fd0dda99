"""Crystals whose inputs are kept, and real outputs; see docs/data-credits.md for where they are from."""

from __future__ import annotations

from pathlib import Path

from pymatgen.core import Lattice, Structure

from wyckforge.dft.vasp.sets import crystal_of
from wyckforge.symmetry.crystal import Crystal

HERE = Path(__file__).parent
DATA = HERE / "data"
GOLDEN = HERE / "golden"


def example(name: str) -> Crystal:
    """One of the crystals, in its conventional cell."""
    group, edge, elements, places = {
        "fcc": ("Fm-3m", 3.9, ["Si"], [[0, 0, 0]]),  # what the relaxation among the outputs began with
        "si": ("Fd-3m", 5.43, ["Si"], [[0, 0, 0]]),
        "nio": ("Fm-3m", 4.19, ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "kfef3": ("Pm-3m", 4.12, ["K", "Fe", "F"], [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0]]),
        "fes2": ("Pa-3", 5.418, ["Fe", "S"], [[0, 0, 0], [0.385, 0.385, 0.385]]),
    }[name]
    return crystal_of(Structure.from_spacegroup(group, Lattice.cubic(edge), elements, places))
