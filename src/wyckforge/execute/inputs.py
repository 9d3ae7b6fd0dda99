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
from wyckforge.errors import MissingDependencyError

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.design.ranking import HullEnergy
    from wyckforge.realise.hull import ReferenceHull
    from wyckforge.train.classifier import Bundled
    from wyckforge.train.model import GeneModel

BUNDLED_HULL = Path(str(files("wyckforge.realise") / "reference_hull.parquet"))
NO_JUDGE = "none"
"""Stands for: not the judge of the package."""
PACKAGES = ("wyckforge", "numpy", "torch", "SMACT", "moyopy", "pyxtal", "ase", "chgnet", "pymatgen")


@dataclass(frozen=True)
class Inputs:
    """The loaded inputs of a run.

    Attributes:
        checkpoint: the model.
        reference: the table of known crystals: seeds, novelty.
        hull: reference energies; ``None`` if the run does not use them.
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
            TableError: a table is absent or not one.
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
        path = Path(config.hull.reference) if config.hull.reference else BUNDLED_HULL
        hull = ReferenceHull.load(path)
        description["hull"] = {"rows": len(hull), "sha256": hash_of(path)}
        if config.stop_after in ("relax", "hull"):
            for number, judge in enumerate(map(Path, judge_folders(config.judge.models)), start=1):
                ForwardModel.load(judge)  # before anything is made that it could not judge
                description[f"judge {number}"] = {"name": judge.name, "sha256": hash_of(judge)}
        return cls(checkpoint, reference, hull, description)


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
        anywhere = hull.energy_above_hull(dict(composition), 0.0)
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
