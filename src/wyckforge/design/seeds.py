"""Seeds: the known crystals around which genes are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wyckforge.errors import TableError, TargetError
from wyckforge.records import Target
from wyckforge.symmetry.elements import symbol
from wyckforge.symmetry.gene import WyckoffGene
from wyckforge.train.checkpoint import Checkpoint
from wyckforge.train.model import GeneModel

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.models.representation import Representation

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Seeds:
    """The crystals to perturb and how they were chosen.

    Attributes:
        table: the chosen rows.
        latent: (n, latent) posterior means, float32.
        alone: rows that each constraint leaves on its own.
        relaxed: what was asked of the elements of a seed, in words; empty if nothing was asked.
        considered: rows looked at.
    """

    table: GeneTable
    latent: NDArray[np.float32]
    alone: Mapping[str, int]
    relaxed: str
    considered: int

    def to_dict(self) -> dict[str, object]:
        """JSON-ready summary."""
        return {
            "seeds": len(self.table),
            "considered": self.considered,
            "alone": dict(self.alone),
            "elements": self.relaxed,
        }


def select_seeds(
    checkpoint: GeneModel, table: GeneTable, target: Target, *, unconditional: bool = False, min_seeds: int = 20
) -> Seeds:
    """Choose the rows inside the target, widened by the model's error on each property.

    A property is judged by the label where there is one and by the prediction where there is none. Space group,
    excluded elements, stoichiometry, atoms and number of elements hold for seeds as for genes. The wanted elements
    are softer, because a new chemical system has no known crystal: if fewer than ``min_seeds`` rows consist of the
    allowed elements and contain the required ones, rows with at least two of the wanted elements are taken, then rows
    with one, then all rows.

    Args:
        checkpoint: the model whose latent space is sampled.
        table: known crystals; rows that the model cannot represent are left out.
        target: what is asked for.
        unconditional: take every row, whatever the target.
        min_seeds: see above.

    Raises:
        TargetError: a property is not one of the model's, or no row lies inside the target.
        TableError: the labels of a property of the target are of different vintages.
    """
    check_properties(checkpoint, target)
    if isinstance(checkpoint, Checkpoint):
        _check_elements(checkpoint.representation, target)
    fits = [checkpoint.problem(gene) is None for gene in table.genes]
    table = table.select(np.array(fits, dtype=bool))
    if len(table) == 0:
        raise TargetError("the table holds no crystal that the checkpoint can represent; give another --reference")
    if unconditional:
        return Seeds(table, checkpoint.encode(table.genes), {}, "", len(table))
    masks = _property_masks(checkpoint, table, target) | _structure_masks(table.genes, target)
    alone = {name: int(mask.sum()) for name, mask in masks.items()}
    inside = _intersect(masks, alone, len(table))
    relaxed, inside = _prefer_elements(table.genes, target, inside, min_seeds)
    chosen = table.select(inside)
    return Seeds(chosen, checkpoint.encode(chosen.genes), alone, relaxed, len(table))


def check_properties(checkpoint: GeneModel, target: Target) -> None:
    """Refuse, before anything is drawn, properties that the model does not predict.

    Raises:
        TargetError: there is one.
    """
    if unknown := sorted(set(target.properties) - set(checkpoint.targets)):
        raise TargetError(
            f"property {unknown[0]} asked for; this checkpoint predicts {', '.join(checkpoint.targets)}: "
            "choose among these or use a checkpoint trained on it"
        )


def _check_elements(representation: Representation, target: Target) -> None:
    """Refuse, before anything is drawn, elements of which the model can make no gene."""
    vocabulary = frozenset(representation.elements)
    if unknown := target.must_contain - vocabulary:
        names = ", ".join(symbol(z) for z in sorted(unknown))
        raise TargetError(f"{names} must be contained, but the checkpoint does not know it; choose another element")
    if len(target.must_contain) > representation.max_elements:
        raise TargetError(
            f"{len(target.must_contain)} elements must be contained; this checkpoint makes crystals of "
            f"{representation.span}: ask for fewer"
        )
    left = (vocabulary if target.elements is None else vocabulary & target.elements) - target.exclude
    if len(left) < representation.min_elements:
        names = ", ".join(symbol(z) for z in sorted(left)) or "none"
        raise TargetError(
            f"of the allowed elements the exclusions and the checkpoint leave {names}; it makes crystals of "
            f"{representation.span}: allow more"
        )


def _property_masks(checkpoint: GeneModel, table: GeneTable, target: Target) -> dict[str, Mask]:
    masks = {}
    values = {name: _labels(table, name) for name in target.properties}
    if missing := [np.isnan(column) for column in values.values()]:
        rows = np.flatnonzero(np.logical_or.reduce(missing))
        predicted = checkpoint.predict([table.genes[row] for row in rows]) if rows.size else {}
        for name, column in values.items():
            gaps = np.isnan(column[rows])
            column[rows[gaps]] = predicted[name][gaps] if rows.size else []
    for name, interval in target.properties.items():
        wide = interval.widened(checkpoint.errors[name])
        masks[f"{name} {interval} ± {checkpoint.errors[name]:.3g}"] = (values[name] >= wide.low) & (
            values[name] <= wide.high
        )
    return masks


def _labels(table: GeneTable, name: str) -> NDArray[np.float64]:
    if name not in table.labels:
        return np.full(len(table), np.nan)
    try:
        table.require_single_vintage(name)
    except TableError as error:
        raise TableError(f"reference: {error} (wyckforge data build --vintage NAME)") from None
    return table.label(name).copy()


def _structure_masks(genes: tuple[WyckoffGene, ...], target: Target) -> dict[str, Mask]:
    """One mask per part of the target that restricts anything, the wanted elements apart."""
    everything = Target()
    parts = {
        "space group": Target(space_groups=target.space_groups),
        "excluded elements": Target(exclude=target.exclude),
        "stoichiometry": Target(stoichiometry=target.stoichiometry),
        "number of elements": Target(n_elements=target.n_elements),
        "number of atoms": Target(n_atoms=target.n_atoms),
    }
    return {
        name: np.array([part.rejects(gene) is None for gene in genes], dtype=bool)
        for name, part in parts.items()
        if part != everything
    }


def _intersect(masks: Mapping[str, Mask], alone: Mapping[str, int], rows: int) -> Mask:
    inside = np.ones(rows, dtype=bool)
    for name, mask in masks.items():
        inside &= mask
        if not inside.any():
            counts = "; ".join(f"{other}: {count}" for other, count in alone.items())
            raise TargetError(
                f"no known crystal lies inside the target: {name!r} leaves none of {rows:,}. Each constraint on its "
                f"own leaves {counts}. Widen the target or give another --reference"
            )
    return inside


def _prefer_elements(genes: tuple[WyckoffGene, ...], target: Target, inside: Mask, min_seeds: int) -> tuple[str, Mask]:
    wanted = target.must_contain | (target.elements or frozenset())
    if not wanted:
        return "", inside
    only = Target(elements=target.elements, must_contain=target.must_contain)
    shared = np.array([len(wanted.intersection(gene.elements)) for gene in genes])
    names = ", ".join(symbol(z) for z in sorted(wanted))
    steps = (
        ("as asked", np.array([only.rejects(gene) is None for gene in genes], dtype=bool)),
        (f"at least two of {names}", shared >= 2),
        (f"at least one of {names}", shared >= 1),
        ("any", np.ones(len(genes), dtype=bool)),
    )
    return next(
        ((name, inside & mask) for name, mask in steps if (inside & mask).sum() >= min_seeds), (steps[-1][0], inside)
    )
