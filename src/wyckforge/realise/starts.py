"""From a gene to structures worth relaxing: tries of the geometry model, and PyXtal's where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wyckforge.errors import StructureError
from wyckforge.realise.build import BuildFailure, build, tool
from wyckforge.realise.config import BuildConfig
from wyckforge.symmetry.crystal import Crystal

if TYPE_CHECKING:
    from wyckforge.models.geometry.model import GeometryModel
    from wyckforge.symmetry.gene import WyckoffGene

GEOMETRY_MODEL = "wyckforge geometry model 1"
"""Name and version of the model, for evidence."""


class Start(NamedTuple):
    """A structure to begin a relaxation with.

    Attributes:
        crystal: standardised conventional cell.
        tool: what made it, with its version.
    """

    crystal: Crystal
    tool: str


@cache
def geometry_model() -> GeometryModel:
    """The geometry model that comes with the package.

    Raises:
        CheckpointError: it is damaged.
    """
    from wyckforge.train.artefact import bundled
    from wyckforge.train.geometry.storage import load_geometry

    return load_geometry(bundled("geometry"))


def starts(gene: WyckoffGene, *, seed: int, n: int, config: BuildConfig | None = None) -> Iterator[Start]:
    """At most n distinct structures that have exactly the gene's symmetry, the most promising first.

    More of them begin with the same ones.

    Args:
        gene: what to build.
        seed: same seed, same structures.
        n: how many.
        config: whether to ask the model, and how hard PyXtal tries where it has no more to offer; the defaults if
            omitted.

    Raises:
        BuildFailure: there is not a single one; the message has PyXtal's last reason.
    """
    config = config or BuildConfig()
    given = 0
    for crystal in _drawn(gene, seed) if config.source == "model" else ():
        if given == n:
            return
        given += 1
        yield Start(crystal, GEOMETRY_MODEL)
    for further in range(n - given):
        try:
            start = _by_pyxtal(gene, seed, further, config)
        except BuildFailure:
            if given:
                return
            raise
        given += 1
        yield start


def nth_start(gene: WyckoffGene, *, seed: int, number: int, config: BuildConfig | None = None) -> Start:
    """One of the structures of :func:`starts`, also where PyXtal fails at one before it.

    Args:
        gene: what to build.
        seed: same seed, same structures.
        number: which of them, from 1.
        config: as for :func:`starts`.

    Raises:
        BuildFailure: PyXtal fails at this one; other numbers are other draws.
    """
    config = config or BuildConfig()
    drawn = list(islice(_drawn(gene, seed), number)) if config.source == "model" else []
    if len(drawn) == number:
        return Start(drawn[-1], GEOMETRY_MODEL)
    return _by_pyxtal(gene, seed, number - len(drawn) - 1, config)


def _by_pyxtal(gene: WyckoffGene, seed: int, further: int, config: BuildConfig) -> Start:
    """The random structure that is the ``further``-th, from 0, after those of the model."""
    own = np.random.SeedSequence(seed, spawn_key=(further,))
    return Start(build(gene, seed=int(own.generate_state(1, np.uint64)[0]), config=config), tool())


def _drawn(gene: WyckoffGene, seed: int) -> Iterator[Crystal]:
    """The model's tries in which the gene is found again."""
    from wyckforge.symmetry.detection import detect

    model = geometry_model()
    if model.problem(gene):
        return
    wanted = gene.canonical()
    for parameters in model.tries(gene, seed=seed):
        try:
            found = detect(parameters.crystal())
        except StructureError:
            continue
        if found.gene.canonical() == wanted:
            yield found.crystal
