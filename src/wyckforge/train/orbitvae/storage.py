"""An OrbitVAE in a folder: what is written, and what is refused when it is read. Reading executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from torch import nn

from wyckforge.data.property_scale import PropertyScale
from wyckforge.errors import CheckpointError
from wyckforge.models.orbitvae.autoencoder import AutoencoderConfig, OrbitVAE
from wyckforge.models.orbitvae.grammar import MAX_SITES
from wyckforge.models.orbitvae.predictor import Predictor, PredictorConfig
from wyckforge.models.orbitvae.vocabulary import Vocabulary
from wyckforge.symmetry.elements import atomic_number, symbol
from wyckforge.train.artefact import (
    CARD,
    MALFORMED,
    give_weights,
    read_checked,
    read_index,
    require_format,
    stated_number,
    stated_size,
    write_artefact,
)
from wyckforge.train.calibration import Calibration
from wyckforge.train.known import KnownCrystals

if TYPE_CHECKING:
    from wyckforge.train.orbitvae.checkpoint import OrbitCheckpoint

FORMAT = "wyckforge-orbitvae"
VERSION = 1
_WEIGHTS, _KNOWN = "weights.safetensors", "known.safetensors"
_POOL = "labels"
_AUTOENCODER = "autoencoder."

Arrays = dict[str, NDArray[Any]]


def write_folder(checkpoint: OrbitCheckpoint, folder: Path, *, half: bool) -> None:
    """Write a checkpoint; ``half`` stores the weights in half precision.

    Raises:
        CheckpointError: a number of the index is not finite.
    """
    networks: dict[str, nn.Module] = {_AUTOENCODER: checkpoint.autoencoder}
    networks |= {_predictor(number): predictor for number, predictor in enumerate(checkpoint.predictors)}
    weights = {
        prefix + name: tensor.numpy()
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    if half:
        weights = {name: w.astype(np.float16) if w.dtype == np.float32 else w for name, w in weights.items()}
    pool = {_POOL: checkpoint.labels.astype(np.float32)}
    index = {
        "format": FORMAT,
        "version": VERSION,
        "name": checkpoint.name,
        "elements": [symbol(number) for number in checkpoint.vocabulary.elements],
        "max_sites": checkpoint.vocabulary.max_sites,
        "max_elements": checkpoint.vocabulary.max_elements,
        "autoencoder": asdict(checkpoint.autoencoder.config),
        "predictors": [asdict(predictor.config) for predictor in checkpoint.predictors],
        "scales": [scale.to_dict() for scale in checkpoint.scales.values()],
        "calibrations": {name: found.to_dict() for name, found in checkpoint.calibrations.items()},
        "errors": dict(checkpoint.errors),
        "provenance": dict(checkpoint.provenance),
    }
    contents = {_WEIGHTS: save_arrays(weights), _KNOWN: save_arrays(checkpoint.known.to_arrays() | pool)}
    write_artefact(folder, index, contents, checkpoint.card)


def read_folder(folder: Path) -> dict[str, Any]:
    """The fields of an :class:`~wyckforge.train.orbitvae.checkpoint.OrbitCheckpoint`, by name.

    Raises:
        CheckpointError: a file is absent, truncated, altered or foreign, its parts contradict each other, or the format
            is of a later version.
    """
    index = read_index(folder)
    require_format(folder, index, FORMAT, VERSION)
    try:
        weights = load_arrays(read_checked(folder, _WEIGHTS, index))
        known = load_arrays(read_checked(folder, _KNOWN, index))
        fields = _fields(index, weights, known)
        _require_agreement(fields)
        return {**fields, "card": (folder / CARD).read_text()}
    except MALFORMED as error:
        raise CheckpointError(f"{folder} is not a usable checkpoint ({error}); fetch it again or train one") from None


def _fields(index: Mapping[str, Any], weights: Arrays, known: Arrays) -> dict[str, Any]:
    elements = tuple(atomic_number(name) for name in index["elements"])
    limits = {name: stated_size(name, index[name]) for name in ("max_sites", "max_elements")}
    autoencoder = loaded_network(
        OrbitVAE, AutoencoderConfig(**checked_sizes(index["autoencoder"])), weights, _AUTOENCODER
    )
    predictors = [
        loaded_network(Predictor, PredictorConfig(**checked_sizes(sizes)), weights, _predictor(number))
        for number, sizes in enumerate(index["predictors"])
    ]
    if weights:
        raise ValueError(f"{len(weights)} arrays belong to no network, {min(weights)} among them")
    scales = [PropertyScale.from_dict(scale) for scale in index["scales"]]
    return {
        "name": str(index["name"]),
        "vocabulary": Vocabulary(elements, **limits),
        "autoencoder": autoencoder,
        "predictors": tuple(predictors),
        "scales": {scale.name: scale for scale in scales},
        "calibrations": {
            name: Calibration.from_dict({key: stated_number(f"{key} of {name}", value) for key, value in one.items()})
            for name, one in index["calibrations"].items()
        },
        "errors": {name: stated_number(f"error of {name}", error) for name, error in index["errors"].items()},
        "labels": known.pop(_POOL).astype(np.float64),
        "known": KnownCrystals.from_arrays(known),
        "provenance": dict(index["provenance"]),
    }


def _require_agreement(fields: Mapping[str, Any]) -> None:
    """Pass if the parts speak of the same elements, limits and properties."""
    vocabulary, autoencoder, scales = fields["vocabulary"], fields["autoencoder"], fields["scales"]
    configs = [autoencoder.config, *(predictor.config for predictor in fields["predictors"])]
    if {config.elements for config in configs} != {len(vocabulary.elements)}:
        raise ValueError(f"{len(vocabulary.elements)} elements in the vocabulary, another number in a network")
    if not autoencoder.config.max_sites <= vocabulary.max_sites <= MAX_SITES:
        raise ValueError(
            f"{vocabulary.max_sites} orbits at most, but the decoder learned {autoencoder.config.max_sites}, and "
            f"{MAX_SITES} can be counted"
        )
    if autoencoder.config.width % autoencoder.config.heads:
        raise ValueError(f"width {autoencoder.config.width} with {autoencoder.config.heads} heads")
    predicted = {name for config in configs[1:] for name in config.outputs}
    for what, names in {"calibrations": set(fields["calibrations"]), "errors": set(fields["errors"])}.items():
        if names != set(scales):
            raise ValueError(f"{what} of {', '.join(sorted(names))}, but scales of {', '.join(scales)}")
    if not set(scales) <= predicted or not set(autoencoder.config.targets) <= set(scales):
        raise ValueError("not every property has both a scale and a network that predicts it")
    if (shape := fields["labels"].shape)[1:] != (len(scales),):
        raise ValueError(f"labels of shape {shape} for {len(scales)} properties")


def loaded_network(kind: Any, config: Any, weights: Arrays, prefix: str) -> Any:
    """A network with its arrays, which are taken out of ``weights``.

    It is built without memory, so that sizes which the arrays do not have cost nothing.
    """
    with torch.device("meta"):
        network: nn.Module = kind(config)
    own = [name for name in weights if name.startswith(prefix)]
    give_weights(network, {name.removeprefix(prefix): weights.pop(name) for name in own})
    return network


def _predictor(number: int) -> str:
    return f"predictor.{number}."


def checked_sizes(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes of a network: whole numbers in bounds, shares, names."""
    return {name: _checked(name, value) for name, value in stated.items()}


def _checked(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(str(each) for each in value)
    return stated_number(name, value) if isinstance(value, float) else stated_size(name, value)
