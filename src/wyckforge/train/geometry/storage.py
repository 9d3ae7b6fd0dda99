"""A geometry model in a folder: weights, contact distances, what it learned from. Reading executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from wyckforge.errors import CheckpointError
from wyckforge.models.geometry.model import GeometryModel
from wyckforge.models.geometry.network import GeometryNetwork, NetworkSizes
from wyckforge.symmetry.elements import MAX_ATOMIC_NUMBER, atomic_number, symbol
from wyckforge.train.artefact import (
    MALFORMED,
    read_checked,
    read_index,
    require_format,
    stated_size,
    with_weights,
    write_artefact,
)

FORMAT, VERSION = "wyckforge-geometry", 1
_WEIGHTS, _CONTACTS = "weights.safetensors", "contacts"


def save_geometry(model: GeometryModel, folder: Path, *, provenance: Mapping[str, Any], card: str) -> None:
    """Write a model, its weights in half precision.

    Args:
        model: the model.
        folder: where to.
        provenance: JSON-ready account of how it was made.
        card: Markdown account of what it is.

    Raises:
        CheckpointError: a number of the provenance is not finite.
    """
    arrays = {name: tensor.numpy() for name, tensor in model.network.state_dict().items()}
    arrays[_CONTACTS] = model.contacts
    index = {
        "format": FORMAT,
        "version": VERSION,
        "name": "geometry",
        "elements": [symbol(z) for z in model.elements],
        "network": asdict(model.network.sizes),
        "errors": {},
        "provenance": dict(provenance),
    }
    halved = {name: array.astype(np.float16) for name, array in arrays.items()}
    write_artefact(folder, index, {_WEIGHTS: save_arrays(halved)}, card)


def load_geometry(folder: Path) -> GeometryModel:
    """Read a folder of :func:`save_geometry`.

    Raises:
        CheckpointError: a file is absent, truncated, altered or foreign, or the format is of a later version.
    """
    index = read_index(folder)
    require_format(folder, index, FORMAT, VERSION)
    try:
        arrays: dict[str, NDArray[Any]] = load_arrays(read_checked(folder, _WEIGHTS, index))
        contacts = arrays.pop(_CONTACTS).astype(np.float32)
        if contacts.shape != (MAX_ATOMIC_NUMBER + 1,) * 2 or not (contacts > 0).all():
            raise ValueError("the contact distances are not a positive number for every pair of elements")
        sizes = NetworkSizes(**{name: stated_size(name, value) for name, value in index["network"].items()})
        elements = tuple(atomic_number(name) for name in index["elements"])
        if len(elements) != sizes.elements or sizes.width % sizes.heads:
            raise ValueError(f"{len(elements)} elements and {sizes.heads} heads do not fit the sizes {sizes}")
        network = with_weights(lambda: GeometryNetwork(sizes), arrays)
    except MALFORMED as error:
        raise CheckpointError(f"{folder} is not a usable geometry model ({error}); fetch it again") from None
    assert isinstance(network, GeometryNetwork)
    return GeometryModel(network, elements, contacts)
