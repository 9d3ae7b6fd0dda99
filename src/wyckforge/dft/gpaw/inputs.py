"""Inputs of the driver as JSON: the same settings give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wyckforge.dft.config import DftConfig
from wyckforge.dft.magnetism import starting_moment_bohr
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.elements import symbol

SPARE_BANDS = 4
"""Computed above those asked for, since the uppermost ones are the last to converge."""


@dataclass(frozen=True, slots=True)
class Model:
    """What all inputs for a crystal have in common.

    Attributes:
        cutoff_ev: of the plane waves.
        spin: polarised.
        hubbard_ev: Dudarev U by element.
    """

    cutoff_ev: float
    spin: bool
    hubbard_ev: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the self-consistent field.

    Attributes:
        words: what is done; empty for the usual way.
        beta: share of the new density; None for GPAW's own mixer.
        patience: times the iterations that are allowed.
        wider: times the smearing, at first; then back from the density found.
    """

    words: str = ""
    beta: float | None = None
    patience: int = 1
    wider: float = 1.0


def field(
    crystal: Crystal,
    basis: Crystal,
    model: Model,
    mesh: Sequence[int],
    config: DftConfig,
    way: Way,
    save: str | None = None,
) -> str:
    """The self-consistent field on a Γ-centred mesh, with forces and stress.

    Args:
        crystal: primitive cell.
        basis: the crystal whose cell the plane waves are chosen for; the same one, except in a relaxation.
        model: of the crystal.
        mesh: divisions.
        config: tolerances.
        way: to the field.
        save: file for the density, beside the input.
    """
    return _text(
        task="field",
        crystal=crystal.to_dict(),
        basis_cell=basis.lattice.reshape(-1).tolist(),
        moments=[starting_moment_bohr(int(one)) for one in crystal.numbers] if model.spin else None,
        cutoff_ev=model.cutoff_ev,
        mesh=list(mesh),
        hubbard_ev=dict(model.hubbard_ev),
        smearing_ev=config.smearing_ev,
        first_smearing_ev=way.wider * config.smearing_ev,
        mixer=None if way.beta is None else {"beta": way.beta, "nmaxold": 5, "weight": 100.0},
        iterations=way.patience * config.max_scf_iterations,
        tolerance_ev=config.energy_tolerance_ev,
        save=save,
    )


def bands(saved: str, energy_ev: float, k_points: Array, n_bands: int, config: DftConfig) -> str:
    """Band energies at k points (k, 3) in units of the reciprocal basis, in a density that was saved.

    Args:
        saved: file of the density, seen from the folder of the step.
        energy_ev: of the ground state that it must be.
        k_points: where.
        n_bands: how many, from the lowest.
        config: iterations.
    """
    return _text(
        task="bands",
        saved=saved,
        energy_ev=energy_ev,
        k_points=k_points.tolist(),
        bands=n_bands,
        spare_bands=SPARE_BANDS,
        iterations=config.max_scf_iterations,
    )


def about(numbers: Sequence[int]) -> str:
    """Which version it is, and which of the elements it has no dataset for."""
    return _text(task="about", elements=[symbol(int(number)) for number in sorted(set(numbers))])


def _text(**settings: Any) -> str:
    return json.dumps(settings, sort_keys=True) + "\n"
