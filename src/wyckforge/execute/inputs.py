"""What a design run reads, and how the record names it."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wyckforge.config import RunConfig
from wyckforge.errors import MissingDependencyError

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.train.checkpoint import Checkpoint

PACKAGES = ("wyckforge", "numpy", "torch", "SMACT", "moyopy", "pyxtal", "ase", "chgnet", "pymatgen")


@dataclass(frozen=True)
class Inputs:
    """The loaded inputs of a run.

    Attributes:
        checkpoint: the model.
        checkpoint_sha256: hash of its folder.
        reference: the table of seeds.
        hull_sha256: hash of the table of reference energies; empty if the run does not go there.
    """

    checkpoint: Checkpoint
    checkpoint_sha256: str
    reference: GeneTable
    hull_sha256: str

    @classmethod
    def load(cls, config: RunConfig) -> Inputs:
        """Read them.

        Raises:
            CheckpointError: the checkpoint is absent, truncated or foreign.
            TableError: a table is absent or not one.
        """
        from wyckforge.data.embedded import load_embedded
        from wyckforge.data.table import GeneTable
        from wyckforge.train.checkpoint import Checkpoint, bundled_checkpoint

        folder = Path(config.checkpoint) if config.checkpoint else bundled_checkpoint()
        hull = Path(config.hull) if config.hull else Path(str(files("wyckforge.realise") / "reference_hull.parquet"))
        return cls(
            checkpoint=Checkpoint.load(folder),
            checkpoint_sha256=hash_of(folder),
            reference=GeneTable.read(config.reference) if config.reference else load_embedded(),
            hull_sha256=hash_of(hull) if config.stop_after == "hull" else "",
        )

    def describe(self) -> dict[str, dict[str, Any]]:
        """JSON-ready names and hashes; two runs with the same description read the same."""
        return {
            "checkpoint": {"name": self.checkpoint.name, "sha256": self.checkpoint_sha256},
            "reference": {"rows": len(self.reference), "sha256": self.reference.content_hash()},
            "hull": {"sha256": self.hull_sha256},
        }


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
