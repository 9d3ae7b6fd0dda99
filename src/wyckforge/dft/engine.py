"""What every engine for calculations from first principles can do, under a name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wyckforge.dft.config import DftConfig
from wyckforge.dft.results import GammaModes, Ground, Relaxed
from wyckforge.potential.contract import Array
from wyckforge.symmetry.crystal import Crystal

MIN_EMPTY_BANDS = 4


class EngineError(Exception):
    """The engine has no answer: the field does not converge after the usual remedies, or it ended without a result.

    The message says in a sentence what happened and where the engine's own output lies.
    """


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is.

    Attributes:
        words: what is being done, ``geometry 7, 0.31 GPa``.
        share: of the work that is done, between 0 and 1; None where that cannot be known.
    """

    words: str
    share: float | None = None


class Engine(ABC):
    """An engine. Each method works in a folder of its own and may be called again there after a kill.

    Inputs and outputs of the engine stay in the folder, for people to look at and to run by hand. Nothing is returned
    that was read from an output which does not belong to the same input.

    Attributes:
        name: by which it is chosen, ``qe``.
    """

    name: str

    @property
    @abstractmethod
    def tool(self) -> str:
        """Name and version, ``Quantum ESPRESSO 6.7``.

        Raises:
            MissingDependencyError: it is not installed, or does not answer; the message holds the one command that
                installs it.
        """

    @abstractmethod
    def check(self, numbers: Sequence[int]) -> None:
        """Whether there is all that crystals of these elements need.

        Raises:
            MissingDependencyError: the engine is absent, or its pseudopotentials for an element are.
        """

    @abstractmethod
    def advised_cutoff_ev(self, numbers: Sequence[int]) -> float:
        """Cutoff of the plane waves that crystals of these elements get unless the settings say another.

        Raises:
            MissingDependencyError: see :meth:`check`.
        """

    @abstractmethod
    def relax(self, crystal: Crystal, config: DftConfig, folder: Path) -> Relaxed:
        """Cell and atoms relaxed within the symmetry of the crystal.

        Args:
            crystal: standard primitive cell.
            config: how.
            folder: of this step.

        Raises:
            EngineError: no answer.
        """

    @abstractmethod
    def ground(self, crystal: Crystal, config: DftConfig, folder: Path) -> Ground:
        """The ground state: what a ferromagnetic start comes to, or the field without spin where that is lower.

        The moments of the former must be real (0.15 μB on an atom). Other orders of the moments are not tried.

        Raises:
            EngineError: no answer.
        """

    @abstractmethod
    def eigenvalues(self, ground: Ground, k_points: Array, config: DftConfig, folder: Path, saved: Path) -> Array:
        """Band energies (s, k, b) in eV in the field of a ground state: all filled bands and at least a few empty ones.

        Args:
            ground: what :meth:`ground` returned.
            k_points: (k, 3) in units of the reciprocal basis.
            config: as for the ground state.
            folder: of this step.
            saved: the folder in which :meth:`ground` worked.

        Raises:
            EngineError: no answer.
        """

    @abstractmethod
    def gamma(self, ground: Ground, config: DftConfig, folder: Path, saved: Path, *, polar: bool) -> GammaModes:
        """Vibrations at Γ.

        Args:
            ground: what :meth:`ground` returned.
            config: how.
            folder: of this step.
            saved: the folder in which :meth:`ground` worked.
            polar: with Born charges and dielectric tensor, which only insulators have.

        Raises:
            EngineError: no answer.
        """

    @abstractmethod
    def progress(self, folder: Path) -> Progress | None:
        """How far the step in a folder is, while another thread computes it; None where nothing can be told."""


def bands_wanted(electrons: Sequence[float]) -> int:
    """All filled bands and a quarter more, at least four.

    Args:
        electrons: per spin channel; one number without spin polarisation.
    """
    filled = math.ceil(max(electrons) / (2 if len(electrons) == 1 else 1) - 1e-6)
    return filled + max(MIN_EMPTY_BANDS, math.ceil(filled / 4))
