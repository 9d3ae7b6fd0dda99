"""What the geometry model learns from: crystals as sequences, in one file of arrays, and as batches of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from wyckforge.models.geometry.network import Asked, Told
from wyckforge.models.geometry.sequence import FIXED, PADDING
from wyckforge.models.orbitvae.vocabulary import ABSENT, Orbits

TRAIN, VALIDATION, TEST = range(3)
ROOM_SCALE = 100.0
"""Room is kept in hundredths of a contact distance; 255 says that nobody looked."""

UNSEEN = 255


class Batch(NamedTuple):
    """n crystals: their genes, and all that is asked and told about their numbers."""

    orbits: Orbits
    asked: Asked
    told: Told


@dataclass(frozen=True, eq=False)
class Examples:
    """N crystals with S numbers and O orbits in all, one after the other.

    Attributes:
        part: (N,) :data:`TRAIN`, :data:`VALIDATION` or :data:`TEST`.
        group: (N,) zero-based space groups.
        n_orbits: (N,) orbits.
        n_steps: (N,) numbers.
        cell: (N, 6) logarithms of the edges in Å, cosines of the angles.
        element: (O,) atomic numbers, in the order of the sequence.
        letter: (O,) indices into ``LETTERS``.
        point: (O, 3) fractional coordinates of an atom.
        near: (O, m) distances in Å of the nearest atoms placed before, infinite where there is none.
        near_element: (O, m) their atomic numbers.
        room: (O, 24) room at the values of the last coordinate, times :data:`ROOM_SCALE`; :data:`UNSEEN`.
        kind: (S,) kinds of the numbers.
        orbit: (S,) their orbits, -1 for the cell.
        number: (S,) the numbers.
        known: (S, 3) coordinates settled after each number.
        completes: (S,) whether it is the last of its orbit.
        contacts: (119, 119) contact distances in Å.
        elements: (E,) atomic numbers of the vocabulary.
        features: (E, f) chemistry of these elements.
    """

    part: NDArray[np.uint8]
    group: NDArray[np.uint8]
    n_orbits: NDArray[np.uint8]
    n_steps: NDArray[np.uint8]
    cell: NDArray[np.float32]
    element: NDArray[np.uint8]
    letter: NDArray[np.uint8]
    point: NDArray[np.float32]
    near: NDArray[np.float16]
    near_element: NDArray[np.uint8]
    room: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    orbit: NDArray[np.int16]
    number: NDArray[np.float32]
    known: NDArray[np.uint8]
    completes: NDArray[np.uint8]
    contacts: NDArray[np.float32]
    elements: NDArray[np.uint8]
    features: NDArray[np.float32]

    def write(self, path: Path | str) -> None:
        """Write one safetensors file."""
        save_file({name: np.ascontiguousarray(array) for name, array in self.__dict__.items()}, str(path))

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file of :meth:`write`."""
        return cls(**load_file(str(path)))

    def select(self, rows: NDArray[np.int64]) -> Self:
        """Some of the crystals, in that order."""
        places = dict.fromkeys(_PER_CRYSTAL, rows)
        places |= dict.fromkeys(_PER_ORBIT, _spans(self.n_orbits, rows))
        places |= dict.fromkeys(_PER_STEP, _spans(self.n_steps, rows))
        return replace(self, **{name: getattr(self, name)[place] for name, place in places.items()})


_PER_CRYSTAL = ("part", "group", "n_orbits", "n_steps", "cell")
_PER_ORBIT = ("element", "letter", "point", "near", "near_element", "room")
_PER_STEP = ("kind", "orbit", "number", "known", "completes")


class Tensors:
    """Examples as padded tensors on a device, from which batches are cut.

    Args:
        examples: the crystals.
        device: where the tensors lie.
    """

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self.lengths = torch.from_numpy(examples.n_steps.astype(np.int64))
        index = np.zeros(256, np.int64)
        index[examples.elements] = np.arange(len(examples.elements))
        orbit_row = np.concatenate([[0], np.cumsum(examples.n_orbits, dtype=np.int64)])[:-1]
        of_step = np.maximum(examples.orbit.astype(np.int64), 0) + np.repeat(orbit_row, examples.n_steps)
        completes = examples.completes.astype(bool)
        asks = completes & (examples.kind < FIXED)
        room = np.where(asks[:, None], examples.room[of_step], UNSEEN)
        near = np.where(completes[:, None], examples.near[of_step], np.inf).astype(np.float16)
        orbits, steps = examples.n_orbits, examples.n_steps
        pads: Mapping[str, tuple[NDArray[Any], NDArray[Any], float]] = {
            "element": (orbits, index[examples.element].astype(np.int16), ABSENT),
            "letter": (orbits, examples.letter.astype(np.int16), ABSENT),
            "kind": (steps, examples.kind, PADDING),
            "orbit": (steps, examples.orbit, -1),
            "number": (steps, examples.number, 0),
            "step_room": (steps, room, UNSEEN),
            "step_point": (steps, examples.point[of_step], 0),
            "known": (steps, examples.known.astype(bool), 0),
            "step_near": (steps, near, np.inf),
            "step_near_element": (steps, index[examples.near_element[of_step]].astype(np.uint8), 0),
        }
        self.padded = {
            name: torch.from_numpy(_padded(lengths, flat, fill)).to(device)
            for name, (lengths, flat, fill) in pads.items()
        }
        self.group = torch.from_numpy(examples.group.astype(np.int64)).to(device)
        self.cell = torch.from_numpy(examples.cell).to(device)
        self.orbit_counts = torch.from_numpy(examples.n_orbits.astype(np.int64))
        self.device = device

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Tensor) -> Batch:
        """The crystals of an index array (on the processor)."""
        steps, orbits = int(self.lengths[rows].max()), int(self.orbit_counts[rows].max())
        at = rows.to(self.device)
        longest = {name: orbits if name in _PER_ORBIT else steps for name in self.padded}
        cut = {name: tensor[at, : longest[name]] for name, tensor in self.padded.items()}
        room = cut["step_room"].float()
        kind = cut["kind"].long()
        return Batch(
            Orbits(self.group[at], cut["element"].long(), cut["letter"].long()),
            Asked(kind, cut["orbit"].long(), self.cell[at], torch.where(room == UNSEEN, -1.0, room / ROOM_SCALE)),
            Told(
                kind,
                cut["number"],
                cut["step_point"],
                cut["known"],
                cut["step_near"].float(),
                cut["step_near_element"].long(),
            ),
        )


def _padded(lengths: NDArray[np.uint8], flat: NDArray[Any], fill: float) -> NDArray[Any]:
    """(N, longest, …) from the (total, …) entries of N rows."""
    present = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
    out = np.full((*present.shape, *flat.shape[1:]), fill, flat.dtype)
    out[present] = flat
    return out


def _spans(lengths: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat places of the entries of some rows."""
    ends = np.cumsum(lengths, dtype=np.int64)
    parts = [np.arange(ends[row] - lengths[row], ends[row]) for row in rows]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
