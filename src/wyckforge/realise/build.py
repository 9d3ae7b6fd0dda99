"""From a gene to a trial structure: random free parameters on the assigned Wyckoff positions, by PyXtal."""

from __future__ import annotations

import time
import warnings
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from wyckforge.data.atomic_volumes import atomic_volumes
from wyckforge.errors import StructureError, WyckforgeError
from wyckforge.realise.config import BuildConfig
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import symbol

if TYPE_CHECKING:
    from wyckforge.symmetry.gene import WyckoffGene

MIN_DISTANCE_ANGSTROM = 0.5
# (volume relative to known crystals, PyXtal's distance tolerance) of one try after the other. Cells start a little
# larger than known crystals: random atoms need room, and compressing is easier than unmixing.
VARIATIONS = ((1.1, 1.0), (1.2, 0.9), (1.3, 0.8), (1.4, 0.7))


class BuildFailure(WyckforgeError):
    """No structure with the gene's symmetry came out of the tries allowed."""


@cache
def tool() -> str:
    """Name and version of the builder."""
    return f"PyXtal {version('pyxtal')}"


def expected_volume(gene: WyckoffGene) -> float:
    """Sum of the atomic volumes over the conventional cell, in Å³; right to 16 % for 80 % of known crystals.

    Raises:
        BuildFailure: an element is in no known crystal.
    """
    volumes = atomic_volumes()
    counts = {symbol(number): count for number, count in gene.composition.items()}
    if missing := sorted(counts.keys() - volumes.keys()):
        raise BuildFailure(f"no atomic volume is known for {', '.join(missing)}; exclude the element")
    return sum(volumes[element] * count for element, count in counts.items())


def build(gene: WyckoffGene, *, seed: int, config: BuildConfig | None = None) -> Crystal:
    """A crystal (standardised conventional cell) that has exactly the gene's symmetry.

    Args:
        gene: what to build.
        seed: same seed, same crystal.
        config: how hard to try; the defaults if omitted.

    Raises:
        BuildFailure: no try gave the gene's group and canonical gene at symprec 0.01; the message has the last reason.
    """
    from wyckforge.symmetry.detection import detect

    config = config or BuildConfig()
    rng = np.random.default_rng(seed)
    wanted, volume = gene.canonical(), expected_volume(gene)
    deadline = time.monotonic() + config.timeout_s
    reason = ""
    for attempt in range(config.tries):
        if attempt and time.monotonic() > deadline:
            raise BuildFailure(f"{gene} was not built in {config.timeout_s:g} s and {attempt} tries: {reason}")
        factor, tolerance = VARIATIONS[attempt % len(VARIATIONS)]
        try:
            crystal = _draw(gene, volume=volume * factor, tolerance=tolerance, rng=rng)
            found = detect(crystal)
        except (BuildFailure, StructureError) as error:
            reason = str(error)
            continue
        if found.gene.canonical() == wanted:
            return found.crystal
        reason = f"the structure drawn has gene {found.gene.canonical()}, not {wanted}"
    raise BuildFailure(f"{gene} was not built in {config.tries} tries: {reason}")


def shortest_distance(crystal: Crystal, *, within: float = 4.0) -> float:
    """Shortest distance between two atoms, periodic images included, in Å; infinity if none is ``within`` so many Å."""
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    atoms = Atoms(numbers=crystal.numbers, cell=crystal.lattice, scaled_positions=crystal.frac_coords, pbc=True)
    return float(min(neighbor_list("d", atoms, cutoff=within), default=np.inf))


def _draw(gene: WyckoffGene, *, volume: float, tolerance: float, rng: np.random.Generator) -> Crystal:
    """One random structure of that volume; PyXtal rejects atoms that are too close for their radii."""
    from pyxtal import pyxtal
    from pyxtal.lattice import Lattice
    from pyxtal.msg import Comp_CompatibilityError, VolumeError
    from pyxtal.symmetry import Group

    # PyXtal wants each species once, with all its sites.
    sites: dict[int, list[str]] = {}
    for number, letter in gene.sites:
        sites.setdefault(number, []).append(f"{gene.table.multiplicity(letter)}{letter}")
    counts = gene.composition
    structure = pyxtal()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            group = Group(gene.space_group)
            structure.from_random(
                dim=3,
                group=group,
                species=[symbol(number) for number in sites],
                numIons=[counts[number] for number in sites],
                sites=list(sites.values()),
                lattice=Lattice(group.lattice_type, volume, unique_axis="c", random_state=rng),
                t_factor=tolerance,
                max_count=1,
                random_state=rng,
            )
    except (RuntimeError, Comp_CompatibilityError, VolumeError) as error:
        raise BuildFailure(f"PyXtal found no room for the atoms ({error})") from error
    atoms = structure.to_ase(resort=False)
    crystal = Crystal(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions())
    if (distance := shortest_distance(crystal)) < MIN_DISTANCE_ANGSTROM:
        raise BuildFailure(f"two atoms are {distance:.2f} Å apart, allowed are {MIN_DISTANCE_ANGSTROM} Å and more")
    return crystal
