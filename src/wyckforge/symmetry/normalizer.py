"""Euclidean normalizers: the operators that map a space group onto itself, and what they do to Wyckoff letters.

A crystal has one description per operator. The metric is the generic one of the crystal system, except that the three
axes of orthorhombic groups count as interchangeable; origins along polar directions, which are arbitrary, are fixed.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyckforge.symmetry.tables import checked_number, space_group


@cache
def operators(number: int) -> NDArray[np.int64]:
    """(k, 3, 4) exact operators, one per coset of the group in its normalizer, translations in 24ths; identity first.

    Raises:
        InvalidGeneError: not a space-group number.
    """
    array = np.array(_row(number)["operators"], dtype=np.int64).reshape(-1, 3, 4)
    array.setflags(write=False)
    return array


@cache
def operator_permutations(number: int) -> tuple[str, ...]:
    """Images of the letters a, b, c, … under each of :func:`operators`.

    Raises:
        InvalidGeneError: not a space-group number.
    """
    return tuple(_row(number)["permutations"])


@cache
def letter_permutations(number: int) -> tuple[dict[str, str], ...]:
    """The distinct permutations of letters, as maps from letter to image; identity first.

    Raises:
        InvalidGeneError: not a space-group number.
    """
    letters = space_group(number).letters
    return tuple(dict(zip(letters, word, strict=True)) for word in dict.fromkeys(operator_permutations(number)))


def polar_axes(number: int) -> str:
    """Axes along which the origin is arbitrary: ``b`` for group 4, ``ac`` for group 6, empty for group 2.

    Raises:
        InvalidGeneError: not a space-group number.
    """
    axes: str = _row(number)["polar_axes"]
    return axes


def _row(number: int) -> dict[str, Any]:
    return _rows()[checked_number(number) - 1]


@cache
def _rows() -> list[dict[str, Any]]:
    text = (files("wyckforge.symmetry") / "normalizers.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
