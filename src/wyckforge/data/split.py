"""Training, validation and test parts that share no formula (or no chemical system)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from wyckforge.data.table import GeneTable
from wyckforge.errors import TableError
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene

GroupBy = Literal["formula", "chemical_system"]
_PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the three parts of one table.

    Attributes:
        train: row numbers for training, ascending.
        val: row numbers that choose epochs and learning rates.
        test: row numbers that nothing may look at before the end.
        seed: seed it was drawn with.
        by: what stays together.
        table_hash: content hash of the table it belongs to.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int
    by: GroupBy
    table_hash: str

    def check_belongs_to(self, table: GeneTable) -> None:
        """Pass if the split was made for this table.

        Raises:
            TableError: it was made for another.
        """
        if self.table_hash != table.content_hash():
            raise TableError("the split was made for another table; split this table, or give the one of the split")

    def write(self, path: Path | str) -> None:
        """Write as JSON."""
        data = {part: getattr(self, part).tolist() for part in _PARTS}
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seed": self.seed, "by": self.by, "table_hash": self.table_hash, **data}) + "\n")

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a file of :meth:`write`.

        Raises:
            TableError: absent or not a split.
        """
        try:
            data: dict[str, Any] = json.loads(Path(path).read_text())
            parts = {part: np.asarray(data[part], dtype=np.int64) for part in _PARTS}
            return cls(**parts, seed=int(data["seed"]), by=data["by"], table_hash=str(data["table_hash"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TableError(f"{path} is not a split ({error}); make one with split_table") from None


def split_table(
    table: GeneTable,
    *,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int,
    by: GroupBy = "formula",
) -> Split:
    """Split a table so that groups stay together and every part follows the distribution of space groups.

    Groups are ordered by their commonest space group, at random within it, and dealt one after the other to the part
    that lacks most of its share so far. A stretch of one space group is thus shared out in the given proportions, and
    space groups with few crystals fall on all parts alike.

    Args:
        table: the table.
        fractions: shares of training, validation and test; they sum to 1.
        seed: seed of the random order.
        by: ``formula`` keeps polymorphs of one reduced formula together, ``chemical_system`` everything of the same
            elements.

    Raises:
        TableError: fractions that are negative or do not sum to 1, or an unknown ``by``.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.shape != (3,) or shares.min() < 0 or abs(shares.sum() - 1) > 1e-9:
        raise TableError(f"fractions {fractions} given; give three shares, none negative, that sum to 1")
    if by not in ("formula", "chemical_system"):
        raise TableError(f"split by {by!r} given; allowed are formula and chemical_system")
    groups: dict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(_keys(by, table.genes)):
        groups[key].append(row)

    sizes = np.zeros(3)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows in _dealing_order(list(groups.values()), table.space_groups, np.random.default_rng(seed)):
        part = int(np.argmax(shares * (sizes.sum() + len(rows)) - sizes))
        parts[part].extend(rows)
        sizes[part] += len(rows)
    train, val, test = (np.array(sorted(part), dtype=np.int64) for part in parts)
    return Split(train=train, val=val, test=test, seed=seed, by=by, table_hash=table.content_hash())


def rows_apart(table: GeneTable, split: Split, others: Sequence[GeneTable]) -> list[NDArray[np.bool_]]:
    """Rows of other tables that may be learned from too: new ids that share no group with the held-out parts.

    Args:
        table: that of the split.
        split: of ``table``.
        others: m tables.

    Returns:
        One mask over the rows of each of them.
    """
    held_out = {key for part in (split.val, split.test) for key in _keys(split.by, [table.genes[row] for row in part])}
    seen, masks = set(table.ids), []
    for other in others:
        keys = _keys(split.by, other.genes)
        fresh = [name not in seen and key not in held_out for name, key in zip(other.ids, keys, strict=True)]
        masks.append(np.array(fresh, bool))
        seen |= set(other.ids)
    return masks


def chemical_system(gene: WyckoffGene) -> str:
    """Element symbols in alphabetical order, ``Cs-Pt-Se``."""
    return "-".join(sorted(symbol(number) for number in gene.elements))


def _keys(by: GroupBy, genes: Iterable[WyckoffGene]) -> list[str]:
    return [gene.formula if by == "formula" else chemical_system(gene) for gene in genes]


def _dealing_order(
    groups: list[list[int]], space_groups: NDArray[np.int64], rng: np.random.Generator
) -> list[list[int]]:
    position = rng.permutation(231)
    commonest = [Counter(space_groups[rows].tolist()).most_common(1)[0][0] for rows in groups]
    chance = rng.random(len(groups))
    return [groups[i] for i in sorted(range(len(groups)), key=lambda i: (position[commonest[i]], chance[i]))]
