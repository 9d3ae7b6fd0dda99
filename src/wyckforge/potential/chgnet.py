"""CHGNet 0.3.0: quiet, on one thread, loaded once per process."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import GPa
from chgnet.model import CHGNet
from pymatgen.core import Structure

from wyckforge.potential.contract import Evaluation, Potential, PotentialError, require_known, require_room
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from chgnet.graph import CrystalGraph
    from numpy.typing import NDArray

MODEL_NAME = "0.3.0"
TOOL = f"CHGNet {MODEL_NAME}"
ELEMENTS = frozenset(range(1, 95))
"""Atomic numbers for which the network has an embedding."""


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
        PotentialError: an atom has no neighbour within 6 Å, an element is unknown, or there is no room for the atoms.
    """
    require_known("CHGNet", ELEMENTS, numbers)
    require_room(lattice, len(numbers))
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
        if "isolated atom" in str(error):
            raise PotentialError("CHGNet: an atom is isolated, nothing within 6 Å") from error
        raise PotentialError(f"CHGNet cannot describe the structure: {error}") from error


def energy_per_atom(crystal: Crystal) -> float:
    """CHGNet energy in eV/atom, MP2020 corrections included.

    Raises:
        PotentialError: see :func:`evaluate`.
    """
    return float(evaluate(crystal.lattice, crystal.numbers, crystal.frac_coords, task="e")["e"])


class Chgnet(Potential):
    """CHGNet 0.3.0 behind the contract; its energies hold MP2020 corrections."""

    name, tool, elements = "chgnet", TOOL, ELEMENTS

    def evaluate(
        self, lattice: NDArray[np.float64], numbers: NDArray[np.int64], frac_coords: NDArray[np.float64]
    ) -> Evaluation:
        """See :meth:`Potential.evaluate`."""
        found = evaluate(lattice, numbers, frac_coords)
        forces, stress = found["f"].astype(np.float64), found["s"].astype(np.float64)
        return Evaluation(float(found["e"]) * len(numbers), forces, (stress + stress.T) / 2 * GPa)
