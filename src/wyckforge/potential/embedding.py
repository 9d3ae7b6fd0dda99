"""What CHGNet sees in a crystal: the features of its atoms, and energy, magnetism, forces and stress as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wyckforge.potential.chgnet import evaluate, load_model
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 64
"""Features of an atom in CHGNet."""

SCALARS = (
    "energy per atom (eV)",
    "mean magnetic moment (μB)",
    "largest magnetic moment (μB)",
    "spread of site energies (eV)",
    "root mean square force (eV/Å)",
    "pressure (GPa)",
    "deviatoric stress (GPa)",
)

EMBEDDING_SIZE = 8 * WIDTH + len(SCALARS)


def embed(crystal: Crystal) -> NDArray[np.float64]:
    """(EMBEDDING_SIZE,) numbers; any cell of a crystal gives the same, the primitive one at the lowest price.

    First mean, standard deviation, smallest and largest over the atoms, each of 128 features: 64 before the last
    convolution, which carry the magnetic moment, and 64 before the read-out, which carry the energy. Then
    :data:`SCALARS`; energies hold MP2020 corrections.

    Raises:
        PotentialError: CHGNet has no answer, see :func:`wyckforge.potential.chgnet.evaluate`.
    """
    last: list[NDArray[np.float32]] = []
    hook = load_model().mlp.register_forward_pre_hook(lambda _module, inputs: last.append(inputs[0].detach().numpy()))
    try:
        found = evaluate(
            crystal.lattice,
            crystal.numbers,
            crystal.frac_coords,
            task="efsm",
            return_atom_feas=True,
            return_site_energies=True,
        )
    finally:
        hook.remove()
    atoms = np.concatenate([found["atom_fea"], last[0]], axis=1).astype(np.float64)
    pressure = -np.trace(found["s"]) / 3
    scalars = [
        found["e"],
        found["m"].mean(),
        found["m"].max(),
        found["site_energies"].std(),
        np.sqrt((found["f"] ** 2).sum(1).mean()),
        pressure,
        np.linalg.norm(found["s"] + pressure * np.eye(3)),
    ]
    return np.concatenate([atoms.mean(0), atoms.std(0), atoms.min(0), atoms.max(0), scalars]).astype(np.float64)
