"""Build the committed symmetry tables: ``elements.json``, ``tables.json`` and ``normalizers.json``.

Elements come from pymatgen, general and Wyckoff positions from PyXtal. Normalizers are computed here in integers:
an operator is kept if it conjugates the group into itself, and letters are permuted as it moves the orbits.

Usage: ``python tools/build_symmetry_tables.py`` (about a minute, one core).
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element
from pyxtal.symmetry import Group
from tqdm import tqdm

FOLDER = Path(__file__).resolve().parents[1] / "src/wyckforge/symmetry"
GRID = 24  # every translation of a space group and of its normalizer is a multiple of 1/24
PRIME = 100_003  # generic coordinates are integers modulo 24 * PRIME
GENERIC = np.array([12_347, 734_501, 1_300_021])
IDENTITY = np.eye(3, dtype=np.int64)

Operator = NDArray[np.int64]  # (3, 4): integer matrix and, in the last column, the translation in 24ths


def build_elements() -> list[dict[str, object]]:
    """Symbol, Pauling electronegativity (null where undefined) and classes of the elements 1 to 118."""
    rows: list[dict[str, object]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns of every undefined electronegativity
        for number in range(1, 119):
            element = Element.from_Z(number)
            value = float(element.X)
            rows.append(
                {
                    "symbol": element.symbol,
                    "electronegativity": None if math.isnan(value) else value,
                    "radioactive": bool(element.is_radioactive),
                    "f_block": bool(element.is_lanthanoid or element.is_actinoid),
                }
            )
    return rows


def build_table(number: int) -> dict[str, object]:
    """Letters, positions and general-position operators of one group, letters ascending."""
    group = Group(number)
    positions = []
    for wyckoff in reversed(list(group)):
        wyckoff.get_site_symmetry()
        positions.append(
            {
                "letter": wyckoff.letter,
                "multiplicity": int(wyckoff.multiplicity),
                "degrees_of_freedom": int(wyckoff.get_dof()),
                "site_symmetry": wyckoff.site_symm,
                "representative": exact(wyckoff.ops[0].affine_matrix).ravel().tolist(),
            }
        )
    operators = [reduced(exact(op.affine_matrix)).ravel().tolist() for op in group[0].ops]
    return {"number": number, "symbol": group.symbol, "positions": positions, "operators": operators}


def exact(affine: NDArray[np.float64]) -> Operator:
    """The (3, 4) integer form of a 4×4 affine matrix."""
    scaled = affine[:3] * np.array([1, 1, 1, GRID])
    rounded: Operator = np.rint(scaled).astype(np.int64)
    if not np.allclose(scaled, rounded, atol=1e-4):
        raise ValueError(f"no exact form in 24ths: {affine}")
    return rounded


def reduced(operator: Operator) -> Operator:
    """The same operator with its translation in [0, 1)."""
    return np.column_stack([operator[:, :3], operator[:, 3] % GRID])


def holohedry(number: int) -> Iterator[Operator]:
    """Matrices that map the conventional cell onto itself; orthorhombic axes count as interchangeable."""
    if number <= 15:  # generic metric: the triclinic lattice has ±1, the monoclinic one 2/m with unique axis b
        signs = [(1, 1, 1), (-1, -1, -1)] if number <= 2 else [(a, b, a) for a in (1, -1) for b in (1, -1)]
        yield from (np.diag(sign) for sign in signs)
        return
    if 143 <= number <= 194:
        metric = np.array([[2, -1, 0], [-1, 2, 0], [0, 0, 5]])
    elif 75 <= number <= 142:
        metric = np.diag([2, 2, 5])
    else:
        metric = np.diag([2, 2, 2])
    for entries in itertools.product((-1, 0, 1), repeat=9):
        matrix = np.array(entries).reshape(3, 3)
        if np.array_equal(matrix.T @ metric @ matrix, metric):
            yield matrix


class NormalizerBuilder:
    """Exact Euclidean normalizer of one group, modulo the group and modulo continuous translations."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.number: int = table["number"]
        self.positions: list[dict[str, Any]] = table["positions"]
        self.operators = np.array(table["operators"]).reshape(-1, 3, 4)
        by_matrix: dict[bytes, list[Operator]] = {}
        for operator in self.operators:
            by_matrix.setdefault(operator[:, :3].tobytes(), []).append(operator)
        self.by_matrix = by_matrix
        self.centrings = np.array([op[:, 3] for op in by_matrix[IDENTITY.tobytes()]])
        matrices = [np.frombuffer(key, dtype=np.int64).reshape(3, 3) for key in by_matrix]
        # In the standard settings the polar directions lie along the axes.
        self.polar = np.array([all(np.array_equal(m[:, k], IDENTITY[k]) for m in matrices) for k in range(3)])
        axes = [np.array([0]) if polar else np.arange(GRID) for polar in self.polar]
        self.grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def key(self, matrix: Operator, translation: NDArray[np.int64]) -> tuple[int, ...]:
        """Identity of an operator modulo lattice and polar translations: the least equivalent translation."""
        shifted = (translation + self.centrings) % GRID
        shifted[:, self.polar] = 0
        return (*map(int, matrix.ravel()), *min(map(tuple, shifted.tolist())))

    def translations(self, matrix: Operator) -> NDArray[np.int64]:
        """All grid translations t for which (matrix, t) maps the group onto itself, (k, 3); possibly none."""
        inverse = np.rint(np.linalg.inv(matrix)).astype(np.int64)
        found = self.grid
        for centring in self.centrings:
            if not (((matrix @ centring) % GRID) == self.centrings).all(axis=1).any():
                return found[:0]
        for operators in self.by_matrix.values():
            operator = operators[0]
            image = matrix @ operator[:, :3] @ inverse
            targets = self.by_matrix.get(image.tobytes())
            if targets is None:
                return found[:0]
            moved = (matrix @ operator[:, 3] + found @ (IDENTITY - image).T) % GRID
            allowed = np.array([target[:, 3] for target in targets])
            found = found[(moved[:, None] == allowed).all(axis=-1).any(axis=-1)]
        return found

    def cosets(self) -> list[Operator]:
        """One operator per coset of the group in its normalizer: identity first, then pure translations."""
        candidates = [(m, t) for m in holohedry(self.number) for t in self.translations(m)]
        candidates.sort(key=lambda candidate: simplicity(*candidate))
        seen: set[tuple[int, ...]] = set()
        chosen = []
        for matrix, translation in candidates:
            if self.key(matrix, translation) in seen:
                continue
            chosen.append(np.column_stack([matrix, translation]))
            for operators in self.by_matrix.values():
                op = operators[0]
                seen.add(self.key(matrix @ op[:, :3], matrix @ op[:, 3] + translation))
        return chosen

    def letter_of(self, point: NDArray[np.int64], degrees_of_freedom: int) -> str:
        """Letter of the position with that many free parameters that holds the point (units 1 / (24 PRIME))."""
        for position in self.positions:
            if position["degrees_of_freedom"] == degrees_of_freedom and self.holds(position, point):
                return str(position["letter"])
        raise ValueError(f"group {self.number}: no position holds {point}")

    def holds(self, position: dict[str, Any], point: NDArray[np.int64]) -> bool:
        """Whether some image of the position's affine subspace passes through the point, modulo the lattice."""
        modulus = GRID * PRIME
        base = np.array(position["representative"]).reshape(3, 4)
        for operator in self.operators:
            span = operator[:, :3] @ base[:, :3]
            origin = operator[:, :3] @ base[:, 3] + operator[:, 3]
            if lies_on(span, point - origin * PRIME, position["degrees_of_freedom"], modulus):
                return True
        return False

    def permutation(self, operator: Operator) -> str:
        """Images of the letters, in order."""
        images = []
        for position in self.positions:
            base = np.array(position["representative"]).reshape(3, 4)
            point = base[:, :3] @ GENERIC + base[:, 3] * PRIME
            moved = operator[:, :3] @ point + operator[:, 3] * PRIME
            images.append(self.letter_of(moved, position["degrees_of_freedom"]))
        if len(set(images)) != len(images):
            raise ValueError(f"group {self.number}: {operator.tolist()} maps two positions onto one: {images}")
        return "".join(images)


def lies_on(span: Operator, offset: NDArray[np.int64], rank: int, modulus: int) -> bool:
    """Whether an offset is in the real column space of an integer matrix, modulo integer vectors (exact)."""
    if rank == 3:
        return True
    if rank == 0:
        return not (offset % modulus).any()
    columns = [column for column in span.T if column.any()]
    if rank == 1:
        direction = columns[0] // math.gcd(*map(int, columns[0]))
        axis = int(np.flatnonzero(abs(direction) == 1)[0])
        return not ((offset - direction[axis] * offset[axis] * direction) % modulus).any()
    normals = (np.cross(a, b) for a, b in itertools.combinations(columns, 2))
    normal = next(n for n in normals if n.any())
    return int(normal // math.gcd(*map(int, normal)) @ offset) % modulus == 0


def simplicity(matrix: Operator, translation: NDArray[np.int64]) -> tuple[object, ...]:
    """Sorting key: the identity and pure translations first, then few changed entries and few shifts."""
    shifts = (int((translation != 0).sum()), translation[::-1].tolist())
    return (-int(np.trace(matrix)), int((matrix != IDENTITY).sum()), *shifts, (-matrix).ravel().tolist())


def build_normalizer(table: dict[str, object]) -> dict[str, object]:
    """Coset representatives of the normalizer with the permutation of letters of each."""
    builder = NormalizerBuilder(table)
    operators = builder.cosets()
    return {
        "number": builder.number,
        "polar_axes": "".join(axis for axis, polar in zip("abc", builder.polar, strict=True) if polar),
        "operators": [operator.ravel().tolist() for operator in operators],
        "permutations": [builder.permutation(operator) for operator in operators],
    }


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    """One row per line, so that a change shows as the line it touches."""
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Write the three files."""
    write_rows(FOLDER / "elements.json", build_elements())
    tables = [build_table(number) for number in tqdm(range(1, 231), desc="tables")]
    write_rows(FOLDER / "tables.json", tables)
    write_rows(FOLDER / "normalizers.json", [build_normalizer(table) for table in tqdm(tables, desc="normalizers")])


if __name__ == "__main__":
    main()
