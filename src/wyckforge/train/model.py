"""What every trained model of Wyckoff genes offers, and how to get one: by name, from a folder, or the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError
from wyckforge.models.distribution import Distribution
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train import checkpoint as mpvae
from wyckforge.train.artefact import FORWARD, INDEX, bundled, read_index
from wyckforge.train.calibration import Calibration
from wyckforge.train.known import KnownCrystals
from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint
from wyckforge.train.orbitvae.storage import FORMAT as ORBITVAE

BUNDLED = ("orbitvae", "mpvae")
"""Names of the generating models that come with the package: this project's, and that of the paper."""

ORACLE = "oracle"
"""Name of the bundled model that judges what the others generate. It learned from data of its own."""


class GeneModel(Protocol):
    """A trained model with everything that is needed to use it; :class:`~wyckforge.train.checkpoint.Checkpoint` and
    :class:`~wyckforge.train.orbitvae.checkpoint.OrbitCheckpoint` are such.
    """

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the properties it predicts."""

    @property
    def errors(self) -> Mapping[str, float]:
        """Mean absolute error of each property on the validation part, physical units."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """JSON-ready account of data and training."""

    @property
    def card(self) -> str:
        """Model card, Markdown."""

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why the model cannot hold a gene, in words, or ``None``."""

    def encode(self, genes: Sequence[WyckoffGene]) -> NDArray[np.float32]:
        """Latents (n, latent) of n genes.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """

    def predict(self, genes: Sequence[WyckoffGene]) -> dict[str, NDArray[np.float64]]:
        """Properties of n genes in physical units, (n,) each; the same for all descriptions of one crystal.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """

    def reconstruction(self, genes: Sequence[WyckoffGene]) -> dict[str, NDArray[np.bool_]]:
        """(n,) whether each part of n genes comes back, by the names of :mod:`wyckforge.train.reconstruction`.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """

    def is_known_gene(self, gene: WyckoffGene) -> bool:
        """Whether the crystal or its mirror image is among those that the model knows."""

    def is_known_formula(self, gene: WyckoffGene) -> bool:
        """Whether the reduced formula is among those that the model knows."""


@runtime_checkable
class ProbabilisticModel(GeneModel, Protocol):
    """A model that says how sure it is of every prediction, and keeps what it has seen in full."""

    @property
    def known(self) -> KnownCrystals:
        """Crystals of the training and validation parts."""

    @property
    def scales(self) -> Mapping[str, PropertyScale]:
        """What was told from the labels of every property, by name."""

    @property
    def calibrations(self) -> Mapping[str, Calibration]:
        """What the uncertainty of every property is worth, by name; these give the intervals."""

    def distributions(self, genes: Sequence[WyckoffGene]) -> dict[str, Distribution]:
        """The calibrated distribution of every property of n genes, physical units.

        Raises:
            InvalidGeneError: a gene that the model cannot hold.
        """


_LOADERS: dict[str, Callable[[Path], GeneModel]] = {
    mpvae.FORMAT: mpvae.Checkpoint.load,
    ORBITVAE: OrbitCheckpoint.load,
}


def checkpoint_folder(given: Path | str | None = None) -> Path:
    """The folder that is meant: that of a bundled model for its name, the default for ``None``, else the path."""
    if given is None:
        given = next(name for name in BUNDLED if (bundled(name) / INDEX).is_file())
    return bundled(str(given)) if str(given) in (*BUNDLED, ORACLE) else Path(given)


def load_checkpoint(given: Path | str | None = None) -> GeneModel:
    """Read a model of either kind; see :func:`checkpoint_folder`. Nothing in its folder is executed.

    Raises:
        CheckpointError: absent, truncated, altered, foreign, or of a later version.
    """
    folder = checkpoint_folder(given)
    if not (folder / INDEX).is_file():
        raise CheckpointError(
            f"{folder} is not a checkpoint: there is no {INDEX} in it; give the folder that training wrote, or one of "
            f"{', '.join(BUNDLED)}"
        )
    kind = read_index(folder)["format"]
    if kind == FORWARD:
        raise CheckpointError(
            f"{folder} holds a forward model, which makes no genes: give it to predict, or as --judge to design; here "
            f"the folder of a training or of finetune is wanted, or one of {', '.join(BUNDLED)}"
        )
    if kind not in _LOADERS:
        raise CheckpointError(
            f"{folder / INDEX} is not the index of a checkpoint (format {kind!r}); allowed are {', '.join(_LOADERS)}: "
            "give the folder that training wrote"
        )
    return _LOADERS[kind](folder)
