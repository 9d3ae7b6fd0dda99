"""What a design run reads, and how the record names it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wyckforge.config import RunConfig
from wyckforge.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.design.ranking import HullEnergy
    from wyckforge.realise.hull import ReferenceHull
    from wyckforge.train.classifier import Bundled
    from wyckforge.train.model import GeneModel

BUNDLED_HULL = Path(str(files("wyckforge.realise") / "hulls" / "chgnet.parquet"))
"""With it genes are ranked: like the formation energies that models learn, those of CHGNet hold MP2020 corrections."""

PLACED = ("hull", "phonon")
"""Last steps of runs that place crystals on a hull."""

NO_JUDGE = "none"
"""Stands for: not the judge of the package."""
PACKAGES = ("wyckforge", "numpy", "torch", "SMACT", "moyopy", "pyxtal", "ase", "chgnet", "sevenn", "pymatgen")


@dataclass(frozen=True)
class Inputs:
    """The loaded inputs of a run.

    Attributes:
        checkpoint: the model.
        reference: the table of known crystals: seeds, novelty.
        hull: reference energies with which genes are ranked; ``None`` if the run does not use them.
        description: JSON-ready names and hashes; two runs with the same description read the same.
    """

    checkpoint: GeneModel
    reference: GeneTable
    hull: ReferenceHull | None
    description: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, config: RunConfig) -> Inputs:
        """Read them.

        Raises:
            CheckpointError: the checkpoint or a judge is absent, truncated or foreign.
            ConfigError: there is no potential of that name.
            TableError: a table is absent or not one, or holds energies of another potential than the one that relaxes.
        """
        from wyckforge.data.embedded import load_embedded
        from wyckforge.data.table import GeneTable
        from wyckforge.realise.hull import ReferenceHull
        from wyckforge.train.artefact import bundled
        from wyckforge.train.forward.model import ForwardModel
        from wyckforge.train.model import checkpoint_folder, load_checkpoint

        folder = checkpoint_folder(config.checkpoint or None)
        checkpoint = load_checkpoint(folder)
        reference = GeneTable.read(config.reference) if config.reference else load_embedded()
        description: dict[str, dict[str, Any]] = {
            "checkpoint": {"name": checkpoint.name, "sha256": hash_of(folder)},
            "reference": {"rows": len(reference), "sha256": reference.content_hash()},
        }
        if config.stop_after == "genes":
            return cls(checkpoint, reference, None, description)
        for name in classifiers_used(config):
            description[f"classifier {name}"] = {"name": name, "sha256": hash_of(bundled(name))}
        ranking, *others = _hull_tables(config)
        hull = ReferenceHull.load(ranking)
        description["hull"] = {"rows": len(hull), "sha256": hash_of(ranking)}
        for table in others:
            description[f"hull {table.stem}"] = {"name": table.name, "sha256": hash_of(table)}
        if config.stop_after in ("relax", *PLACED):
            for number, judge in enumerate(map(Path, judge_folders(config.judge.models)), start=1):
                ForwardModel.load(judge)  # before anything is made that it could not judge
                description[f"judge {number}"] = {"name": judge.name, "sha256": hash_of(judge)}
        return cls(checkpoint, reference, hull, description)


def _hull_tables(config: RunConfig) -> list[Path]:
    """The tables of reference energies: that with which genes are ranked, then those on which crystals are placed.

    Raises:
        ConfigError: there is no potential of a name that the settings give, or both are the same.
        TableError: the user's table is none, or not of the potential that relaxes; or a potential has none in the
            package.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.corrections import comparable_tool
    from wyckforge.realise.reference import ReferenceTable, bundled_table, bundled_tables, require_same_tool

    given = Path(config.hull.reference) if config.hull.reference else None
    tool = ReferenceTable.read(given).tool if given else ""
    ranking = given if given and bundled_tables().get(tool) == BUNDLED_HULL else BUNDLED_HULL
    if config.stop_after not in PLACED:
        return [ranking]
    relaxing = comparable_tool(load_potential(config.relax.potential))
    if given:
        require_same_tool(relaxing, tool, given.name)
    second = [_second_table(config)] if config.refine.wanted else []
    return list(dict.fromkeys([ranking, given or bundled_table(relaxing), *second]))


def _second_table(config: RunConfig) -> Path:
    """The table of reference energies of the second potential.

    Raises:
        ConfigError: there is no potential of that name, or it is the first one.
        TableError: the package has no table for it.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.corrections import comparable_tool
    from wyckforge.realise.reference import bundled_table

    if config.refine.potential == config.relax.potential:
        raise ConfigError(
            f"refine.potential is {config.refine.potential!r} like relax.potential; give another one, or none for "
            "one level only"
        )
    return bundled_table(comparable_tool(load_potential(config.refine.potential)))


def classifiers_used(config: RunConfig) -> list[Bundled]:
    """Names of the bundled classifiers that the funnel of a run asks."""
    from wyckforge.design.funnel import refuses_metals
    from wyckforge.targets import parse_target

    used: list[tuple[Bundled, bool]] = [
        ("synthesizability", config.funnel.synthesizability),
        ("metal", refuses_metals(config.funnel, parse_target(config.target))),
    ]
    return [name for name, wanted in used if wanted]


def judge_folders(models: Sequence[str]) -> tuple[str, ...]:
    """Folders of the forward models that judge relaxed crystals: those named, then the bundled one unless "none" is."""
    from wyckforge.train.artefact import bundled

    named = tuple(name for name in models if name != NO_JUDGE)
    return named if NO_JUDGE in models else (*named, str(bundled("judge")))


def hull_energy(hull: ReferenceHull) -> HullEnergy:
    """Formation energy (eV/atom) of a hull at a composition, the elements at their own references."""

    @cache
    def at(composition: tuple[tuple[int, int], ...]) -> float | None:
        anywhere = hull.energy_above_hull(dict(composition), 0.0, tool=hull.tool)
        if anywhere.value is None or anywhere.formation_energy is None:
            return None
        return anywhere.formation_energy - anywhere.value

    return lambda composition: at(tuple(composition.items()))


def hash_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of the files in a folder.

    Raises:
        MissingDependencyError: there is nothing at the path.
    """
    if not path.exists():
        raise MissingDependencyError(f"{path} does not exist; give another path or leave the setting out")
    digest = hashlib.sha256()
    for file in sorted(inner for inner in path.iterdir() if inner.is_file()) if path.is_dir() else [path]:
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of what takes part in a run."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
