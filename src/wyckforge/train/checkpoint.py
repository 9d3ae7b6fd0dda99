"""A trained model in one folder: weights, vocabulary, scalers, known genes and a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from torch import Tensor

from wyckforge.data.scale import MinMaxScaler
from wyckforge.errors import CheckpointError
from wyckforge.models.mpvae import MPVAE, MPVAEConfig
from wyckforge.models.representation import Rejection, Representation
from wyckforge.symmetry.augmentation import augment_genes
from wyckforge.symmetry.elements import atomic_number, symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.artefact import (
    CARD,
    MALFORMED,
    bundled,
    give_weights,
    read_checked,
    read_index,
    require_format,
    stated_number,
    stated_size,
    write_artefact,
)
from wyckforge.train.hashes import text_hash
from wyckforge.train.reconstruction import Found, compare_readings, concatenated

FORMAT = "wyckforge-checkpoint"
VERSION = 1
_WEIGHTS, _KNOWN = "weights.safetensors", "known.safetensors"
_FEATURES = "representation.features"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained MPVAE with everything that is needed to use it.

    Attributes:
        name: its name.
        model: the network, in evaluation mode, single precision.
        representation: vocabulary and layout of the Wyckoff array.
        scaler: ranges of the properties in the training part, physical units.
        errors: mean absolute error of each property on the validation part, physical units.
        known_genes: (k,) sorted hashes of the canonical genes that the model's table held.
        known_formulas: (k,) sorted hashes of their reduced formulas.
        provenance: JSON-ready account of data and training.
        card: model card, Markdown.
    """

    name: str
    model: MPVAE
    representation: Representation
    scaler: MinMaxScaler
    errors: Mapping[str, float]
    known_genes: NDArray[np.uint64]
    known_formulas: NDArray[np.uint64]
    provenance: Mapping[str, Any]
    card: str

    def __post_init__(self) -> None:
        self.model.eval().requires_grad_(False)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the properties it predicts."""
        return self.model.config.targets

    def problem(self, gene: WyckoffGene) -> str | None:
        """Why the model cannot hold a gene, in words, or ``None``."""
        return self.representation.problem(gene)

    def represents(self, gene: WyckoffGene) -> bool:
        """Whether the vocabulary and the number of columns can hold a gene."""
        return self.problem(gene) is None

    def encode(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> NDArray[np.float32]:
        """Posterior means (n, latent) of n genes, as given.

        Raises:
            InvalidGeneError: a gene that the representation cannot hold.
        """
        parts = [self._means(genes[i : i + batch]).numpy() for i in range(0, len(genes), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.model.config.latent), np.float32)

    def decode(self, z: NDArray[np.floating], *, batch: int = 1024) -> list[WyckoffGene | Rejection]:
        """Genes of latent vectors (n, latent), or the reason why one is none."""
        arrays = (self.decode_arrays(z[i : i + batch]) for i in range(0, len(z), batch))
        return [gene for x, logits in arrays for gene in self.representation.decode(x, logits)]

    def decode_arrays(self, z: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Wyckoff arrays (n, rows, max_elements) and space-group logits (n, 230) of latent vectors (n, latent)."""
        with torch.inference_mode():
            x, logits = self.model.decode(torch.from_numpy(np.array(z, np.float32)))
        return x.numpy(), logits.numpy()

    def predict(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> dict[str, NDArray[np.float64]]:
        """Properties of n genes in physical units, (n,) each.

        A prediction is the mean over the normalizer orbit of the gene, so that all descriptions of one crystal have
        the same.

        Raises:
            InvalidGeneError: a gene that the representation cannot hold.
        """
        members, owner, weights = augment_genes(genes)
        scaled = np.zeros((len(genes), len(self.targets)))
        for i in range(0, len(members), batch):
            with torch.inference_mode():
                part = self.model.predict(self._means(members[i : i + batch])).double().numpy()
            np.add.at(scaled, owner[i : i + batch], part * weights[i : i + batch, None])
        return {name: self.scaler.inverse(name, scaled[:, k]) for k, name in enumerate(self.targets)}

    def reconstruction(self, genes: Sequence[WyckoffGene], *, batch: int = 1024) -> Found:
        """(n,) whether each part of n genes comes back, by the names of :mod:`wyckforge.train.reconstruction`.

        Raises:
            InvalidGeneError: a gene that the representation cannot hold.
        """
        parts = [self._reconstruction(genes[i : i + batch]) for i in range(0, max(len(genes), 1), batch)]
        return concatenated(parts)

    def _reconstruction(self, genes: Sequence[WyckoffGene]) -> Found:
        true_x, true_group = self.representation.encode(genes)
        x, logits = self.decode_arrays(self.encode(genes))
        wanted = self.representation.read(true_x, np.eye(logits.shape[1])[true_group])
        decoded, got = self.representation.decode(x, logits), self.representation.read(x, logits)
        return compare_readings(genes, decoded, wanted, got)

    def is_known_gene(self, gene: WyckoffGene) -> bool:
        """Whether the canonical gene or its mirror image was in the table of the model (up to a hash collision)."""
        canonical = gene.canonical()
        return any(text_hash(str(hand)) in self._known[0] for hand in {canonical, canonical.mirror_image()})

    def is_known_formula(self, gene: WyckoffGene) -> bool:
        """Whether the reduced formula was in the table of the model (up to a hash collision)."""
        return text_hash(gene.formula) in self._known[1]

    @cached_property
    def _known(self) -> tuple[frozenset[int], frozenset[int]]:
        return frozenset(self.known_genes.tolist()), frozenset(self.known_formulas.tolist())

    def _means(self, genes: Sequence[WyckoffGene]) -> Tensor:
        x, group = self.representation.encode(genes)
        with torch.inference_mode():
            return self.model.encode(torch.from_numpy(x), torch.from_numpy(group))[0]

    def save(self, folder: Path | str, *, half: bool = False) -> None:
        """Write the folder; ``half`` stores the weights in half precision.

        Raises:
            CheckpointError: a number of the index is not finite.
        """
        weights = {name: tensor.numpy() for name, tensor in self.model.state_dict().items()}
        weights[_FEATURES] = self.representation.features
        if half:
            weights = {name: w.astype(np.float16) if w.dtype == np.float32 else w for name, w in weights.items()}
        contents = {
            _WEIGHTS: save_arrays(weights),
            _KNOWN: save_arrays({"genes": self.known_genes, "formulas": self.known_formulas}),
        }
        index = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "model": asdict(self.model.config),
            "elements": [symbol(number) for number in self.representation.elements],
            "min_elements": self.representation.min_elements,
            "scaler": self.scaler.to_dict(),
            "errors": dict(self.errors),
            "provenance": dict(self.provenance),
        }
        write_artefact(Path(folder), index, contents, self.card)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a folder of :meth:`save`. Nothing in it is executed.

        Raises:
            CheckpointError: a file is absent, truncated, altered or foreign, or the format is of a later version.
        """
        folder = Path(folder)
        index = read_index(folder)
        require_format(folder, index, FORMAT, VERSION)
        try:
            weights = load_arrays(read_checked(folder, _WEIGHTS, index))
            known = load_arrays(read_checked(folder, _KNOWN, index))
            elements = tuple(atomic_number(name) for name in index["elements"])
            config = MPVAEConfig(**{key: _sizes(key, value) for key, value in index["model"].items()})
            representation = Representation(
                elements, config.max_elements, index["min_elements"], weights.pop(_FEATURES).astype(np.float32)
            )
            if representation.rows != config.rows:
                raise CheckpointError(
                    f"{folder}: {representation.rows} rows in the vocabulary, {config.rows} in the network; "
                    "the checkpoint is damaged, fetch it again"
                )
            with torch.device("meta"):
                model = MPVAE(config)
            give_weights(model, weights)
            return cls(
                name=index["name"],
                model=model,
                representation=representation,
                scaler=MinMaxScaler.from_dict(index["scaler"]),
                errors={name: stated_number(f"error of {name}", error) for name, error in index["errors"].items()},
                known_genes=known["genes"],
                known_formulas=known["formulas"],
                provenance=index["provenance"],
                card=(folder / CARD).read_text(),
            )
        except MALFORMED as error:
            raise CheckpointError(
                f"{folder} is not a usable checkpoint ({error}); fetch it again or train one"
            ) from None


def bundled_checkpoint() -> Path:
    """Folder of the MPVAE that comes with the package."""
    return bundled("mpvae")


def _sizes(name: str, value: Any) -> Any:
    """Names of the targets, or sizes that can be."""
    if name == "targets":
        return tuple(str(each) for each in value)
    return tuple(stated_size(name, each) for each in value) if isinstance(value, list) else stated_size(name, value)
