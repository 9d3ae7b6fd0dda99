"""How far a run of several networks is, and when it will be done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from tqdm import tqdm


class Stage(NamedTuple):
    """One network of a run.

    Attributes:
        name: of the part.
        weight: numbers that are multiplied for one crystal, to which the time is about proportional: its parameters.
        epochs: passes over the crystals.
        done: finished ones.
    """

    name: str
    weight: int
    epochs: int
    done: int


class Progress:
    """A bar on stderr over all stages; silent in all processes but the first.

    Args:
        stages: of the run, in order.
        n: crystals of an epoch.
        shown: whether to draw anything.
    """

    def __init__(self, stages: Sequence[Stage], n: int, *, shown: bool) -> None:
        self._stages, self._n = {stage.name: stage for stage in stages}, n
        self._bar = tqdm(
            total=sum(stage.weight * stage.epochs * n for stage in stages),
            initial=sum(stage.weight * stage.done * n for stage in stages),
            desc="training",
            file=sys.stderr,
            disable=not shown,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def shown(self, name: str, crystals: int) -> None:
        """A stage has shown so many crystals to its network."""
        self._bar.update(self._stages[name].weight * crystals)

    def tell(self, name: str, epoch: int, loss: float) -> None:
        """An epoch of a stage is finished."""
        self._bar.set_postfix_str(f"{name} {epoch}/{self._stages[name].epochs}, loss {loss:.3f}")
