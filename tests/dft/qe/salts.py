"""Crystals, models and accidents that the tests of Quantum ESPRESSO share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wyckforge.dft.qe.inputs import Field, Model
from wyckforge.dft.qe.pseudopotentials import Pseudopotential
from wyckforge.dft.qe.running import Runner
from wyckforge.files import write_atomically
from wyckforge.symmetry.crystal import Crystal

FIELD = Field(1e-8, 0.01)

_ELECTRONS = {"Si": 4.0, "Ni": 18.0, "O": 6.0, "Al": 3.0, "P": 5.0}


def cubic(edge_angstrom: float, numbers: list[int], places: list[float]) -> Crystal:
    """Primitive cell of a face-centred cubic crystal with atoms along the diagonal."""
    lattice = edge_angstrom / 2 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(lattice, np.array(numbers), np.repeat(np.array(places)[:, None], 3, axis=1))


def silicon(edge_angstrom: float = 5.47) -> Crystal:
    """Diamond structure."""
    return cubic(edge_angstrom, [14, 14], [0.0, 0.25])


def model(*elements: str, spin: bool = False, hubbard_ev: dict[str, float] | None = None) -> Model:
    """A model with files that only have names."""
    kinds = tuple(Pseudopotential(one, Path(f"{one}.upf"), _ELECTRONS[one], 500.0) for one in elements)
    return Model(kinds, 500.0, spin, hubbard_ev or {})


def iron() -> Crystal:
    """Body-centred cubic."""
    return Crystal(1.415 * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]]), np.array([26]), np.zeros((1, 3)))


def put(runner: Runner, script: str) -> None:
    """A program of the name pw.x that does what a shell script says: accidents cannot be had from the real one."""
    program = runner.folder / "bin" / "pw.x"
    write_atomically(program, f"#!/bin/sh\n{script}\n".encode())
    program.chmod(0o755)
