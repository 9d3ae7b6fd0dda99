"""One self-contained HTML page about a crystal computed from first principles; reads the records of that run only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wyckforge.errors import MissingDependencyError, StructureError, TableError
from wyckforge.report.bands import Scale, band_chart, dos_chart, zone_words
from wyckforge.report.html import DFT_PAGE
from wyckforge.report.load import RUN
from wyckforge.report.masses import fit_charts
from wyckforge.report.modes import levels, mode_chart, tensors
from wyckforge.report.page import Shown, environment, part, provenance, shown
from wyckforge.report.structure import gradients
from wyckforge.report.typography import number
from wyckforge.report.view import detected_sites
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.gene import WyckoffGene

SUMMARY = "summary.json"
STEPS = {
    "relax": "Relaxation",
    "scf": "Ground state",
    "bands": "Bands",
    "dos": "States",
    "mass": "Masses",
    "phonon": "Vibrations",
}
"""Folders of a run and what is in them."""

RECORDS = ("structure.cif", "relaxed.cif", RUN, SUMMARY)

_RESULT = "result.json"
_OWN = frozenset({"out", "pseudo"})  # folders of the engine's own
_MARKS = ".done"  # what an engine tells itself


@dataclass(frozen=True)
class Calculation:
    """The records of a run.

    Attributes:
        folder: where they lie.
        info: ``run.json``.
        summary: ``summary.json``; empty where the run wrote none.
        results: by step, those that there are.
    """

    folder: Path
    info: Mapping[str, Any]
    summary: Mapping[str, Any]
    results: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, folder: Path) -> Calculation:
        """Read what a run left.

        Raises:
            MissingDependencyError: there is no ``run.json``.
            TableError: a record is not JSON.
        """
        if not (folder / RUN).is_file():
            raise MissingDependencyError(f"{folder} holds no {RUN}; give a folder that `wyckforge dft run` wrote")
        results = {step: folder / step / _RESULT for step in STEPS}
        return cls(
            folder,
            _read(folder / RUN),
            _read(folder / SUMMARY) if (folder / SUMMARY).is_file() else {},
            {step: _read(path) for step, path in results.items() if path.is_file()},
        )

    @property
    def crystal(self) -> Crystal | None:
        """The primitive cell, as the last step knew it."""
        for result in reversed(list(self.results.values())):
            return Crystal.from_dict(result["crystal"])
        return None

    @property
    def gap(self) -> Mapping[str, Any] | None:
        """The fundamental gap; None of a metal, and where nothing is known."""
        gap: Mapping[str, Any] | None = self.summary.get("gap")
        return gap

    @property
    def scale(self) -> Scale:
        """Energies from the valence band maximum or from the Fermi energy."""
        known = (self.results[step].get("fermi_ev") for step in ("bands", "dos", "scf") if step in self.results)
        return Scale.of(self.gap, next(known, None))


def write_dft_page(folder: Path) -> Path:
    """Render ``page.html`` from the records of a run; may be called again at any time.

    Args:
        folder: holds ``run.json`` and, as far as the run went, ``summary.json`` and a folder for each step with its
            ``result.json`` and the files of the engine, which are linked.

    Returns:
        The path of the page.

    Raises:
        MissingDependencyError: there is no ``run.json``.
        TableError: a record cannot be read.
    """
    from jinja2 import UndefinedError

    run = Calculation.load(folder)
    try:
        page = render(run)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, StructureError, UndefinedError) as error:
        raise TableError(f"the records in {folder} cannot be read ({error!r}); compute them anew") from error
    path = folder / DFT_PAGE
    path.write_text(page, encoding="utf-8")
    return path


def render(run: Calculation) -> str:
    """The page as text."""
    cell, gene = _structure(run.crystal)
    bands, modes, scale = run.results.get("bands"), run.results.get("phonon"), run.scale
    fitted, masses = run.results.get("mass") or bands, run.summary.get("masses", ())
    numbers = set() if run.crystal is None else {int(z) for z in run.crystal.numbers}
    made = environment()
    made.filters["zone"] = zone_words
    return made.get_template("dft.html").render(
        name=run.info.get("name", ""),
        gene=gene,
        engine=_engine(run),
        notice=" ".join([*_unfinished(run), *(f"Warning: {one}." for one in run.info.get("warnings", ()))]),
        evidence=run.info.get("evidence", ()),
        figures=_figures(run),
        cell=cell,
        scale=scale,
        bands=band_chart(bands, scale, run.gap) if bands else None,
        dos=dos_chart(run.results["dos"], scale) if "dos" in run.results else None,
        polarised=bands is not None and len(bands["energies"]) > 1,
        gap=run.gap,
        channels=run.summary.get("channels", ()),
        metal=run.summary.get("metal", ""),
        fits=fit_charts(masses, fitted, scale) if fitted else (),
        masses=masses,
        valleys=run.summary.get("valleys", ()),
        transport=run.summary.get("transport") or (),
        score=run.summary.get("score"),
        lattice_from=run.summary.get("lattice_from", ""),
        highest_k=run.summary.get("highest_temperature_k"),
        seebeck=run.summary.get("largest_seebeck_uv_per_k"),
        kelvin=run.summary.get("settings", {}).get("temperature_k"),
        modes=modes,
        mode_chart=mode_chart(modes) if modes else None,
        levels=levels(modes) if modes else (),
        tensors=tensors(modes) if modes else (),
        files=_files(run.folder),
        provenance=provenance(run.info),
        config=json.dumps(run.info["config"], indent=2, ensure_ascii=False) if "config" in run.info else "",
        gradients=gradients(numbers),
        style=part("report.css"),
        script=part("turn.js"),
    )


def _structure(crystal: Crystal | None) -> tuple[Shown | None, WyckoffGene | None]:
    """The conventional cell and its gene, as far as symmetry can be told."""
    from wyckforge.symmetry.detection import detect

    if crystal is None:
        return None, None
    try:
        found = detect(crystal)
    except StructureError:
        return shown(crystal, (), turnable=True), None
    places = detected_sites(found.crystal, found.site_letters, found.gene.table)
    return shown(found.crystal, tuple(places), turnable=True), found.gene


def _engine(run: Calculation) -> str:
    tools = (result.get("tool") for result in run.results.values())
    return next((tool for tool in tools if tool), "") or str(run.info.get("versions", {}).get("engine", ""))


def _unfinished(run: Calculation) -> list[str]:
    if run.info.get("status") == "complete":
        return []
    return ["This run was not finished; below is what it has so far."]


def _figures(run: Calculation) -> list[tuple[str, str]]:
    """The few numbers that stand on top."""
    figures = []
    if run.gap:
        valence, conduction = run.gap["valence"], run.gap["conduction"]
        places = f"{zone_words(valence['label'])} → {zone_words(conduction['label'])}"
        kind = "direct" if run.gap["direct"] else "indirect"
        figures.append((number(run.gap["ev"], 2), f"eV, {kind} gap, {places}"))
    elif metal := run.summary.get("metal"):
        figures.append(("metal", metal))
    for carrier in ("hole", "electron"):
        if mass := _at_edge(run.summary, carrier):
            line = f"{zone_words(mass['label'])} → {zone_words(mass['towards'])}"
            figures.append((number(mass["mass"], 2), f"m₀, {carrier}, {line}"))
    ground = run.results.get("scf", {})
    if ground.get("site_moments_bohr"):
        figures.append((number(ground["moment_bohr"], 2), "μB per cell, total moment"))
    if modes := run.results.get("phonon"):
        moving = [level for level in levels(modes) if not level.acoustic]
        figures += [(level.frequency, "cm⁻¹, lowest mode at Γ") for level in moving[:1]]
    return figures


def _at_edge(summary: Mapping[str, Any], carrier: str) -> Mapping[str, Any] | None:
    """The lightest line of the band that makes the edge, where one could be fitted."""
    edge = next((valley for valley in summary.get("valleys", ()) if valley["carrier"] == carrier), None)
    if edge is None:
        return None
    same = ("carrier", "spin", "k_point")
    known = [
        mass
        for mass in summary.get("masses", ())
        if mass["mass"] is not None and mass["band"] == edge["bands"][0] and all(mass[k] == edge[k] for k in same)
    ]
    return min(known, key=lambda mass: abs(mass["mass"]), default=None)


def _files(folder: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Crystals and records, then of each step inputs and outputs of the engine and the result: names and links."""
    records = [(name, name) for name in RECORDS if (folder / name).is_file()]
    found = [("Crystal, records", records)] if records else []
    for step, label in STEPS.items():
        inside = sorted(path for path in (folder / step).rglob("*") if path.is_file() and _is_shown(path, folder))
        if links := [(str(path.relative_to(folder / step)), quote(str(path.relative_to(folder)))) for path in inside]:
            found.append((label, links))
    return found


def _is_shown(path: Path, folder: Path) -> bool:
    return path.suffix != _MARKS and _OWN.isdisjoint(path.relative_to(folder).parts)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path} is not JSON ({error}); compute it anew") from error
    if not isinstance(found, dict):
        raise TableError(f"{path} holds no JSON object; compute it anew")
    return found
