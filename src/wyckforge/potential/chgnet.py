"""CHGNet 0.3.0 as an ASE calculator: quiet, counted, and loaded once per process."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import GPa
from chgnet.model import CHGNet
from pymatgen.core import Structure

from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from chgnet.graph import CrystalGraph
    from numpy.typing import NDArray

MODEL_NAME = "0.3.0"
TOOL = f"CHGNet {MODEL_NAME}"


class PotentialError(Exception):
    """The potential has no answer for a structure: atoms without neighbours, or a value that is not finite."""


@cache
def load_model() -> CHGNet:
    """The pretrained network on one CPU thread; its greeting and its warnings are silenced."""
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CHGNet.load(model_name=MODEL_NAME, use_device="cpu", verbose=False)
    model.graph_converter.set_isolated_atom_response("error")
    return model


def graph_of(
    lattice: NDArray[np.float64], numbers: NDArray[np.int64], frac_coords: NDArray[np.float64]
) -> CrystalGraph:
    """Atoms, bonds and angles as the network takes them.

    Raises:
        PotentialError: an atom has no neighbour within 6 Å.
    """
    convert = load_model().graph_converter
    with _answering():
        return convert(Structure(lattice, numbers, frac_coords))


def evaluate(
    lattice: NDArray[np.float64],
    numbers: NDArray[np.int64],
    frac_coords: NDArray[np.float64],
    *,
    task: str = "efs",
    **features: bool,
) -> dict[str, NDArray[np.float32]]:
    """CHGNet's raw prediction: ``e`` in eV/atom, ``f`` (n, 3) in eV/Å, ``s`` (3, 3) in GPa, ``m`` (n,) in μB.

    Args:
        lattice: (3, 3) row vectors in Å.
        numbers: (n,) atomic numbers.
        frac_coords: (n, 3) fractional coordinates.
        task: letters of what is asked for: ``efs``, or ``e`` for the energy alone, at a third of the time.
        features: what else ``CHGNet.predict_graph`` shall return.

    Raises:
        PotentialError: an atom has no neighbour within 6 Å, or the prediction is not finite.
    """
    return predicted(graph_of(lattice, numbers, frac_coords), task=task, **features)


def predicted(graph: CrystalGraph, *, task: str, **features: bool) -> dict[str, NDArray[np.float32]]:
    """The same for a graph.

    Raises:
        PotentialError: the prediction is not finite.
    """
    model = load_model()
    with _answering():
        prediction: dict[str, Any] = model.predict_graph(graph, task=task, **features)
    if not all(np.isfinite(value).all() for value in prediction.values()):
        raise PotentialError("CHGNet's answer is not finite")
    return prediction


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Turn the network's errors about a structure into ours, and keep its warnings to itself.

    Memory that ran out says nothing about the structure: that error passes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (IndexError, ValueError, RuntimeError) as error:
        if "memory" in str(error).lower():
            raise
        raise PotentialError(f"CHGNet cannot describe the structure: {error}") from error


def energy_per_atom(crystal: Crystal) -> float:
    """CHGNet energy in eV/atom, MP2020 corrections included.

    Raises:
        PotentialError: see :func:`evaluate`.
    """
    return float(evaluate(crystal.lattice, crystal.numbers, crystal.frac_coords, task="e")["e"])


class ChgnetCalculator(Calculator):
    """ASE calculator around the shared model.

    Attributes:
        calls: number of evaluations so far; the cost of a relaxation.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill ``results`` with energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt order)."""
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        prediction = evaluate(self.atoms.cell.array, self.atoms.numbers, self.atoms.get_scaled_positions())
        energy = float(prediction["e"]) * len(self.atoms)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": prediction["f"].astype(np.float64),
            "stress": full_3x3_to_voigt_6_stress(prediction["s"].astype(np.float64) * GPa),
        }
