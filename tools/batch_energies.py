"""Single points of all known crystals by SevenNet, many in one batch: a minute on a GPU, hours on a processor.

    python tools/batch_energies.py prepare cells.npz            # needs the data
    python tools/batch_energies.py compute cells.npz sevennet-0.npz --weights 7net-0

The second step needs ``sevenn`` alone, so that the cells can go to a machine with a GPU and the energies come back.
They agree with ``load_potential("sevennet-0")`` to 1e-5 eV/atom.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from tqdm import tqdm

ATOMS_AT_ONCE = {"cuda": 3000, "cpu": 60}
MOST_ATOMS = 60

Graph = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cells:
    """n cells in flat arrays.

    Attributes:
        ids: (n,) identifiers.
        size: (n,) atoms.
        lattice: (n, 3, 3) row vectors in Å.
        numbers: (all atoms,) atomic numbers.
        coords: (all atoms, 3) fractional coordinates.
    """

    ids: NDArray[np.str_]
    size: NDArray[np.int64]
    lattice: NDArray[np.float64]
    numbers: NDArray[np.int64]
    coords: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Those of a file, in double precision."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(
                stored["ids"],
                stored["size"].astype(np.int64),
                stored["lattice"].astype(np.float64),
                stored["numbers"].astype(np.int64),
                stored["coords"].astype(np.float64),
            )

    def atoms(self) -> list[Atoms]:
        """All cells."""
        ends = np.cumsum(self.size)
        return [
            Atoms(numbers=self.numbers[i:j], cell=lattice, scaled_positions=self.coords[i:j], pbc=True)
            for i, j, lattice in zip(ends - self.size, ends, self.lattice, strict=True)
        ]


@click.group()
def main() -> None:
    """Energies of all known crystals, in batches."""


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Parquet of known structures.")
def prepare(out: Path, data: Path | None) -> None:
    """Write the primitive cells of all crystals, the embedded ones and the lattices of the elements to OUT."""
    from build_reference_hull import DATA
    from known_phases import every_crystal

    entries = [entry for entry in every_crystal(data or DATA) if len(entry.atoms) <= MOST_ATOMS]
    np.savez_compressed(
        out,
        ids=np.array([entry.id for entry in entries]),
        size=np.array([len(entry.atoms) for entry in entries]),
        lattice=np.array([entry.atoms.cell.array for entry in entries], np.float32),
        numbers=np.concatenate([entry.atoms.numbers for entry in entries]).astype(np.uint8),
        coords=np.concatenate([entry.atoms.get_scaled_positions() for entry in entries]).astype(np.float32),
    )
    click.echo(f"{len(entries)} cells in {out}")


@main.command()
@click.argument("cells", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--weights", default="7net-0", show_default=True, help="SevenNet weights by name, or a file of them.")
@click.option("--every", default=1, show_default=True, help="Take one of so many cells, to try it out.")
def compute(cells: Path, out: Path, weights: str, every: int) -> None:
    """Energies (eV), largest forces (eV/Å) and stresses (Voigt) of CELLS to OUT; NaN where there is no answer."""
    import torch

    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_model(weights, place)
    given = Cells.read(cells)
    atoms = given.atoms()
    n = len(given.ids)
    energy, fmax, stress = np.full(n, np.nan), np.full(n, np.nan), np.full((n, 6), np.nan)
    rows = np.argsort(given.size, kind="stable")[::every]
    batches = list(in_batches(rows, given.size, ATOMS_AT_ONCE[place.type]))
    cutoff = float(model.cutoff)
    with ProcessPoolExecutor(6 if place.type == "cuda" else 1) as pool:
        graphs = pool.map(graphs_of, [[atoms[row] for row in batch] for batch in batches], [cutoff] * len(batches))
        for batch, made in zip(batches, tqdm(graphs, total=len(batches)), strict=True):
            seen = [(row, graph) for row, graph in zip(batch, made, strict=True) if can_see(graph, model.type_map)]
            if seen:
                answered = [row for row, _ in seen]
                found = ask(model, [graph for _, graph in seen], place)
                energy[answered], fmax[answered], stress[answered] = found
    np.savez_compressed(out, ids=given.ids, energy=energy, fmax=fmax, stress=stress)
    click.echo(f"{int(np.isfinite(energy).sum())} of {len(rows)} energies in {out}")


def in_batches(rows: NDArray[np.int64], size: NDArray[np.int64], most: int) -> Iterator[list[int]]:
    """Rows in groups that end once they hold ``most`` atoms."""
    group: list[int] = []
    for row in rows.tolist():
        group.append(row)
        if size[group].sum() >= most:
            yield group
            group = []
    if group:
        yield group


def load_model(weights: str, place: Any) -> Any:
    """The network, set to take batches."""
    from sevenn.util import load_checkpoint

    model = load_checkpoint(weights).build_model()
    model.set_is_batch_data(True)
    return model.to(place).eval()


def graphs_of(cells: list[Atoms], cutoff: float) -> list[Graph]:
    """Atoms and their neighbours as the network takes them."""
    from sevenn.train.dataload import unlabeled_atoms_to_graph

    return [unlabeled_atoms_to_graph(atoms, cutoff) for atoms in cells]


def can_see(graph: Graph, known: dict[int, int]) -> bool:
    """Whether the network knows all elements, and every atom of a compound has a neighbour.

    The atoms of caesium lie 5.3 Å apart, further than SevenNet sees. What it says of such an atom it has learned from
    the metal: -0.847 eV, and the energy changes smoothly as neighbours come into sight.
    """
    numbers = np.asarray(graph["atomic_numbers"]).reshape(-1)
    elements = set(numbers.tolist())
    seen = len(np.unique(graph["edge_index"][0])) == len(numbers)
    return elements <= known.keys() and (seen or len(elements) == 1)


def ask(
    model: Any, graphs: list[Graph], place: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Energies (k,), largest forces (k,) and stresses (k, 6) of k cells."""
    import sevenn._keys as key
    from sevenn.atom_graph_data import AtomGraphData
    from torch_geometric.data import Batch

    found = model(Batch.from_data_list([AtomGraphData.from_numpy_dict(graph) for graph in graphs]).to(place))
    sizes = [len(np.asarray(graph["atomic_numbers"]).reshape(-1)) for graph in graphs]
    forces = np.linalg.norm(found[key.PRED_FORCE].detach().cpu().numpy(), axis=1)
    return (
        found[key.PRED_TOTAL_ENERGY].detach().cpu().numpy().reshape(-1),
        np.maximum.reduceat(forces, np.concatenate([[0], np.cumsum(sizes)[:-1]])),
        found[key.PRED_STRESS].detach().cpu().numpy().reshape(-1, 6),
    )


if __name__ == "__main__":
    main()
