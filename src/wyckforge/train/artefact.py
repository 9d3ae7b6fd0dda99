"""A folder of files with an index that states the size and the SHA-256 of each. Reading it executes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import nn

from wyckforge.errors import CheckpointError, InvalidGeneError, TableError
from wyckforge.files import write_atomically

INDEX, CARD = "checkpoint.json", "README.md"

FORWARD = "wyckforge-forward"
"""Format of forward models, which those who read models of genes turn away by name."""

_LARGEST_SIZE = 4096
"""Of anything that an index states the size of: it cannot ask for years of building."""


MALFORMED = (
    ArithmeticError,
    AttributeError,
    IndexError,
    InvalidGeneError,
    KeyError,
    OSError,
    RuntimeError,
    SafetensorError,
    TableError,
    TypeError,
    ValueError,
)
"""What reading a damaged or forged folder can raise on the way; a caller tells it as a :class:`CheckpointError`."""


def bundled(name: str) -> Path:
    """The folder of that name that comes with the package, whether or not it does."""
    return Path(str(files("wyckforge.train") / "bundled" / name))


def write_artefact(folder: Path, index: Mapping[str, Any], contents: Mapping[str, bytes], card: str) -> None:
    """Write the files, then the index, so that an index never speaks of files that are not there.

    Raises:
        CheckpointError: a number of the index is not finite.
    """
    stated = {name: {"bytes": len(c), "sha256": sha256(c).hexdigest()} for name, c in contents.items()}
    try:
        text = json.dumps({**index, "files": stated}, indent=1, allow_nan=False)
    except ValueError:
        raise CheckpointError(
            f"{index['name']} has errors of {dict(index['errors'])}, not all numbers of its index are finite; nothing "
            "was saved, train again with a lower learning rate"
        ) from None
    for name, content in contents.items():
        write_atomically(folder / name, content)
    write_atomically(folder / CARD, card.encode())
    write_atomically(folder / INDEX, (text + "\n").encode())


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a folder.

    Raises:
        CheckpointError: absent or not an index.
    """
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} is not a checkpoint: {INDEX} cannot be read ({error}); give the folder that training wrote"
        ) from None
    if not isinstance(index, dict) or "format" not in index:
        raise CheckpointError(f"{folder / INDEX} is not the index of a checkpoint; give the folder that training wrote")
    return index


def require_format(folder: Path, index: Mapping[str, Any], name: str, version: int) -> None:
    """Pass if a folder is of the format that the caller reads.

    Raises:
        CheckpointError: of another format or version.
    """
    if index["format"] != name:
        raise CheckpointError(
            f"{folder / INDEX} is not the index of a checkpoint of format {name} (it says {index['format']!r}); give "
            "the folder that training wrote"
        )
    if index.get("version") != version:
        raise CheckpointError(
            f"{folder} has version {index.get('version')}, this program reads version {version}; update wyckforge"
        )


def read_checked(folder: Path, name: str, index: Mapping[str, Any]) -> bytes:
    """A file, if it is the one that the index states.

    Raises:
        CheckpointError: truncated or altered.
        OSError: unreadable.
        KeyError: not in the index.
    """
    stated, size = index["files"][name], (folder / name).stat().st_size
    if size != stated["bytes"]:
        raise CheckpointError(
            f"{folder / name} has {size:,} bytes, {stated['bytes']:,} stated; it is truncated, fetch it again"
        )
    content = (folder / name).read_bytes()
    if sha256(content).hexdigest() != stated["sha256"]:
        raise CheckpointError(f"{folder / name} is altered: its SHA-256 is not the stated one; fetch it again")
    return content


def stated_size(name: str, value: Any) -> int:
    """A size that an index states.

    Raises:
        ValueError: not a whole number, or out of range.
    """
    if type(value) is not int or not 1 <= value <= _LARGEST_SIZE:
        raise ValueError(f"{name} is {value!r}, allowed are whole numbers from 1 to {_LARGEST_SIZE}")
    return value


def stated_number(name: str, value: Any) -> float:
    """A number that an index states.

    Raises:
        ValueError: not a finite number.
    """
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, not a finite number")
    return float(value)


def with_weights(make: Callable[[], nn.Module], arrays: Mapping[str, NDArray[Any]]) -> nn.Module:
    """A network, ready for use, that holds arrays; it is made only if they are of its size.

    Raises:
        ValueError: they are not, or they hold what is no finite number.
    """
    with torch.device("meta"):  # a forged index cannot ask for memory that its arrays do not fill
        wanted = {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}
    if wanted != {name: array.shape for name, array in arrays.items()}:
        raise ValueError("the arrays of a network do not have the sizes that the index states")
    network = make()
    give_weights(network, arrays)
    return network.eval().requires_grad_(False)


def give_weights(network: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give a network its arrays, in single precision. Build it on the device ``meta``, where sizes cost no memory.

    Raises:
        ValueError: an array holds what is no finite number, or a part of the network is left without values.
        RuntimeError: names or shapes are not those of the network.
    """
    wanted = network.state_dict()
    tensors = {}
    for name, array in arrays.items():
        real = array.dtype.kind == "f"
        if (name in wanted and wanted[name].is_floating_point() != real) or not np.isfinite(array).all():
            raise ValueError(f"{name} holds what is no number of its kind, or not finite")
        tensors[name] = torch.from_numpy(array.astype(np.float32) if real else array)
    network.load_state_dict(tensors, assign=True)
    for name, tensor in chain(network.named_parameters(), network.named_buffers()):
        if tensor.is_meta:
            raise ValueError(f"{name} is left without values")
