"""The figures of the benchmark pages; they get data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from wyckforge.data.table import GeneTable
from wyckforge.files import write_atomically
from wyckforge.properties import BAND_GAP, FORMATION_ENERGY, describe
from wyckforge.records import Interval, Target
from wyckforge.symmetry.tables import CRYSTAL_SYSTEMS, crystal_system

matplotlib.use("agg")
# The same data give the same file.
pyplot.rcParams.update(
    {"font.size": 8, "svg.hashsalt": "wyckforge", "axes.spines.top": False, "axes.spines.right": False}
)

Values = Mapping[str, NDArray[np.float64]]
_BINS = {
    BAND_GAP: np.linspace(0, 8, 49),
    FORMATION_ENERGY: np.linspace(-4.5, 0.5, 51),
    "space_group": np.arange(0.5, 231, 10),
}
_LABELS = {name: describe(name).axis_label for name in (BAND_GAP, FORMATION_ENERGY)} | {"space_group": "Space group"}


def draw_latent(path: Path, points: NDArray[np.float64], variance: NDArray[np.float64], table: GeneTable) -> None:
    """Crystals on two principal components (n, 2), coloured by gap, formation energy and crystal system."""
    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.1), layout="constrained", sharex=True, sharey=True)
    # In random order, so that no colour lies on top of the others by its place in the table.
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    for ax, name, colours in ((axes[0], BAND_GAP, "viridis"), (axes[1], FORMATION_ENERGY, "plasma")):
        values = table.label(name)[order]
        low, high = np.quantile(values, [0.02, 0.98])
        drawn = ax.scatter(x, y, c=values, s=2, cmap=colours, vmin=low, vmax=high, linewidths=0)
        figure.colorbar(drawn, ax=ax, extend="both")
        ax.set_title(describe(name).axis_label)
    systems = np.array([crystal_system(group) for group in table.space_groups[order].tolist()])
    palette = pyplot.get_cmap("turbo")(np.linspace(0.05, 0.95, len(CRYSTAL_SYSTEMS)))
    colour = dict(zip(CRYSTAL_SYSTEMS, palette, strict=True))
    axes[2].scatter(x, y, c=[colour[system] for system in systems], s=2, linewidths=0)
    for system in CRYSTAL_SYSTEMS:
        axes[2].plot([], [], "o", color=colour[system], markersize=4, label=system)
    axes[2].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[2].set_title("Crystal system")
    for ax in axes:
        ax.set_xlabel(f"PC 1 ({variance[0]:.0%} of the variance)")
    axes[0].set_ylabel(f"PC 2 ({variance[1]:.0%})")
    _save(figure, path)


def draw_densities(path: Path, conditions: Sequence[tuple[str, Target, Values]], unconditional: Values) -> None:
    """Densities of the properties of valid samples, one row per condition (name, target, values)."""
    figure, axes = pyplot.subplots(len(conditions), 3, figsize=(9, 2.3 * len(conditions)), layout="constrained")
    for row, (name, target, values) in zip(axes, conditions, strict=True):
        wanted = {**target.properties, "space_group": Interval(min(target.space_groups), max(target.space_groups))}
        for ax, (key, bins) in zip(row, _BINS.items(), strict=True):
            _density(ax, bins, values[key], unconditional[key], wanted[key])
            ax.set_xlabel(_LABELS[key])
        row[0].set_ylabel(f"{name}\ndensity")
    axes[0][0].legend(frameon=False)
    _save(figure, path)


def draw_curves(path: Path, points: Mapping[int, Mapping[str, float]], curves: Mapping[str, str]) -> None:
    """Errors by curve against the number of crystals, on logarithmic axes; ``curves`` names them."""
    figure, ax = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    sizes = sorted(points)
    for key, name in curves.items():
        ax.plot(sizes, [points[size][key] for size in sizes], "o-", markersize=4, label=name)
    ax.set(xscale="log", yscale="log", xlabel="training crystals", ylabel="mean absolute error")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def draw_funnel(
    path: Path, runs: Mapping[str, Mapping[str, int]], published: Mapping[str, int], words: Mapping[str, str]
) -> None:
    """What is left after every step of a funnel, one bar per run and the published counts as marks.

    Args:
        path: of the figure.
        runs: counts by step, of every run by its name.
        published: counts by step, where there are any.
        words: of the steps, in their order.
    """
    figure, ax = pyplot.subplots(figsize=(7, 4), layout="constrained")
    places = np.arange(len(words))
    height = 0.8 / len(runs)
    for number, (name, counts) in enumerate(runs.items()):
        left = [counts.get(step, 0) for step in words]
        ax.barh(places + (number - (len(runs) - 1) / 2) * height, left, height, label=name)
    marked = [place for place, step in enumerate(words) if step in published]
    ax.plot([published[list(words)[place]] for place in marked], marked, "kD", markersize=4, label="paper")
    ax.set(xscale="log", xlim=(10, None), xlabel="left")
    ax.set_yticks(places, list(words.values()))
    ax.invert_yaxis()
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, path)


def _density(
    ax: Axes, bins: NDArray[np.float64], values: NDArray[np.float64], others: NDArray[np.float64], wanted: Interval
) -> None:
    low, high = max(wanted.low, bins[0]), min(wanted.high, bins[-1])
    ax.axvspan(low, high, color="0.9", zorder=0, label="asked for")
    edges = bins.tolist()
    ax.hist(others, edges, density=True, color="tab:cyan", alpha=0.5, label="unconditional")
    ax.hist(values, edges, density=True, color="tab:purple", alpha=0.5, label="conditional")
    ax.set_xlim(bins[0], bins[-1])


def _save(figure: Figure, path: Path) -> None:
    kind = path.suffix.removeprefix(".")
    content = BytesIO()
    figure.savefig(content, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)
    write_atomically(path, content.getvalue())
