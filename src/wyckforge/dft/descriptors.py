"""What a chain says of a crystal as a thermoelectric, ready for JSON, and the ranking of crystals by it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from wyckforge.dft.bands.edges import BandsError, Gap, find_edges
from wyckforge.dft.bands.ellipsoids import Ellipsoid
from wyckforge.dft.bands.summary import Summary, summarise
from wyckforge.dft.bands.valleys import Carrier, Valley
from wyckforge.dft.chain import Findings
from wyckforge.dft.config import DftConfig
from wyckforge.dft.thermoelectric import Part, Score, goldsmid_sharp, highest_temperature, rank, score, transport
from wyckforge.errors import ConfigError, StructureError

SUMMARY = "summary.json"
"""File in the folder of a run that holds what :func:`describe` gives."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """How well a lattice conducts heat.

    Attributes:
        w_per_m_k: thermal conductivity in W/(m K); None where unknown.
        source: what says so, or why it is unknown.
    """

    w_per_m_k: float | None
    source: str


UNKNOWN = Lattice(None, "nothing was asked")


def describe(name: str, found: Findings, config: DftConfig, lattice: Lattice = UNKNOWN) -> dict[str, Any]:
    """Gap, valleys, masses, transport at the temperature of the settings, and score, JSON-ready.

    Without the step ``mass``, masses are fitted along the path; without ``bands``, the gap is that on the mesh of
    ``dos``, and there are neither valleys nor masses. Units are as in :mod:`wyckforge.dft.bands` and
    :mod:`wyckforge.dft.thermoelectric`.

    Args:
        name: of the crystal.
        found: by its chain.
        config: of that chain.
        lattice: its thermal conductivity at the temperature of the settings.
    """
    settings = config.thermoelectric
    kelvin = settings.temperature_k
    said, problem = _said(found, config)
    gap = said.edges.gap if said else None
    carriers = [transport(said, carrier, kelvin) for carrier in get_args(Carrier) if said and said.of(carrier)]
    scored = score(name, gap.ev if gap else 0.0, carriers, lattice.w_per_m_k, settings) if said else None
    return {
        "name": name,
        "problem": problem,
        "gap": gap and _gap(gap),
        "channels": [one and _gap(one) for one in said.edges.channels] if said else [],
        "metal": said.edges.metal if said else "",
        "valleys": [_valley(*pair) for pair in zip(said.valleys, said.surfaces, strict=True)] if said else [],
        "masses": [asdict(one) for one in said.masses] if said else [],
        "masses_fitted": "along the path" if found.dense is None else "on lines through the valleys",
        "transport": [asdict(one) for one in carriers],
        "highest_temperature_k": gap and highest_temperature(gap.ev),
        "largest_seebeck_uv_per_k": gap and goldsmid_sharp(gap.ev, kelvin),
        "lattice_w_per_m_k": lattice.w_per_m_k,
        "lattice_from": lattice.source,
        "score": scored and {"total": scored.total, "known": scored.known, "parts": [asdict(p) for p in scored.parts]},
        "settings": settings.model_dump(mode="json"),
    }


@dataclass(frozen=True, slots=True)
class Ranking:
    """Crystals by their scores.

    Attributes:
        scores: best first.
        problems: why a folder has no place among them.
    """

    scores: tuple[Score, ...]
    problems: dict[Path, str]


def rank_runs(folders: Iterable[Path]) -> Ranking:
    """Rank the crystals of several runs by what lies in their :data:`SUMMARY`.

    Raises:
        ConfigError: they were scored by different settings, so that their scores do not compare.
    """
    scores: list[Score] = []
    problems: dict[Path, str] = {}
    settings: dict[str, Any] = {}
    for folder in folders:
        try:
            one, theirs = _read(folder / SUMMARY)
        except StructureError as error:
            problems[folder] = str(error)
            continue
        if (settings := settings or theirs) != theirs:
            changed = ", ".join(sorted(key for key in settings if settings[key] != theirs.get(key)))
            raise ConfigError(
                f"{folder} was scored by other settings than the runs before it ({changed}); describe all by the same"
            )
        scores.append(one)
    return Ranking(tuple(rank(scores)), problems)


def _said(found: Findings, config: DftConfig) -> tuple[Summary | None, str]:
    """What the bands say, or why they say nothing."""
    try:
        if found.bands is not None:
            return summarise(found.bands, found.dense, config.bands, found.dos), ""
        if found.dos is not None:
            return Summary(find_edges(found.dos), (), (), ()), ""
    except (BandsError, StructureError) as error:
        return None, str(error)
    return None, found.problems.get("bands", "no bands were computed")


def _read(path: Path) -> tuple[Score, dict[str, Any]]:
    """A score, and the settings behind it.

    Raises:
        StructureError: there is none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["score"] is None:
            raise StructureError(f"no score in {path}: {data['problem']}")
        return Score(data["name"], tuple(Part(**part) for part in data["score"]["parts"])), dict(data["settings"])
    except FileNotFoundError:
        raise StructureError(f"there is no {path.name} in it, so no finished run") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StructureError(f"{path} cannot be read ({error!r}); run the steps again") from None


def _gap(gap: Gap) -> dict[str, Any]:
    return {"ev": gap.ev, "direct": gap.direct} | asdict(gap)


def _valley(valley: Valley, surfaces: tuple[Ellipsoid, ...]) -> dict[str, Any]:
    ellipsoids = [
        asdict(one) | {"dos_mass": one.dos_mass, "conductivity_mass": one.conductivity_mass} for one in surfaces
    ]
    return asdict(valley) | {"n_b": valley.n_b, "n_v": valley.n_v, "printed": str(valley), "ellipsoids": ellipsoids}
