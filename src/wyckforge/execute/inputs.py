"""What runs read, and how their records name it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wyckforge.config import RunConfig
from wyckforge.errors import ConfigError, MissingDependencyError, TargetError

if TYPE_CHECKING:
    from wyckforge.data.table import GeneTable
    from wyckforge.design.ranking import HullEnergy
    from wyckforge.realise.config import BuildConfig, HullConfig, RelaxConfig
    from wyckforge.realise.csp.config import PredictionConfig
    from wyckforge.realise.hull import ReferenceHull
    from wyckforge.train.classifier import Bundled
    from wyckforge.train.model import GeneModel

BUNDLED_HULL = Path(str(files("wyckforge.realise") / "hulls" / "chgnet.parquet"))
"""With it genes are ranked: like the formation energies that models learn, those of CHGNet hold MP2020 corrections."""

PLACED = ("hull", "phonon")
"""Last steps of runs that place crystals on a hull."""

RELAXED = ("relax", *PLACED)
"""Last steps of runs that relax."""

BUILT = ("build", *RELAXED)
"""Last steps of runs that build structures."""

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
            ConfigError: there is no potential of a name that the settings give.
            MissingDependencyError: a potential cannot be loaded.
            TableError: a table is absent or not one, or holds energies of another potential than the one that relaxes.
        """
        from wyckforge.data.embedded import load_embedded
        from wyckforge.data.table import GeneTable
        from wyckforge.realise.hull import ReferenceHull
        from wyckforge.realise.stability import BUNDLED as STABILITY
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
        description |= load_potentials(potentials_used(config))
        if config.stop_after in BUILT:
            description |= _starts_from(config.build)
        for name in classifiers_used(config):
            description[f"classifier {name}"] = {"name": name, "sha256": hash_of(bundled(name))}
        ranking, *others = _hull_tables(config)
        hull = ReferenceHull.load(ranking)
        description["hull"] = {"rows": len(hull), "sha256": hash_of(ranking)}
        for table in others:
            description[f"hull {table.stem}"] = _file(table)
        if config.stop_after in PLACED:
            description["stability"] = _file(Path(str(files("wyckforge.realise") / STABILITY)))
        if config.stop_after in RELAXED:
            for number, judge in enumerate(map(Path, judge_folders(config.judge.models)), start=1):
                ForwardModel.load(judge)  # before anything is made that it could not judge
                description[f"judge {number}"] = _file(judge)
        return cls(checkpoint, reference, hull, description)


def _hull_tables(config: RunConfig) -> list[Path]:
    """The tables of reference energies: that with which genes are ranked, then those on which crystals are placed.

    Raises:
        ConfigError: there is no potential of a name that the settings give, or both are the same.
        TableError: the user's table is none, or not of the potential that relaxes; or a potential has none in the
            package that is to place crystals.
    """
    from wyckforge.realise.reference import ReferenceTable, bundled_tables

    given = Path(config.hull.reference) if config.hull.reference else BUNDLED_HULL
    ranks = bundled_tables().get(ReferenceTable.read(given).tool) == BUNDLED_HULL
    tables: list[Path | None] = [given if ranks else BUNDLED_HULL]
    if config.stop_after in RELAXED:
        tables.append(_placing_table(config.relax, config.hull, required=config.stop_after in PLACED))
    if config.stop_after in PLACED and config.refine.wanted:
        tables.append(_second_table(config))
    return [table for table in dict.fromkeys(tables) if table is not None]


def _placing_table(relax: RelaxConfig, hull: HullConfig, *, required: bool) -> Path | None:
    """The table on which relaxed crystals are placed: the user's, or that of the package for the potential.

    Args:
        relax: which potential relaxes.
        hull: names the table of the user, if there is one.
        required: whether it is an error that the package has none; otherwise ``None`` stands for it.

    Raises:
        TableError: the user's table is none, or not of the potential that relaxes; or there is none.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.realise.corrections import comparable_tool
    from wyckforge.realise.hull import ReferenceHull
    from wyckforge.realise.reference import bundled_table, bundled_tables, require_same_tool

    relaxing = comparable_tool(load_potential(relax.potential))
    if not hull.reference:
        return bundled_table(relaxing) if required else bundled_tables().get(relaxing)
    given = Path(hull.reference)
    require_same_tool(relaxing, ReferenceHull.load(given).tool, given.name)
    return given


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


def prediction_inputs(config: PredictionConfig) -> dict[str, dict[str, Any]]:
    """Read what a structure prediction reads, so that a mistake is told before anything is made.

    Returns:
        JSON-ready names, tools and hashes; two runs with the same read the same.

    Raises:
        ConfigError: there is no potential of that name.
        MissingDependencyError: the potential cannot be loaded.
        TableError: the table of reference energies is absent or not one, or not of the potential that relaxes.
        TargetError: the formula is malformed, or holds an element that the potential does not know.
    """
    from wyckforge.data.positions import BUNDLED as POSITIONS

    _require_elements(config)
    description = load_potentials({"relax.potential": config.relax.potential}) | _starts_from(config.build)
    description["positions"] = _file(Path(str(files("wyckforge.data") / POSITIONS)))
    if (table := _placing_table(config.relax, config.hull, required=False)) is not None:
        description["hull"] = _file(table)
    return description


def _require_elements(config: PredictionConfig) -> None:
    """Pass if the potential knows all elements of the formula, as far as it says.

    Raises:
        TargetError: the formula is malformed, or the potential does not.
    """
    from wyckforge.potential.catalogue import load_potential
    from wyckforge.potential.contract import PotentialError, require_known
    from wyckforge.realise.csp.space import composition

    elements = composition(config.formula)
    potential = load_potential(config.relax.potential)
    try:
        require_known(potential.tool, potential.elements, elements)
    except PotentialError as error:
        raise TargetError(f"formula {config.formula!r} given; {error}; give another formula or potential") from None


def _starts_from(config: BuildConfig) -> dict[str, dict[str, Any]]:
    """The model that draws the structures to begin with, if one does."""
    from wyckforge.train.artefact import bundled

    return {"geometry": _file(bundled("geometry"))} if config.source == "model" else {}


def _file(path: Path) -> dict[str, Any]:
    return {"name": path.name, "sha256": hash_of(path)}


def load_potentials(names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Load potentials, so that one that cannot be had is told before anything is made.

    Args:
        names: of potentials, by the setting that gives them.

    Returns:
        JSON-ready names and tools (with their versions), by setting.

    Raises:
        ConfigError: there is no potential of a name.
        MissingDependencyError: a potential cannot be loaded.
    """
    from wyckforge.potential.catalogue import load_potential

    return {setting: {"name": name, "tool": load_potential(name).tool} for setting, name in names.items()}


def potentials_used(config: RunConfig) -> dict[str, str]:
    """Names of the potentials that a design run asks, by the setting that gives them."""
    used = [
        ("relax.potential", config.relax.potential, config.stop_after in RELAXED),
        ("refine.potential", config.refine.potential, config.stop_after in PLACED and config.refine.wanted),
        ("phonon.relax.potential", config.phonon.relax.potential, config.stop_after == "phonon"),
    ]
    return {setting: name for setting, name, wanted in used if wanted}


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
