"""From tables of crystals to one file of numbers that the geometry model learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from wyckforge.data.atomic_volumes import atomic_volumes
from wyckforge.errors import WyckforgeError
from wyckforge.models.geometry.model import fits
from wyckforge.models.geometry.sequence import Layout, cell_features
from wyckforge.models.geometry.surroundings import GRID, Placed, Reals, contact_table, distances, with_last
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import atomic_number
from wyckforge.symmetry.lattice import full_cell, lattice_matrix
from wyckforge.symmetry.parameters import Parameters, canonical_parameters, orbit_of, parameters_of
from wyckforge.symmetry.tables import LETTERS
from wyckforge.train.geometry.examples import ROOM_SCALE, UNSEEN, Examples

_GRID = np.arange(GRID) / GRID


def parameters_of_crystal(crystal: Crystal) -> Parameters:
    """The canonical description of a crystal given in any cell.

    Raises:
        StructureError: no symmetry can be determined.
    """
    from wyckforge.symmetry.detection import detect

    found = detect(crystal)
    return canonical_parameters(parameters_of(found.gene, found.crystal, found.site_letters))


def describe_all(crystals: Sequence[Crystal], progress: bool = False) -> list[Parameters | None]:
    """Canonical descriptions; ``None`` where there is none, or where the model cannot hold the crystal."""
    volumes = {atomic_number(name) for name in atomic_volumes()}
    found: list[Parameters | None] = []
    for crystal in tqdm(crystals, desc="describe", disable=not progress):
        try:
            one = parameters_of_crystal(crystal)
        except WyckforgeError:
            found.append(None)
            continue
        found.append(one if fits(one.gene) and volumes.issuperset(one.gene.elements) else None)
    return found


def contacts_of(parameters: Sequence[Parameters], progress: bool = False) -> Reals:
    """(119, 119) contact distances in Å, from what is seen in crystals."""
    shortest: dict[tuple[int, int], list[float]] = {}
    for one in tqdm(parameters, desc="contacts", disable=not progress):
        for pair, distance in shortest_by_pair(one).items():
            shortest.setdefault(pair, []).append(distance)
    return contact_table(shortest)


def prepare(
    parameters: Sequence[Parameters],
    parts: NDArray[np.uint8],
    contacts: Reals,
    elements: Sequence[int],
    features: NDArray[np.float32],
    progress: bool = False,
) -> Examples:
    """Everything that the model sees of n crystals.

    Args:
        parameters: canonical descriptions.
        parts: (n,) the part each belongs to.
        contacts: (119, 119) contact distances in Å, by atomic numbers.
        elements: (E,) atomic numbers of the vocabulary.
        features: (E, f) their chemistry.
        progress: show a bar.
    """
    rows = [_row(one, contacts) for one in tqdm(parameters, desc="surroundings", disable=not progress)]
    return Examples(
        part=parts.astype(np.uint8),
        **{name: np.concatenate([row[name] for row in rows]) for name in rows[0]},
        contacts=contacts,
        elements=np.array(elements, np.uint8),
        features=features,
    )


def shortest_by_pair(parameters: Parameters) -> dict[tuple[int, int], float]:
    """Shortest distance in Å of every pair of elements, by ascending atomic numbers."""
    number, sites = parameters.gene.space_group, parameters.gene.sites
    points = parameters.positions()
    orbits = [orbit_of(number, letter, point) for (_, letter), point in zip(sites, points, strict=True)]
    lattice = lattice_matrix(full_cell(number, parameters.cell))[None].astype(np.float32)
    atoms = np.concatenate(orbits)[None].astype(np.float32)
    firsts = np.array([orbit[0] for orbit in orbits])[None].astype(np.float32)
    apart = distances(firsts, atoms, lattice)[0]
    starts = np.concatenate([[0], np.cumsum([len(orbit) for orbit in orbits])])
    apart[np.arange(len(orbits)), starts[:-1]] = np.inf
    by_orbit = np.minimum.reduceat(apart, starts[:-1], axis=1)
    found: dict[tuple[int, int], float] = {}
    for i, (z, _) in enumerate(sites):
        for j, (other, _) in enumerate(sites):
            pair = (min(z, other), max(z, other))
            if np.isfinite(by_orbit[i, j]):
                found[pair] = min(found.get(pair, np.inf), float(by_orbit[i, j]))
    return found


def _row(parameters: Parameters, contacts: Reals) -> dict[str, NDArray[Any]]:
    """The arrays of one crystal, by the names of :class:`Examples`."""
    layout = Layout(parameters.gene)
    number = parameters.gene.space_group
    cell = full_cell(number, parameters.cell)
    placed = Placed(lattice_matrix(cell)[None], number, contacts)
    per_orbit: dict[str, list[NDArray[Any]]] = {"point": [], "near": [], "near_element": [], "room": []}
    for k, (z, letter) in zip(layout.order, layout.orbits, strict=True):
        values = parameters.coordinates[k][None]
        if values.size:
            clear = placed.room(z, letter, with_last(values[:, :-1], _GRID[None]))
            room = np.rint(clear * ROOM_SCALE).astype(np.uint8)
        else:
            room = np.full((1, GRID), UNSEEN, np.uint8)
        near, elements, point = placed.put(z, letter, values)
        kept = (point, near.astype(np.float16), elements.astype(np.uint8), room)
        for name, array in zip(per_orbit, kept, strict=True):
            per_orbit[name].append(array)
    return {
        "group": np.array([number - 1], np.uint8),
        "n_orbits": np.array([len(layout.orbits)], np.uint8),
        "n_steps": np.array([len(layout.steps)], np.uint8),
        "cell": cell_features(cell[None]),
        "element": np.array([z for z, _ in layout.orbits], np.uint8),
        "letter": np.array([LETTERS.index(letter) for _, letter in layout.orbits], np.uint8),
        "kind": np.array([kind for kind, _ in layout.steps], np.uint8),
        "orbit": np.array([orbit for _, orbit in layout.steps], np.int16),
        "number": layout.numbers(parameters).astype(np.float32),
        "known": layout.known_rows.astype(np.uint8),
        "completes": layout.completes.astype(np.uint8),
        **{name: np.concatenate(arrays) for name, arrays in per_orbit.items()},
    }
