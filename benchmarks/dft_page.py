"""The page about calculations from first principles; its words are in ``dft.md.j2``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dft_published import CASES, Case, Published
from wyckforge.dft.config import DftConfig
from wyckforge.dft.results import Bands, GammaModes, Ground, Relaxed, Result
from wyckforge.execute.folder import CANDIDATES, read_candidates
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import detect

HERE = Path(__file__).parent
WITHIN = {"lattice": 0.01, "gap": 0.05, "modes": 0.05, "masses": 0.10}
"""What the deviations are held against: parts of the published figure, of gaps eV."""


@dataclass(frozen=True)
class Line:
    """A published figure beside ours.

    Attributes:
        crystal: formula.
        what: which figure of the crystal.
        ours: ours.
        published: theirs.
        off: by how much, in the measure of :data:`WITHIN`.
        holds: whether that is within it.
    """

    crystal: str
    what: str
    ours: float
    published: Published
    off: float
    holds: bool


@dataclass(frozen=True)
class Run:
    """A folder of ``wyckforge dft run``."""

    folder: Path

    def result(self, step: str, kind: type[Result]) -> Any:
        """The result of a step; None where it has none."""
        path = self.folder / step / "result.json"
        return kind.read(path) if path.exists() else None

    def record(self, name: str) -> Any:
        """One of its JSON files; empty where there is none."""
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else {}

    @property
    def lattice(self) -> float | None:
        """Edge of the conventional cubic cell of a primitive one with a face-centred lattice, in Å."""
        found = self.result("relax", Relaxed)
        return None if found is None else float((4 * found.crystal.volume) ** (1 / 3))

    @property
    def gap(self) -> dict[str, Any] | None:
        """Of ``summary.json``."""
        found: dict[str, Any] | None = self.record("summary.json").get("gap")
        return found

    @property
    def modes(self) -> GammaModes | None:
        """Vibrations at Γ."""
        found: GammaModes | None = self.result("phonon", GammaModes)
        return found

    def mass(self, which: str) -> float | None:
        """Principal mass of the electrons at the edge: the largest, the smallest, or the mean."""
        valleys = [one for one in self.record("summary.json").get("valleys", ()) if one["carrier"] == "electron"]
        if not valleys or not (principal := valleys[0]["ellipsoids"][0]["principal"]):
            return None
        of: dict[str, Callable[[Sequence[float]], float]] = {
            "longitudinal": max, "transverse": min, "isotropic": lambda masses: float(np.mean(masses))
        }  # fmt: skip
        return float(of[which](principal))

    def transition(self, label: str) -> float | None:
        """From the highest filled band at Γ to the lowest empty one at a labelled point, in eV."""
        bands = self.result("bands", Bands)
        if bands is None or bands.occupied is None:
            return None
        filled = bands.occupied[0]
        at = {
            name: index for one in bands.path for name, index in zip(one.labels, (one.start, one.stop - 1), strict=True)
        }
        return float(bands.energies[0, at[label], filled] - bands.energies[0, at["GAMMA"], filled - 1])


def page_of(cache: Path, candidate: Path | None, vibrations: Path | None) -> str:
    """The page, Markdown.

    Args:
        cache: folder of the runs.
        candidate: folder of the run of a generated crystal, within that of its design; None leaves the section out.
        vibrations: folder of a run of its relaxed crystal with coarser settings, for its vibrations.
    """
    words = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    runs = {case.name: Run(cache / case.name) for case in CASES}
    begun = [case for case in CASES if runs[case.name].record("run.json").get("status") == "complete"]
    done = [case for case in begun if runs[case.name].modes is not None]
    sections = {
        "lattice": list(_lattices(runs)),
        "gap": list(_gaps(runs)),
        "modes": list(_modes(runs)),
        "masses": list(_masses(runs)),
    }
    return words.get_template("dft.md.j2").render(
        within=WITHIN,
        sections=sections,
        held={name: (sum(one.holds for one in lines), len(lines)) for name, lines in sections.items()},
        transitions=list(_transitions(cache)),
        apart=list(_apart(cache)),
        seconds=[(case, runs[case.name].record("run.json")["seconds"]) for case in done],
        still=[case for case in begun if case not in done],
        missing=[case for case in CASES if case not in begun],
        gaps={name: run.gap for name, run in runs.items()},
        tool=next(run.record("run.json")["inputs"]["engine"] for run in runs.values() if run.record("run.json")),
        own=None if candidate is None else _candidate(candidate, vibrations),
    )


def _lattices(runs: dict[str, Run]) -> Iterator[Line]:
    for case in CASES:
        yield from _lines(case, "lattice constant", runs[case.name].lattice, case.lattice, "lattice")


def _gaps(runs: dict[str, Run]) -> Iterator[Line]:
    for case in CASES:
        if gap := runs[case.name].gap:
            yield from _lines(case, "gap", gap["ev"], case.gap, "gap")


def _modes(runs: dict[str, Run]) -> Iterator[Line]:
    for case in CASES:
        if modes := runs[case.name].modes:
            yield from _lines(case, "TO", float(modes.frequencies_per_cm[3]), case.transverse, "modes")
            if modes.longitudinal_per_cm is not None:
                top = float(modes.longitudinal_per_cm.max())
                yield from _lines(case, "LO", top, case.longitudinal, "modes")
            if modes.dielectric is not None:
                constant = float(np.trace(modes.dielectric) / 3)
                yield from _lines(case, "ε∞", constant, case.dielectric, "modes")


def _masses(runs: dict[str, Run]) -> Iterator[Line]:
    for case in CASES:
        for which, published in case.masses:
            yield from _lines(case, f"electron, {which}", runs[case.name].mass(which), (published,), "masses")


def _lines(case: Case, what: str, ours: float | None, published: tuple[Published, ...], measure: str) -> Iterator[Line]:
    for one in published if ours is not None else ():
        assert ours is not None
        off = ours - one.value if measure == "gap" else ours / one.value - 1
        yield Line(case.name, what, ours, one, off, abs(off) <= WITHIN[measure])


def _transitions(cache: Path) -> Iterator[tuple[str, str, str, list[float | None]]]:
    """Crystal, lattice constant, who, and the energies: ours at every lattice constant, then the published ones."""
    for case in CASES:
        for angstrom in case.given:
            run = Run(cache / f"{case.name}-{angstrom}")
            if run.record("run.json"):
                yield case.name, f"{angstrom}", "ours", [run.transition(label) for label in ("GAMMA", "X", "L")]
        for source, energies in case.transitions:
            yield case.name, f"{case.given[0]}", source, list(energies)


BEFORE = ("relax", "refine", "hull", "refined_hull", "stable", "judged_formation_energy", "judged_band_gap")
"""Evidence of a design that the page shows."""


def _apart(cache: Path) -> Iterator[tuple[str, float, float]]:
    """Crystal, its last lattice constant, and by how much our energies there miss the last published set at most."""
    for case in CASES:
        run = Run(cache / f"{case.name}-{case.given[-1]}") if case.given else None
        if run is not None and run.record("run.json"):
            ours = [run.transition(label) or 0.0 for label in ("GAMMA", "X", "L")]
            yield case.name, case.given[-1], float(np.abs(np.subtract(ours, case.transitions[-1][1])).max())


def _candidate(folder: Path, vibrations: Path | None) -> dict[str, Any]:
    """A generated crystal: what the design said, and what the calculations say."""
    run, home = Run(folder), folder.parents[1]
    design = json.loads((home / "run.json").read_text())
    ranked = read_candidates(home / CANDIDATES)
    rank, one = next((place, one) for place, one in enumerate(ranked, 1) if one.id == folder.name)
    found, ground = run.result("relax", Relaxed), run.result("scf", Ground)
    config, default = run.record("run.json")["config"], DftConfig().to_dict()
    asked = design["config"]["target"]
    plain = (
        "space_group",
        "crystal_system",
        "elements",
        "must_contain",
        "exclude",
        "stoichiometry",
        "n_elements",
        "atoms",
    )
    options = {name.replace("_", "-"): value for name, value in asked["properties"].items()}
    options |= {name.replace("_", "-"): asked[name] for name in plain if asked[name]}
    return {
        "id": folder.name,
        "rank": rank,
        "formula": one.gene.formula,
        "gene": str(one.gene),
        "options": " ".join(f"--{name} {value}" for name, value in options.items()),
        "count": design["config"]["count"],
        "seed": design["config"]["seed"],
        "before": [_rounded(asdict(one)) for one in one.evidence if one.stage in BEFORE],
        "meshes": {
            name: config[name]
            for name in config
            if name.endswith("spacing_per_angstrom") and config[name] != default[name]
        },
        "electrons": f"{sum(ground.electrons):.0f}",
        "atoms": len(ground.crystal),
        "evidence": [*run.record("run.json")["evidence"], *_vibrations(vibrations)],
        "vibration": _settings_of(vibrations),
        "summary": run.record("summary.json"),
        "moved": None if found is None or one.crystal is None else _moved(one.crystal, found.crystal),
    }


def _vibrations(folder: Path | None) -> list[dict[str, Any]]:
    """The evidence of a run that has only vibrations to tell."""
    found = [] if folder is None else Run(folder).record("run.json")["evidence"]
    return [one for one in found if one["stage"].startswith("dft_phonon")]


def _settings_of(folder: Path | None) -> str:
    """How the vibrations were computed, in words."""
    if folder is None:
        return "which is not done"
    config = Run(folder).record("run.json")["config"]
    return f"by {config['phonon_method']} on a mesh of {config['scf_k_spacing_per_angstrom']} Å⁻¹"


def _rounded(evidence: dict[str, Any]) -> dict[str, Any]:
    return evidence | {"value": "–" if evidence["value"] is None else f"{evidence['value']:.3f}"}


def _moved(before: Crystal, after: Crystal) -> dict[str, Any]:
    """How a relaxation changed a crystal."""
    per_atom = [one.volume / len(one) for one in (before, after)]
    groups = [detect(one).gene.table.symbol for one in (before, after)]
    return {"volume": 100 * (per_atom[1] / per_atom[0] - 1), "before": groups[0], "after": groups[1]}
